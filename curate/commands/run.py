"""`curate run`: everything of a recipe that is not done yet, the funnel, and what in it looks like a mistake."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_json, count
from curate.commands.show import print_run
from curate.commands.train import train_on
from curate.terminal import ERR, say, warn

if TYPE_CHECKING:
    from curate.api import Run


def add(commands: Any) -> None:
    command = add_command(commands, "run", "do everything of a recipe that is not done yet", run)
    command.add_argument("recipe", help='a recipe\'s file, or the name of one that ships ("quickstart")')
    command.add_argument("--out", type=Path, help="the run's folder (default: runs/NAME)")
    command.add_argument(
        "--workers",
        type=count,
        help="worker processes (default: all cores; 0: all in this one, for a debugger); never changes the output",
    )
    command.add_argument("--keep-intermediate", action="store_true", help="keep RUN/work, with unscrubbed text")
    command.add_argument("--train", action="store_true", help="train a small model on the tokens afterwards")
    add_json(command, "print the account as JSON")


def run(options: argparse.Namespace) -> int:
    from curate.pipeline.check import require_torch

    if options.train:
        require_torch()
    was_complete = (_folder(options) / "manifest.json").is_file()
    made = _run(options)
    if was_complete:
        warn(f"{made.folder} is complete already; nothing to do.")
    print_run(made, as_json=options.json)
    if options.train:
        train_on(made)
    elif not options.json and made.mixture["mixture"]["tokens"]:
        say()
        say(f"Next: curate train {made.folder}")
    for concern in made.concerns:
        warn(f"curate: {concern.sentence}", style="bold red" if concern.about == "tokens" else "bold yellow")
    return made.exit_code


def _run(options: argparse.Namespace) -> Run:
    from curate.api import run
    from curate.report.terminal.progress import progress_on

    with progress_on(ERR) as show:
        return run(
            options.recipe,
            out=options.out,
            workers=options.workers,
            keep_intermediate=options.keep_intermediate,
            show=show,
        )


def _folder(options: argparse.Namespace) -> Path:
    from curate.recipe_file import load

    return Path(options.out) if options.out else Path("runs") / load(options.recipe).name
