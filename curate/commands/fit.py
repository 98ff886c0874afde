"""`curate fit`: which mixture of sources is best, from runs of many mixtures."""

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
        "fit",
        "recommend a mixture of sources, by small runs over many mixtures or a table of runs",
        run,
        about="Of a run, it trains a small model on each of --runs mixtures first, and writes runs.csv; a table has a "
        "row a run, with columns weight_SOURCE and loss, or several loss_… docs/ablate.md says more.",
        examples=["curate fit runs/mini --tier ngram --runs 32", "curate fit runs.csv --parameters 30000000"],
    )
    command.add_argument("what", type=Path, metavar="RUN|CSV", help="the folder of a run, or a table of runs")
    words = "mixtures to try of a run (default: 32; 16 to 64 make sense)"
    command.add_argument("--runs", type=positive, default=32, metavar="N", help=words)
    words = "what is trained on each: ngram (default), or a preset of curate train"
    command.add_argument("--tier", default="ngram", metavar="NAME", help=words)
    words = "training tokens of each run (default: the tier's)"
    command.add_argument("--tokens", type=positive, metavar="N", help=words)
    words = 'any setting of the tier, as for "curate ablate"; may be repeated'
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=words)
    add_device(command)
    words = "parameters of the models of a table, to be warned of small ones"
    command.add_argument("--parameters", type=positive, metavar="N", help=words)
    command.add_argument("--seed", type=count, default=17, metavar="N", help="of the mixtures (default: 17)")
    words = "where the small runs are (default: ablations/ and the run's name)"
    command.add_argument("--out", type=Path, metavar="DIR", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    """A table alone needs no PyTorch; a run's tokens are opened by the trainer."""
    from curate.ablation.fit_mixture import fit_mixture
    from curate.report.terminal.fit import fit_lines, fit_table

    table, parameters = options.what, options.parameters
    if options.what.is_dir():
        table, parameters = _train(options), 0 if parameters is None else parameters
    found = fit_mixture(table, parameters=parameters, seed=options.seed)
    if options.json:
        say_json(asdict(found))
        return 0
    show(fit_table(found))
    for line in fit_lines(found):
        say(line)
    for note in found.notes:
        warn(note)
    return 0


def _train(options: argparse.Namespace) -> Path:
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.ablation.mixture_runs import mixture_runs

    return mixture_runs(
        options.what,
        out=options.out or Path("ablations") / f"{options.what.resolve().name}-mixtures",
        count=options.runs,
        tier=options.tier,
        tokens=options.tokens,
        settings=parse_settings(options.set),
        device=options.device,
        seed=options.seed,
        report=lambda done, all: ERR.print(f"{done}/{all} mixtures", highlight=False),
    )
