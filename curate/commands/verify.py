"""`curate verify`: checksums and the account, computed again."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import add_command, add_run
from curate.terminal import say


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "verify",
        "compute all checksums and the account of a run again; exit 1 on a difference",
        run,
        examples=["curate verify runs/quickstart"],
    )
    add_run(command)
    command.add_argument("--inputs", action="store_true", help="read the inputs once more, too, and compare them")


def run(options: argparse.Namespace) -> int:
    from curate.api import verify

    verified = verify(options.run, inputs=options.inputs)
    for sentence in verified.differences:
        say(sentence)
    if verified.is_sound:
        compared = "files, the inputs" if options.inputs else "files"
        say(f"{options.run}: {verified.files} {compared} and the account are as the manifest says.")
    return 0 if verified.is_sound else 1
