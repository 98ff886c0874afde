"""`curate signals`: what is measured on every document."""

from __future__ import annotations

import argparse
import json
from typing import Any

from curate.commands.arguments import add_command, add_json
from curate.terminal import OUT


def add(commands: Any) -> None:
    command = add_command(commands, "signals", "what is measured on every document: name, unit, source", run)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.report.signals import signal_values, signals_table

    if options.json:
        OUT.print_json(json.dumps(signal_values()))
    else:
        OUT.print(signals_table())
    return 0
