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
            "curate why runs/quickstart web/web.warc.gz@0 --blocks",
        ],
    )
    add_run(command)
    words = "an id from the ledger, the id of a table's own column, or a URL"
    command.add_argument("document", metavar="ID_OR_URL", help=words)
    told = (
        'and each block of the page with its score: what extract = "curate" took for content and what for boilerplate'
    )
    command.add_argument("--blocks", action="store_true", help=told)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run
    from curate.report.terminal.why import blocks_table, checks_table, story_lines

    opened = Run(options.run)
    found = opened.why(options.document)
    blocks = {story.id: opened.blocks(story.id) for story in found} if options.blocks else {}
    if options.json:
        extra = {id: {"blocks": [block._asdict() for block in of_page]} for id, of_page in blocks.items()}
        say_json([asdict(story) | extra.get(story.id, {}) for story in found])
        return 0
    for story in found:
        for line in story_lines(story):
            say(line)
        if story.checks:
            show(checks_table(story))
        if story.id in blocks:
            show(blocks_table(blocks[story.id]))
    return 0
