"""`curate tokenize`: tables with texts into shards of tokens, and nothing else."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json
from curate.commands.plain import COLUMNS, tell_unread
from curate.terminal import say, say_json


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "tokenize",
        "turn tables with texts into shards of tokens, by a tokenizer that there is",
        run,
        about="Every text becomes a document as it is: nothing is filtered, and nothing is drawn or repeated. The new "
        "folder holds shards with the views of a run's, the tokenizer, and vocabulary.json. docs/export.md says how "
        "trainers read such files; with a recipe, the account of every document comes along.",
        examples=[
            "curate tokenize docs.parquet --tokenizer llama/tokenizer.json --out tokens/",
            "curate tokenize *.jsonl.zst --tokenizer bytes --out tokens/ --text content --id uri",
        ],
    )
    words = "Parquet or JSON Lines (.gz, .zst), or folders of them"
    command.add_argument("files", nargs="+", metavar="FILE", help=words)
    words = '"bytes", a tokenizer.json, a tiktoken file, or a SentencePiece model'
    command.add_argument("--tokenizer", required=True, metavar="FILE", help=words)
    words = "a new folder, for the shards and what describes them"
    command.add_argument("--out", required=True, type=Path, metavar="FOLDER", help=words)
    words = "the token that ends a text (default: the one that the tokenizer's own files declare)"
    command.add_argument("--end-of-text", metavar="TOKEN", help=words)
    for name in ("text", "id"):
        command.add_argument(f"--{name}", metavar="COLUMN", help=f'{COLUMNS[name]} (default: "{name}")')
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.standalone.tokenize import tokenize_files

    columns = {name: getattr(options, name) for name in ("text", "id") if getattr(options, name)}
    found = tokenize_files(
        options.files, tokenizer=options.tokenizer, out=options.out, columns=columns, end_of_text=options.end_of_text
    )
    code = tell_unread(found.unread)
    if options.json:
        told = {name: value for name, value in asdict(found).items() if name != "unread"}
        say_json(told | {"unreadable": sum(part.rows for part in found.unread)})
        return code
    say(f"{found.documents:,} documents, {found.bytes:,} bytes of text, {found.tokens:,} tokens")
    if found.empty:
        say(f"{found.empty:,} rows have no text, and are none")
    say(f"{options.out}: {found.shards:,} shards written.")
    return code
