"""`curate forget`: documents taken out of a finished run, its tokens and its account."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from curate.commands.arguments import add_command, add_json, add_run, count
from curate.terminal import ERR, say, say_json


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "forget",
        "take documents out of a finished run: out of its tables, its tokens and its account",
        run,
        about="The ledger says of them that they were forgotten, and nothing else; there is no way back. The run is "
        "sound afterwards (curate verify). One that was interrupted goes on with curate forget RUN.",
        examples=[
            "curate forget runs/quickstart --url http://a.example/page --domain b.example",
            "curate forget runs/quickstart --pattern '/users/[0-9]+$'",
        ],
    )
    add_run(command)
    choices = (
        ("--url", "URL", "all that was read from this URL"),
        ("--domain", "NAME", "all that was read from this domain and those below it"),
        ("--id", "ID", "the record with this id, or with this id of its own"),
        ("--pattern", "REGEX", "all whose URL holds a match of this regular expression"),
    )
    for option, metavar, words in choices:
        command.add_argument(option, action="append", default=[], metavar=metavar, help=f"{words}; may be repeated")
    words = "worker processes (default: one for each core; 0: all in this process)"
    command.add_argument("--workers", type=count, metavar="N", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run
    from curate.report.terminal.progress import progress_on

    with progress_on(ERR) as progress:
        found = Run(options.run).forget(
            urls=options.url,
            domains=options.domain,
            ids=options.id,
            patterns=options.pattern,
            workers=options.workers,
            show=progress,
        )
    if options.json:
        say_json(asdict(found))
        return 0
    say(f"{found.records:,} records are forgotten, {found.documents:,} of which were kept documents.")
    say("Models that were trained on them, and copies of the run, are not touched.")
    return 0
