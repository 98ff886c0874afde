"""`curate fertility`: how many bytes of text a token stands for, in the run's tokenizer and in others."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from curate.commands.arguments import add_command, add_json, add_run, positive
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "fertility",
        "tell how many bytes of text a token stands for, by source and language, beside other tokenizers",
        run,
        about="A vocabulary that has not seen a language cuts it into bytes: a text in it costs several times more.",
        examples=["curate fertility runs/quickstart", "curate fertility runs/quickstart --beside llama.json"],
    )
    add_run(command)
    words = "another tokenizer to compare with, a tokenizer.json, tiktoken file or SentencePiece model; may be repeated"
    command.add_argument("--beside", action="append", default=[], metavar="FILE", help=words)
    words = "how much text of each source and language is encoded (default: 1,000,000)"
    command.add_argument("--sample-bytes", type=positive, default=1_000_000, metavar="N", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run
    from curate.report.terminal.fertility import fertility_table, tokenizer_lines

    found = Run(options.run).fertility(options.beside, sample_bytes=options.sample_bytes)
    if options.json:
        say_json(asdict(found))
        return 0
    for line in tokenizer_lines(found):
        say(line)
    show(fertility_table(found))
    return 0
