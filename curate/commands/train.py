"""`curate train`: a compact GPT on a run's tokens."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_device, add_run, positive
from curate.settings import parse_settings
from curate.terminal import ERR, IS_PLAIN, is_watched, say, say_pieces, show, warn

if TYPE_CHECKING:
    from curate.train_min.train import TrainResult


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "train",
        "train a compact GPT on a run's tokens, and say how well it predicts each source",
        run,
        about="A training that was interrupted goes on from its last checkpoint, also on another number of "
        'GPUs. It needs PyTorch: pip install "curate-corpus[train]". RUN may also be a folder that holds nothing but '
        "the tokens of a run, carried to a machine with torch, numpy and safetensors alone.",
        examples=[
            "curate train runs/quickstart",
            "curate train runs/mini --preset d12 --set learning_rate=1e-3 --out d12",
            "torchrun --nproc-per-node 8 -m curate train runs/mini --preset d12",
        ],
    )
    add_run(command)
    command.add_argument(
        "--preset",
        metavar="NAME",
        help="nano, t1, t2-20m, t3-60m, d12, d24, moe, gpt2, llama or qwen3 (default: the recipe's)",
    )
    words = 'any setting of the preset, by its name in "curate.train_min.config": width=256; may be repeated'
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=words)
    words = "steps of the optimizer (default: the preset's, or fewer where the mixture allows no more epochs)"
    command.add_argument("--steps", type=positive, metavar="N", help=words)
    add_device(command)
    words = "the seed of the weights and of the order of the tokens (default: the run's)"
    command.add_argument("--seed", type=int, metavar="N", help=words)
    command.add_argument("--out", type=Path, metavar="DIR", help="the training's folder (default: RUN/train/PRESET)")
    words = "begin with the weights, moments and steps of another training of this shape, whatever its tokens"
    command.add_argument("--fork", type=Path, metavar="TRAINING", help=words)
    words = "delete the training that the folder holds, and begin anew"
    command.add_argument("--restart", action="store_true", help=words)


def run(options: argparse.Namespace) -> int:
    from curate.api import train

    show_training(
        partial(
            train,
            options.run,
            preset=options.preset,
            settings=parse_settings(options.set),
            steps=options.steps,
            device=options.device,
            seed=options.seed,
            out=options.out,
            resume=not options.restart,
            fork=options.fork,
        ),
        options.run,
    )
    return 0


def show_training(train: Callable[..., TrainResult], run: Path | str) -> None:
    """Show how a training goes on, and the table at its end; all that it still needs is where to `report`."""
    from curate.train_min.spread import is_first_process

    if not is_first_process():
        train(report=None)  # the first of them tells
        return
    from curate.report.terminal.training import scores_lines, scores_table, training_progress

    with training_progress(ERR) as report:
        result = train(report=report)
    if result.was_complete:
        warn(f"{result.checkpoint.parent} holds this training, complete; --restart begins it anew.")
    if IS_PLAIN:
        for line in scores_lines(result):
            say(line)
    else:
        show(scores_table(result, _ngrams(result, run)))
    _show_curves(result.checkpoint.parent)
    say()
    say(f'Next: curate generate {result.checkpoint.parent} "The "')


def _show_curves(out: Path) -> None:
    """As a picture beside the log, where matplotlib is; and to who looks at a terminal."""
    from curate.report.curves import PICTURE, draw_picture, read_curves
    from curate.report.terminal.curves import curves_lines

    panels = read_curves(out)
    picture = draw_picture(panels, out / PICTURE)
    if is_watched():
        for line in curves_lines(panels, width=shutil.get_terminal_size().columns):
            say_pieces(line)
    if picture is not None:
        say(f"The curves are drawn in {picture}.")


def _ngrams(result: TrainResult, run: Path | str) -> Mapping[int, Mapping[str, float]]:
    """What bigrams and trigrams make of the same validation tokens; where there is no more than torch, nobody asks."""
    from curate.ablation.baselines import ngram_baselines
    from curate.train_min.checkpoint import read_state

    return ngram_baselines(run, max_tokens=read_state(result.checkpoint).config["last_evaluate_tokens"])
