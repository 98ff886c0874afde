"""`curate filter --try`: one step of a recipe on a sample; what it keeps and drops, with the values."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from curate.commands.arguments import add_command, add_json, positive
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    words = "try one step of a recipe: what it keeps and drops, with the values"
    command = add_command(commands, "filter", words, run)
    command.add_argument("recipe")
    command.add_argument(
        "--try", action="store_true", required=True, dest="is_trial", help="on a sample; writes nothing"
    )
    command.add_argument(
        "--step", required=True, metavar="NAME", help='as the funnel calls it; a second one is "where#2"'
    )
    command.add_argument("--source", metavar="NAME", help="default: the first that has the step")
    command.add_argument("--sample", type=positive, default=20, help="examples shown")
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import try_step
    from curate.report.terminal.trial import tried_table

    tried = try_step(options.recipe, options.step, source=options.source, sample=options.sample)
    if options.json:
        say_json(asdict(tried))
        return 0
    show(tried_table(tried))
    for example in tried.examples:
        if example.outcome == "quarantined":
            say(f"quarantined: {example.id}: {example.values[0][1]}")
    return 0
