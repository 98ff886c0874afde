"""`curate check`: what in a recipe can never work, and what each rule takes of a sample."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import add_command, add_json, add_recipe, positive
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "check",
        "find what in a recipe can never work, and what each of its rules takes of a sample",
        run,
        about="Tries the steps on some documents: thresholds that drop all or never fire, steps that stand twice, own "
        "functions that raise, weights that don't close. Beside each rule stands what its publication says it took. "
        "The exit code is 1 where something is wrong.",
        examples=["curate check recipe.toml --documents 500"],
    )
    add_recipe(command)
    words = "documents of each source on which the steps are tried (default: 1000)"
    command.add_argument("--documents", type=positive, default=1000, metavar="N", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import check
    from curate.report.check import check_values
    from curate.report.terminal.check import rates_tables

    checked = check(options.recipe, documents=options.documents)
    if options.json:
        say_json(check_values(checked))
        return 1 if checked.has_fault else 0
    for table in rates_tables(checked.rates):
        show(table)
    for finding in checked.findings:
        word, style = ("fault", "bold red") if finding.is_fault else ("note", None)
        say(f"{word}: {finding.place}: {finding.sentence}", style=style)
    if not checked.has_fault:
        say(f"{options.recipe}: nothing that can't work was found.")
    return 1 if checked.has_fault else 0
