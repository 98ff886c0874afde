"""`curate extractor`: the judge of `extract = "curate"` trained on gold pages of one's own."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import Parser, add_command, add_force, add_json, count, new_file
from curate.terminal import say, say_json, warn


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "extractor",
        "train an extractor of main content on pages with their reference texts",
        train,
        about="docs/extractor-card.md says what the extractor that ships was trained on, and how good it is.",
        examples=["curate extractor train golds/wcxb golds/own.jsonl.gz --out extractor.bin"],
    )
    _add_train(command.add_subparsers(required=True, metavar="ACTION", parser_class=Parser))


def _add_train(actions: Any) -> None:
    command = add_command(
        actions,
        "train",
        "train an extractor: what of a page is content, its type, and how sure that is",
        train,
        about='It needs the library: pip install "curate-corpus[extractor]".',
        examples=["curate extractor train golds/wcxb golds/own.jsonl.gz --out extractor.bin"],
    )
    words = (
        "folders of WCXB or the article extraction benchmark, Readability's test pages (.tar.gz), or JSON Lines (.gz) "
    )
    words += "with html and text, and perhaps url, type and body_only"
    command.add_argument("golds", nargs="+", metavar="GOLD", help=words)
    words = "the model; FILE.json beside it says what it was trained on"
    command.add_argument("--out", type=new_file, required=True, metavar="FILE", help=words)
    words = "the seed of the training (default: 17)"
    command.add_argument("--seed", type=count, metavar="N", help=words)
    add_force(command)
    add_json(command)


def train(options: argparse.Namespace) -> int:
    from curate.standalone.extractor import train_extractor

    given = {} if options.seed is None else {"seed": options.seed}
    made = train_extractor(options.golds, out=options.out, force=options.force, tell=warn, **given)
    if options.json:
        say_json(dict(made.card))
        return 0
    pages = ", ".join(f"{number:,} of {gold}" for gold, number in made.card["pages"].items())
    say(f"{made.model}: {made.card['bytes']:,} bytes, trained on {pages}; {made.model.name}.json has all.")
    return 0
