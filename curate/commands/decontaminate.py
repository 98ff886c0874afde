"""`curate decontaminate`: which rows of tables hold which items of evaluation sets."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import add_command, add_json, new_file
from curate.commands.plain import COLUMNS, FORMATS, tell_unread
from curate.terminal import say, say_json


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "decontaminate",
        "find the rows of tables that hold items of evaluation sets",
        run,
        about="A model that has seen the questions of its examination looks better than it is. "
        "docs/decontamination.md says how items are looked for.",
        examples=[
            "curate decontaminate docs.parquet --against evals/*.jsonl --out report.parquet --kept clean.parquet"
        ],
    )
    words = "Parquet or JSON Lines (.gz, .zst), or folders of them"
    command.add_argument("files", nargs="+", metavar="FILE", help=words)
    words = "the evaluation sets: JSON Lines, Parquet, or text with one item per line"
    command.add_argument("--against", nargs="+", required=True, metavar="FILE", help=words)
    words = f"the report: one row per document and item ({FORMATS})"
    command.add_argument("--out", type=new_file, required=True, metavar="FILE", help=words)
    words = f"write the rows that are left, with all their columns ({FORMATS})"
    command.add_argument("--kept", type=new_file, metavar="FILE", help=words)
    words = '"ngrams", GPT-3\'s: n-grams are cut out; "sampled", decon\'s: documents with most of an item are dropped'
    command.add_argument("--method", metavar="METHOD", help=f"{words} (default: ngrams)")
    for name in ("text", "id"):
        command.add_argument(f"--{name}", metavar="COLUMN", help=f'{COLUMNS[name]} (default: "{name}")')
    words = "columns of the sets that make up an item (default: all with text)"
    command.add_argument("--columns", nargs="+", metavar="COLUMN", help=words)
    words = "any other key of [decontaminate] in a recipe: ngrams.window=100; may be repeated"
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.recipe import Decontaminate
    from curate.report.contamination import contamination
    from curate.report.terminal.contamination import set_lines
    from curate.settings import build_options
    from curate.standalone.decontaminate import decontaminate_files

    given = {name: getattr(options, name) for name in ("against", "method", "columns")}
    columns = {name: getattr(options, name) for name in ("text", "id") if getattr(options, name)}
    decontaminate = build_options(Decontaminate, given, options.set)
    found = decontaminate_files(options.files, decontaminate, columns=columns, out=options.out, kept=options.kept)
    code = tell_unread(found.unread)
    if options.json:
        say_json(found.counts | {"documents": found.documents, "unreadable": sum(part.rows for part in found.unread)})
        return code
    say(f"{found.documents:,} documents")
    for line in (*set_lines(contamination(found.counts)), "", f"{options.out}: one row per document and item."):
        say(line)
    if options.kept:
        say(f"{options.kept}: the documents that are left.")
    return code
