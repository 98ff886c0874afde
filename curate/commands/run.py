"""`curate run`: everything of a recipe that is not done yet, the funnel, and what in it looks like a mistake."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json, count
from curate.commands.show import print_run
from curate.commands.train import train_on
from curate.terminal import ERR, say, warn

QUARANTINE_EXCEEDED = 3


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
    from curate.pipeline.run import run as run_recipe
    from curate.report.progress import progress_on

    if options.train:
        require_torch()
    was_complete = (_folder(options) / "manifest.json").is_file()
    with progress_on(ERR) as show:
        result = run_recipe(
            options.recipe,
            out=options.out,
            workers=options.workers,
            keep_intermediate=options.keep_intermediate,
            show=show,
        )
    if was_complete:
        warn(f"{result.folder} is complete already; nothing to do.")
    print_run(result.folder, as_json=options.json)
    if options.train:
        train_on(result.folder)
    elif not options.json and _has_tokens(result.folder):
        say()
        say(f"Next: curate train {result.folder}")
    return _quarantine_code(result.folder) or _guard_code(result.folder) or _empty_code(result.folder)


def _folder(options: argparse.Namespace) -> Path:
    from curate.recipe_file import load

    return Path(options.out) if options.out else Path("runs") / load(options.recipe).name


def _has_tokens(folder: Path) -> bool:
    from curate.run_folder import Run

    return bool(Run(folder).mixture["mixture"]["tokens"])


def _empty_code(folder: Path) -> int:
    """1 when there is nothing to train on."""
    if _has_tokens(folder):
        return 0
    warn(f"curate: the run ended without a token; curate show {folder} --reasons says what took them", style="bold red")
    return 1


def _guard_code(folder: Path) -> int:
    """1 when a step dropped more than the recipe allows."""
    from curate.report.guard import sentence, suspicions
    from curate.run_folder import Run

    found = suspicions(Run(folder))
    for suspicion in found:
        warn(f"curate: {sentence(suspicion)}", style="bold yellow")
    return 1 if any(suspicion.is_fault for suspicion in found) else 0


def _quarantine_code(folder: Path) -> int:
    """3 when more was quarantined than the recipe's budget allows."""
    from curate.recipe_file import load
    from curate.run_folder import Run

    counts = Run(folder).manifest["counts"].values()
    read, quarantined = (sum(count[name] for count in counts) for name in ("read", "quarantined"))
    budget = load(folder / "recipe.toml").limits.max_quarantined
    if quarantined <= budget * read:
        return 0
    warn(
        f"curate: {quarantined:,} of {read:,} records were quarantined, more than max_quarantined = {budget} allows; "
        f'the ledger in {folder / "ledger"} has a row for each (outcome = "quarantined")',
        style="bold yellow",
    )
    return QUARANTINE_EXCEEDED
