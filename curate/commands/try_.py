"""`curate try`: one step of a recipe on a sample; what it keeps and drops, side by side, with the values."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from curate.commands.arguments import add_command, add_json, add_recipe, positive
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "try",
        "show what one step of a recipe keeps and drops of a sample, side by side",
        run,
        about="The steps before it decide first, as in a run. Nothing is written.",
        examples=["curate try recipe.toml gopher_quality", "curate try recipe.toml my_filters:no_recipes --sample 50"],
    )
    add_recipe(command)
    words = 'the step, as "curate show" calls it: "gopher_quality", "my_filters:no_recipes", "where#2" for the second'
    command.add_argument("step", metavar="STEP", help=words)
    command.add_argument("--source", metavar="NAME", help="the source to take (default: the first with this step)")
    words = "examples that are shown (default: 20)"
    command.add_argument("--sample", type=positive, default=20, metavar="N", help=words)
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
