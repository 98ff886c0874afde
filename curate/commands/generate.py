"""`curate generate`: text from a checkpoint."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, positive
from curate.errors import UsageError
from curate.terminal import say, say_part, say_text

if TYPE_CHECKING:
    from curate.train_min.sampling import Sampling


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "generate",
        "write text with a model that was trained",
        run,
        about="The text is printed as it is written.",
        examples=[
            'curate generate runs/quickstart/train/nano "The "',
            "curate generate runs/quickstart/train/nano - --samples 3 --top-p 0.9",
            'curate generate chat --chat --system "You are brief."',
        ],
    )
    words = "the folder of a training, or of one of its checkpoints"
    command.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help=words)
    words = "how the text begins; - reads it from the standard input"
    command.add_argument("prompt", metavar="PROMPT", nargs="?", help=words)
    words = "talk with a model that was tuned: read lines, answer each, and know what was said before"
    command.add_argument("--chat", action="store_true", help=words)
    command.add_argument("--system", metavar="TEXT", help="what --chat begins with: who the model is")
    words = "how --chat writes turns: chatml, llama3, plain, or a file (default: as the model was tuned)"
    command.add_argument("--template", metavar="NAME", help=words)
    command.add_argument("--tokens", type=positive, default=200, metavar="N", help="the most to write (default: 200)")
    words = "so many texts, written side by side, each with a line before it (default: 1)"
    command.add_argument("--samples", type=positive, default=1, metavar="N", help=words)
    add_sampling(command)


def add_sampling(command: argparse.ArgumentParser) -> None:
    words = "0 takes the likeliest token each time; more is bolder (default: 0.8)"
    command.add_argument("--temperature", type=float, default=0.8, metavar="T", help=words)
    words = "choose among this many likeliest tokens (default: 50)"
    command.add_argument("--top-k", type=positive, default=50, metavar="N", help=words)
    words = "choose among the likeliest tokens that have this share together (default: 1, all)"
    command.add_argument("--top-p", type=float, default=1.0, metavar="P", help=words)
    words = "over 1 makes tokens that the text has already less likely (default: 1)"
    command.add_argument("--repetition-penalty", type=float, default=1.0, metavar="R", help=words)
    words = "equal seeds give equal texts (default: 17)"
    command.add_argument("--seed", type=int, default=17, metavar="N", help=words)


def run(options: argparse.Namespace) -> int:
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.train_min.generate import generate
    from curate.train_min.sampling import Sampling

    sampling = Sampling(options.temperature, options.top_k, options.top_p, options.repetition_penalty)
    if not options.chat and (options.system is not None or options.template is not None):
        raise UsageError("--system and --template go with --chat")
    if options.chat:
        _talk(options, sampling)
        return 0
    if options.prompt is None:
        raise UsageError("there is no PROMPT: give one, - for the standard input, or --chat")
    texts = generate(
        options.checkpoint,
        sys.stdin.read() if options.prompt == "-" else options.prompt,
        tokens=options.tokens,
        sampling=sampling,
        samples=options.samples,
        seed=options.seed,
        tell=say_part if options.samples == 1 else None,
    )
    if options.samples == 1:
        say()
        return 0
    for number, text in enumerate(texts, start=1):
        say(f"── {number} of {len(texts)} ──")
        say_text(text)
    return 0


def _talk(options: argparse.Namespace, sampling: Sampling) -> None:
    """A line, an answer, and so on to the end of the input; a terminal is shown whose turn it is."""
    from curate.train_min.chat import open_chat

    if options.prompt is not None or options.samples > 1:
        raise UsageError("--chat reads what is said from the standard input: leave PROMPT and --samples out")
    chat = open_chat(options.checkpoint, system=options.system, template=options.template)
    is_seen = sys.stdin.isatty()
    while True:
        if is_seen:
            say_part("> ")
        if not (line := sys.stdin.readline()):
            break
        if line.strip():
            chat.ask(line.strip(), tokens=options.tokens, sampling=sampling, seed=options.seed, tell=say_part)
            say()
