"""`curate generate`: text from a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, positive
from curate.terminal import say_text


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "generate",
        "write text with a model that was trained",
        run,
        examples=['curate generate runs/quickstart/train/nano "The "'],
    )
    words = "the folder of a training, or of one of its checkpoints"
    command.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help=words)
    command.add_argument("prompt", metavar="PROMPT", help="how the text begins")
    command.add_argument("--tokens", type=positive, default=200, metavar="N", help="the most to write (default: 200)")
    words = "0 takes the likeliest token each time; more is bolder (default: 0.8)"
    command.add_argument("--temperature", type=float, default=0.8, metavar="T", help=words)
    words = "choose among this many likeliest tokens (default: 50)"
    command.add_argument("--top-k", type=positive, default=50, metavar="N", help=words)
    words = "equal seeds give equal texts (default: 17)"
    command.add_argument("--seed", type=int, default=17, metavar="N", help=words)


def run(options: argparse.Namespace) -> int:
    from curate.api import generate

    text = generate(
        options.checkpoint,
        options.prompt,
        tokens=options.tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        seed=options.seed,
    )
    say_text(text)
    return 0
