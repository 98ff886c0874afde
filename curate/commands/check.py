"""`curate check`: what in a recipe can never work, and what each rule takes of a sample."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import add_command, add_json, positive
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    words = "what in a recipe can never work, and what each rule takes of a sample"
    command = add_command(commands, "check", words, run)
    command.add_argument("recipe")
    command.add_argument("--documents", type=positive, default=1000, help="of each source that the steps are tried on")
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
