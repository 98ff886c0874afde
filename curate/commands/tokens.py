"""`curate tokens`: the documents behind a training sample, and the samples that show a document."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from curate.commands.arguments import add_command, add_json, add_run, count, positive
from curate.terminal import say, say_json


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "tokens",
        "name the documents behind a training sample, or the samples that show a document",
        run,
        about="A position is the number of a row in the training sequence; step S of batches of B rows is the rows "
        "from S x B on. Length, batch and seed are those of the training in RUN/train, else of the recipe's preset.",
        examples=[
            "curate tokens runs/quickstart --position 1234",
            "curate tokens runs/quickstart --step 100",
            "curate tokens runs/quickstart --document web/web.warc.gz@0",
        ],
    )
    add_run(command)
    asked = command.add_mutually_exclusive_group(required=True)
    asked.add_argument("--position", type=count, nargs="+", metavar="N", help="rows of the training sequence, from 0")
    asked.add_argument("--step", type=count, metavar="S", help="all rows of one step of a training")
    asked.add_argument("--document", metavar="ID", help="the rows, of every epoch, that hold a token of this document")
    words = "the training whose settings count, by its name in RUN/train (default: the only one there)"
    command.add_argument("--training", metavar="NAME", help=words)
    command.add_argument("--row-length", type=positive, metavar="N", help="tokens of a row, instead of the training's")
    command.add_argument("--batch", type=positive, metavar="B", help="rows of a step, instead of the training's")
    command.add_argument("--seed", type=count, metavar="N", help="the seed of the draw, instead of the training's")
    words = "the materialized mixture from front to back, instead of the draw"
    command.add_argument("--mixed", action="store_true", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run
    from curate.report.terminal.samples import sample_lines

    found = Run(options.run).tokens(
        position=options.position,
        step=options.step,
        document=options.document,
        training=options.training,
        row_length=options.row_length,
        batch=options.batch,
        seed=options.seed,
        mixed=options.mixed,
    )
    if options.json:
        say_json(asdict(found))
        return 0
    for line in sample_lines(found):
        say(line)
    return 0
