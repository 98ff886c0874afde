"""`curate dedup`: a verdict on every row of tables with texts."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_json, new_file, positive
from curate.commands.plain import FORMATS, tell_unread
from curate.settings import toml_value
from curate.terminal import say, say_json

if TYPE_CHECKING:
    from curate.recipe import Dedup

PARAMETERS = ("method", "ngram", "unit", "normalise", "bands", "rows", "threshold", "permutations", "verify", "keep")
"""Options that are keys of `[dedup]`."""


def add(commands: Any) -> None:
    words = "a verdict on every row of tables with texts: which row it repeats, if any"
    command = add_command(commands, "dedup", words, run)
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="Parquet or JSON Lines (.gz, .zst), or folders of them"
    )
    command.add_argument("--out", type=new_file, required=True, help=f"the verdicts ({FORMATS})")
    command.add_argument(
        "--method",
        nargs="+",
        default=["exact", "minhash"],
        metavar="METHOD",
        help="exact, url, minhash, semantic, lines, substring, ngrams: in this order",
    )
    for name in ("text", "id", "url", "timestamp"):
        command.add_argument(f"--{name}", metavar="COLUMN", help=f'default: "{name}"')
    command.add_argument(
        "--kept", type=new_file, metavar="FILE", help=f"write the rows that stay, with all their columns ({FORMATS})"
    )
    command.add_argument("--ngram", type=positive, help="words a shingle (5)")
    command.add_argument("--unit", help='"words" or "characters": what a shingle consists of')
    command.add_argument("--normalise", help='"words", "ccnet" or "none": how much of a text counts')
    command.add_argument("--bands", type=positive, help="(14)")
    command.add_argument("--rows", type=positive, help="a band (8)")
    command.add_argument("--threshold", type=float, help="instead of bands and rows: the similarity to split them for")
    command.add_argument("--permutations", type=positive, help="for --threshold (128)")
    verify = "least true similarity to the copy that stays (0.7), or { containment = 0.75 }; 0: none"
    command.add_argument("--verify", type=toml_value, help=verify)
    keep = '"longest", "cleanest", "latest", "first" or "highest:COLUMN"; or "cleanest" and another'
    command.add_argument("--keep", nargs="+", help=keep)
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="others: lines.span=3")
    command.add_argument("--against", nargs="+", default=[], metavar="DIR", help="indexes, or runs that have one")
    command.add_argument("--index", type=Path, metavar="DIR", help="against this one too; then add what stays to it")
    command.add_argument("--workers", type=positive, help="threads (default: all cores); never changes the output")
    add_json(command, "print the account as JSON")


def run(options: argparse.Namespace) -> int:
    from curate.pipeline.run import available_cores
    from curate.report.terminal.dedup import account_lines
    from curate.standalone.dedup import dedup_files

    dedup = _parameters(options)
    columns = {name: getattr(options, name) for name in ("text", "id", "url", "timestamp") if getattr(options, name)}
    found = dedup_files(
        options.files,
        dedup,
        columns=columns,
        against=options.against,
        index=options.index,
        out=options.out,
        kept=options.kept,
        workers=options.workers or available_cores(),
        scratch=options.out.parent,
    )
    account, code = found.account, tell_unread(found.unread)
    if options.json:
        say_json(asdict(account))
        return code
    for line in account_lines(account, dedup):
        say(line)
    say()
    say(f"{options.out}: one row per document; null in duplicate_of: it stays.")
    if options.kept:
        say(f"{options.kept}: the documents that stay.")
    elif account.cuts:
        say("--kept FILE writes the documents that stay, without what was cut.")
    return code


def _parameters(options: argparse.Namespace) -> Dedup:
    """Those of the command line; what is not given has its default.

    Raises:
        UsageError: a method or parameter that there is not, or a value out of its range.
    """
    from curate.dedup.sign import with_bands
    from curate.recipe import Dedup
    from curate.settings import build_options

    given = {name: getattr(options, name) for name in PARAMETERS}
    return with_bands(build_options(Dedup, given, options.set))
