"""`curate signals`: what is measured on every document."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from curate.commands.arguments import add_command, add_json
from curate.terminal import say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "signals",
        'list what is measured on every document, for a "where" of a recipe to decide on',
        run,
        examples=["curate signals"],
    )
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import signals
    from curate.report.terminal.signals import signals_table

    if options.json:
        say_json([asdict(signal) for signal in signals()])
    else:
        show(signals_table(signals()))
    return 0
