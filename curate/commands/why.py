"""`curate why`: one document's way through a run."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from curate.commands.arguments import add_command, add_json, add_run
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "why",
        "tell one document's way through a run: every rule with its value, and what took it",
        run,
        examples=[
            "curate why runs/quickstart https://example.org/page",
            "curate why runs/quickstart web/web.warc.gz@0",
        ],
    )
    add_run(command)
    words = "an id from the ledger, the id of a table's own column, or a URL"
    command.add_argument("document", metavar="ID_OR_URL", help=words)
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
