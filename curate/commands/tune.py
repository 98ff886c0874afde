"""`curate tune`: a checkpoint that learns to answer, to judge answers, or to prefer some."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_device, count, place, positive
from curate.settings import parse_settings
from curate.terminal import ERR, say, show, warn

if TYPE_CHECKING:
    from curate.train_min.tune import TuneResult


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "tune",
        "tune a trained model on conversations, or on answers of which one was preferred",
        run,
        about="A tuning that was interrupted goes on from its last checkpoint. The files that it takes are those of "
        "docs/tuning.md.",
        examples=[
            "curate tune runs/mini/train/nano chat.jsonl --out chat",
            "curate tune runs/mini/train/nano runs/chat --lora-rank 8 --out chat",
            "curate tune chat pairs.jsonl --method dpo --beta 0.1 --out better",
        ],
    )
    words = "the folder of a training, whose newest checkpoint is taken, or a checkpoint"
    command.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help=words)
    words = "a run with conversations, or a file of them; of pairs for reward and dpo"
    command.add_argument("data", type=place, metavar="RUN_OR_FILE", help=words)
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of the tuning")
    words = "sft learns answers, reward to judge them, dpo to prefer the better ones (default: sft)"
    command.add_argument("--method", choices=("sft", "reward", "dpo"), default="sft", help=words)
    words = "how conversations are written: chatml, llama3, plain, or a file (default: as the run or checkpoint does)"
    command.add_argument("--template", metavar="NAME", help=words)
    words = "train low-rank matrices of this rank beside those of the checkpoint, and save them alone"
    command.add_argument("--lora-rank", type=count, metavar="N", help=words)
    words = "what they are multiplied with, before they are divided by the rank (default: twice the rank)"
    command.add_argument("--lora-alpha", type=float, metavar="A", help=words)
    words = "beside which matrices they stand (default: qkv,out,up,down)"
    command.add_argument("--lora-matrices", default="qkv,out,up,down", metavar="NAMES", help=words)
    words = "how often each example is learned (default: 2 for sft, else 1)"
    command.add_argument("--epochs", type=float, metavar="E", help=words)
    command.add_argument("--steps", type=positive, metavar="N", help="steps of the optimizer, instead of epochs")
    words = "of dpo: how much it costs to leave the model that it started from (default: 0.1)"
    command.add_argument("--beta", type=float, default=0.1, metavar="B", help=words)
    words = "the share of pairs that are taken to be labeled the wrong way round (default: 0)"
    command.add_argument("--label-smoothing", type=float, default=0.0, metavar="S", help=words)
    words = "any setting of the training, by its name: learning_rate=1e-4; may be repeated"
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=words)
    add_device(command)
    words = "the seed of the order, of what is held out, and of LoRA (default: 17)"
    command.add_argument("--seed", type=int, default=17, metavar="N", help=words)
    words = "delete the tuning that the folder holds, and begin anew"
    command.add_argument("--restart", action="store_true", help=words)


def run(options: argparse.Namespace) -> int:
    from curate.api import tune

    show_tuning(
        partial(
            tune,
            options.checkpoint,
            options.data,
            out=options.out,
            method=options.method,
            template=options.template,
            lora_rank=options.lora_rank,
            lora_alpha=options.lora_alpha,
            lora_matrices=tuple(options.lora_matrices.split(",")),
            epochs=options.epochs,
            steps=options.steps,
            beta=options.beta,
            label_smoothing=options.label_smoothing,
            settings=parse_settings(options.set),
            device=options.device,
            seed=options.seed,
            resume=not options.restart,
        ),
        method=options.method,
    )
    return 0


def show_tuning(tune: Callable[..., TuneResult], *, method: str) -> None:
    """Show how a tuning goes on, what was left out, and the table at its end."""
    from curate.report.terminal.training import pairs_table, scores_table, training_progress
    from curate.train_min.spread import is_first_process

    if not is_first_process():
        tune(report=None)  # the first of them tells
        return
    with training_progress(ERR) as report:
        found = tune(report=report)
    result, folder = found.training, found.training.checkpoint.parent
    if found.left_out.reasons:
        warn(found.left_out.sentence())
    if result.was_complete:
        warn(f"{folder} holds this tuning, complete; --restart begins it anew.")
    show(scores_table(result) if method == "sft" else pairs_table(result))
    say()
    say(f"{result.checkpoint}: written." if method == "reward" else f"Next: curate generate {folder} --chat")
