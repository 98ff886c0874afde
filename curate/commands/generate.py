"""`curate generate`: text from a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, positive
from curate.terminal import say_text


def add(commands: Any) -> None:
    command = add_command(commands, "generate", "text from a checkpoint", run)
    command.add_argument("checkpoint", type=Path)
    command.add_argument("prompt")
    command.add_argument("--tokens", type=positive, default=200)
    command.add_argument("--temperature", type=float, default=0.8)
    command.add_argument("--top-k", type=positive, default=50)
    command.add_argument("--seed", type=int, default=17)


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
