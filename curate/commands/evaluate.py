"""`curate evaluate`: a trained model, or n-grams, on evaluation sets."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_device, add_json, positive
from curate.terminal import say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "evaluate",
        "say how a trained model, or an n-gram model, does on minimal pairs, LAMBADA and multiple choice",
        run,
        about="The sets are files of yours; nothing is downloaded. docs/ablate.md says more.",
        examples=[
            "curate evaluate runs/mini/train/t1 --pairs blimp.zip --lambada lambada-test.jsonl.gz",
            "curate evaluate baseline.clm --tokenizer runs/mini --choices hellaswag.jsonl",
        ],
    )
    words = "the folder of a training, or of one of its checkpoints, or an n-gram model (.clm)"
    command.add_argument("model", type=Path, metavar="MODEL", help=words)
    words = "minimal pairs: JSON Lines (.gz), or a .zip of them, with sentence_good and sentence_bad, or good and bad; "
    command.add_argument("--pairs", action="append", default=[], metavar="FILE", help=f"{words}may be repeated")
    words = "texts whose last word is to be written; may be repeated"
    command.add_argument("--lambada", action="append", default=[], metavar="FILE", help=words)
    words = "multiple choice: JSON Lines with ctx, endings and label; may be repeated"
    command.add_argument("--choices", action="append", default=[], metavar="FILE", help=words)
    command.add_argument("--limit", type=positive, metavar="N", help="the first items of each file alone")
    words = "of an n-gram model of tokens: the tokenizer's file, or the run whose it is"
    command.add_argument("--tokenizer", type=Path, metavar="FILE", help=words)
    add_device(command)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.report.terminal.evaluation import evaluation_table
    from curate.standalone.evaluate import evaluate

    found = evaluate(
        options.model,
        pairs=options.pairs,
        lambada=options.lambada,
        choices=options.choices,
        limit=options.limit,
        tokenizer=options.tokenizer,
        device=options.device,
    )
    if options.json:
        say_json([asdict(score) for score in found])
    else:
        show(evaluation_table(found))
    return 0
