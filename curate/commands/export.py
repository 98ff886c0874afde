"""`curate export`: a run's tokens in the files of other trainers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json, add_run, positive
from curate.terminal import say, say_json

LINKED = "nanogpt, datatrove, olmo, megatron, titan"
COPIED = "llmc, litdata, mds, hf, nanochat, packed"


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "export",
        "write a run's tokens as other trainers read them",
        run,
        about=f"{LINKED}: second names of the run's own files, no copy. {COPIED}: copies. OUT/load.py loads them.",
        examples=[
            "curate export runs/quickstart --to nanogpt --source web --out web-nanogpt",
            "curate export runs/quickstart --to mds --mixture --row-length 1024 --out mixed-mds",
        ],
    )
    add_run(command)
    command.add_argument("--to", required=True, metavar="FORMAT", help=f"{LINKED}, {COPIED}")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the new folder")
    words = "this source only, or bucket of one (web@high); may be repeated (default: each in a folder of its own)"
    command.add_argument("--source", action="append", default=[], metavar="NAME", help=words)
    words = "the mixture as one sequence, with its repeats, instead of its sources"
    command.add_argument("--mixture", action="store_true", help=words)
    words = "tokens of a sample, in formats that hold samples (default: 2,048)"
    command.add_argument("--row-length", type=positive, default=2048, metavar="N", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.standalone.export import SNIPPET, export

    made = export(
        options.run,
        options.to,
        out=options.out,
        sources=options.source,
        mixture=options.mixture,
        row_length=options.row_length,
    )
    if options.json:
        say_json({"folder": str(made.folder), "tokens": made.tokens, "notes": list(made.notes)})
        return 0
    for name, tokens in made.tokens.items():
        say(f"{name}: {tokens['train']:,} tokens for training, {tokens['validation']:,} for validation.")
    for note in made.notes:
        say(f"Note: {note}.")
    where = made.folder / SNIPPET if len(made.tokens) == 1 else made.folder / next(iter(made.tokens)) / SNIPPET
    say()
    say(f"{where} loads it:")
    say()
    for line in made.snippet.splitlines():
        say(line)
    return 0
