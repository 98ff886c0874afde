"""`curate ablate`: which of several runs has the better training data."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_device, add_json, count, positive
from curate.settings import parse_settings
from curate.terminal import ERR, say, say_json, show, warn


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "ablate",
        "say which of several runs has the better training data, by training a small model on each",
        run,
        about="The first run is the baseline. A comparison that was interrupted goes on where it was; what is finished "
        "is not done again. docs/ablate.md says more. It needs PyTorch: "
        'pip install "curate-corpus[train]"; the picture needs "curate-corpus[plot]".',
        examples=[
            "curate ablate runs/raw runs/curated --tier ngram",
            "curate ablate runs/a runs/b runs/c --seeds 5 --held-out reference.parquet",
        ],
    )
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders with tokens, two or more")
    words = "what is trained: ngram (seconds), t1 (a CPU, minutes), t2-20m (a GPU), or another preset (default: t1)"
    command.add_argument("--tier", default="t1", metavar="NAME", help=words)
    words = "trainings of each run; the baseline gets twice as many (default: 3)"
    command.add_argument("--seeds", type=positive, default=3, metavar="N", help=words)
    words = "training tokens of each run under each seed (default: the tier's)"
    command.add_argument("--tokens", type=positive, metavar="N", help=words)
    words = "files with texts, or runs, in place of the validation parts of all runs; may be repeated"
    command.add_argument("--held-out", action="append", default=[], metavar="FILE", help=words)
    words = "the most text of each source to ask about (default: 400000)"
    command.add_argument("--held-out-bytes", type=positive, metavar="N", help=words)
    words = 'any setting of the tier: "width=256" of a preset, "order=5" of ngram; may be repeated'
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=words)
    add_device(command)
    words = "what a training on a CPU may use (default: every core)"
    command.add_argument("--threads", type=positive, metavar="N", help=words)
    command.add_argument("--seed", type=count, metavar="N", help="the first of the seeds (default: 17)")
    words = "the chance at which a difference is called one (default: 0.05)"
    command.add_argument("--alpha", type=float, metavar="P", help=words)
    words = "the folder of the comparison (default: ablations/ and the runs' names)"
    command.add_argument("--out", type=Path, metavar="DIR", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.ablation.ablate import ablate
    from curate.report.terminal.ablation import ablation_progress, arms_table, sentences, verdicts_table

    names = ("held_out_bytes", "seed", "alpha")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    with ablation_progress(ERR) as report:
        found = ablate(
            options.runs,
            tier=options.tier,
            out=options.out,
            seeds=options.seeds,
            tokens=options.tokens,
            held_out=options.held_out,
            settings=parse_settings(options.set),
            device=options.device,
            threads=options.threads,
            report=report,
            **given,
        )
    if options.json:
        say_json(asdict(found))
        return 0
    show(arms_table(found))
    show(verdicts_table(found))
    for sentence in sentences(found):
        say(sentence)
    for note in found.notes:
        warn(note)
    return 0
