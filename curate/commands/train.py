"""`curate train`: a compact GPT on a run's tokens."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, positive
from curate.terminal import ERR, say, show, warn

if TYPE_CHECKING:
    from curate.api import Run


def add(commands: Any) -> None:
    command = add_command(commands, "train", "train a compact GPT on a run's tokens", run)
    command.add_argument("run", type=Path)
    command.add_argument("--preset", help="nano, t2-20m, d12 (default: the recipe's)")
    command.add_argument("--steps", type=positive)
    command.add_argument("--device", default="auto", help="auto, cpu, cuda")
    command.add_argument("--seed", type=int)
    command.add_argument("--restart", action="store_true", help="begin anew instead of going on from the checkpoint")


def run(options: argparse.Namespace) -> int:
    from curate.api import Run

    train_on(
        Run(options.run),
        preset=options.preset,
        steps=options.steps,
        device=options.device,
        seed=options.seed,
        resume=not options.restart,
    )
    return 0


def train_on(
    run: Run,
    *,
    preset: str | None = None,
    steps: int | None = None,
    device: str = "auto",
    seed: int | None = None,
    resume: bool = True,
) -> None:
    """Train on a run and print the table; the preset is the recipe's unless another is asked for."""
    from curate.api import train
    from curate.report.terminal.training import scores_table, training_progress

    with training_progress(ERR) as report:
        result = train(run, preset=preset, steps=steps, device=device, seed=seed, resume=resume, report=report)
    if result.was_complete:
        warn(f"{result.checkpoint.parent} holds this training, complete; --restart begins it anew.")
    show(scores_table(result))
    say()
    say(f'Next: curate generate {result.checkpoint.parent} "The "')
