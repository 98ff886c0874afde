"""`curate plan`: inputs, splits and the mixture's epochs; runs nothing."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import add_command, add_json, add_recipe
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "plan",
        "say what a recipe would read, and how many tokens to expect, without running it",
        run,
        about="Finds all inputs, takes a part of each source through its steps, and estimates the tokens and how often "
        "the mixture repeats each source, with the error that such an estimate has.",
        examples=["curate plan recipe.toml"],
    )
    add_recipe(command)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import plan
    from curate.report.plan import plan_values
    from curate.report.terminal.plan import plan_lines, plan_table

    planned = plan(options.recipe)
    if options.json:
        say_json(plan_values(planned))
        return 0
    show(plan_table(planned))
    for line in plan_lines(planned):
        say(line)
    return 0
