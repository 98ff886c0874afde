"""`curate plan`: inputs, splits and the mixture's epochs; runs nothing."""

from __future__ import annotations

import argparse
import json
from typing import Any

from curate.commands.arguments import add_command, add_json
from curate.terminal import OUT


def add(commands: Any) -> None:
    command = add_command(commands, "plan", "inputs, splits and the mixture's epochs; runs nothing", run)
    command.add_argument("recipe")
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.report.plan import plan_tables, plan_values

    if options.json:
        OUT.print_json(json.dumps(plan_values(options.recipe)))
    else:
        for table in plan_tables(options.recipe):
            OUT.print(table)
    return 0
