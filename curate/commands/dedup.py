"""`curate dedup`: a verdict on every row of tables with texts."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_json, new_file, positive
from curate.commands.plain import COLUMNS, FORMATS, tell_unread
from curate.dedup.methods import METHODS, methods_of
from curate.settings import toml_value
from curate.terminal import say, say_json

if TYPE_CHECKING:
    from curate.recipe_dedup import Dedup

PARAMETERS = ("method", "ngram", "unit", "normalize", "bands", "rows", "threshold", "permutations", "verify", "keep")
"""Options that are keys of `[dedup]`."""


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "dedup",
        "find the rows of tables that repeat other rows",
        run,
        about="Every row gets a verdict: which row it repeats, if any, how similar it is to that, and what found it. "
        "docs/dedup.md says what counts as a copy.",
        examples=[
            "curate dedup docs.parquet more.jsonl.zst --out verdicts.parquet --kept unique.parquet",
            "curate dedup crawl/ --out verdicts.parquet --method exact minhash lines --set lines.span=3",
        ],
    )
    words = "Parquet or JSON Lines (.gz, .zst), or folders of them"
    command.add_argument("files", nargs="+", metavar="FILE", help=words)
    command.add_argument("--out", type=new_file, required=True, metavar="FILE", help=f"the verdicts ({FORMATS})")
    words = f"write the rows that stay, with all their columns ({FORMATS})"
    command.add_argument("--kept", type=new_file, metavar="FILE", help=words)
    words = f"{', '.join(METHODS)}, 'module:object', or of an installed package: in this order (default: exact minhash)"
    command.add_argument("--method", nargs="+", default=["exact", "minhash"], metavar="METHOD", help=words)
    for name, words in COLUMNS.items():
        command.add_argument(f"--{name}", metavar="COLUMN", help=f'{words} (default: "{name}")')
    command.add_argument("--ngram", type=positive, metavar="N", help="minhash: words of a shingle (default: 5)")
    words = 'minhash: shingles consist of "words" or of "characters" (default: words)'
    command.add_argument("--unit", metavar="UNIT", help=words)
    words = 'how much of a text counts: its "words", "ccnet" (letters), or all of it, "none" (default: words)'
    command.add_argument("--normalize", metavar="HOW", help=words)
    command.add_argument("--bands", type=positive, metavar="N", help="minhash: bands of a signature (default: 14)")
    command.add_argument("--rows", type=positive, metavar="N", help="minhash: rows of a band (default: 8)")
    words = "minhash: instead of bands and rows, the similarity about which they are to part"
    command.add_argument("--threshold", type=float, metavar="SIMILARITY", help=words)
    words = "minhash: hashes of a signature, with --threshold (default: 128)"
    command.add_argument("--permutations", type=positive, metavar="N", help=words)
    words = (
        "minhash: the least true similarity to the copy that stays, or { containment = 0.75 } (default: 0.7; 0: none)"
    )
    command.add_argument("--verify", type=toml_value, metavar="SIMILARITY", help=words)
    words = 'which copy stays: "longest", "cleanest", "latest", "first", "highest:COLUMN"; or "cleanest" and another'
    command.add_argument("--keep", nargs="+", metavar="RULE", help=words)
    words = "any other key of [dedup] in a recipe: lines.span=3; may be repeated"
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=words)
    words = "drop also what repeats a document of these indexes, or of runs that left one"
    command.add_argument("--against", nargs="+", default=[], metavar="DIR", help=words)
    words = "compare with this index, too, and add to it what stays; it is made where there is none"
    command.add_argument("--index", type=Path, metavar="DIR", help=words)
    words = "threads (default: one for each core); they never change the output"
    command.add_argument("--workers", type=positive, metavar="N", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.engine.local import available_cores
    from curate.report.terminal.dedup import account_lines
    from curate.standalone.dedup import dedup_files

    dedup = _parameters(options)
    columns = {name: getattr(options, name) for name in COLUMNS if getattr(options, name)}
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
    from curate.errors import UsageError
    from curate.recipe_dedup import Dedup
    from curate.settings import build_options

    given = {name: getattr(options, name) for name in PARAMETERS}
    dedup = build_options(Dedup, given, options.set)
    try:
        methods_of(dedup)
    except UsageError as error:
        raise UsageError(f"--method: {error}") from None
    return with_bands(dedup)
