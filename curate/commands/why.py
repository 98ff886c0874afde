"""`curate why`: one document's way through a run."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    command = add_command(commands, "why", "one document's way: every rule, its values, what it repeats", run)
    command.add_argument("run", type=Path)
    command.add_argument("document", metavar="ID_OR_URL")
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run
    from curate.report.terminal.why import checks_table, story_lines

    found = Run(options.run).why(options.document)
    if options.json:
        say_json([asdict(story) for story in found])
        return 0
    for story in found:
        for line in story_lines(story):
            say(line)
        if story.checks:
            show(checks_table(story))
    return 0
