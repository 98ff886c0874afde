"""`curate decontaminate`: which rows of tables hold which items of evaluation sets."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import add_command, add_json, new_file
from curate.commands.plain import FORMATS, tell_unread
from curate.terminal import say, say_json


def add(commands: Any) -> None:
    words = "which rows of tables hold which items of evaluation sets"
    command = add_command(commands, "decontaminate", words, run)
    command.add_argument("files", nargs="+", metavar="FILE", help="Parquet or JSON Lines, or folders of them")
    sets = "evaluation sets: JSON Lines, Parquet, or text with an item a line"
    command.add_argument("--against", nargs="+", required=True, metavar="FILE", help=sets)
    command.add_argument(
        "--out", type=new_file, required=True, help=f"the report: one row per document and item ({FORMATS})"
    )
    kept = f"write the rows that are left, with all their columns ({FORMATS})"
    command.add_argument("--kept", type=new_file, metavar="FILE", help=kept)
    method = '"ngrams": GPT-3\'s, n-grams are cut; "sampled": decon\'s, documents with most of an item go'
    command.add_argument("--method", help=method)
    for name in ("text", "id"):
        command.add_argument(f"--{name}", metavar="COLUMN", help=f'default: "{name}"')
    command.add_argument("--columns", nargs="+", metavar="COLUMN", help="of the sets: what an item consists of")
    others = "others: ngrams.window=100"
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=others)
    add_json(command, "print the account as JSON")


def run(options: argparse.Namespace) -> int:
    from curate.recipe import Decontaminate
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
    for line in (*set_lines(found.counts), "", f"{options.out}: one row per document and item."):
        say(line)
    if options.kept:
        say(f"{options.kept}: the documents that are left.")
    return code
