"""`curate mix`: the epochs table of a finished run, and another mixture of its tokens."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from curate.commands.arguments import add_command, add_json, add_run, count
from curate.commands.report import write_beside
from curate.run_files import REPORT
from curate.terminal import ERR, say, say_json, show, warn


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "mix",
        "print how often a finished run draws each source, or plan its mixture anew without tokenizing again",
        run,
        about="With --set or --recipe it prints what another mixture would draw of the run's tokens; with --apply the "
        "run becomes what it would be if it had been run with that: its files are the same byte for byte. An --apply "
        "that was interrupted goes on when it is given again (docs/mixture.md).",
        examples=[
            "curate mix runs/quickstart",
            "curate mix runs/quickstart --set 'weights={web=0.5,books=0.5}' --set tokens=5_000_000",
            "curate mix runs/mini --recipe recipe.toml --apply",
        ],
    )
    add_run(command)
    words = "a value of [mix] and what it is to be: weights, tokens, max_epochs, temperature …; may be repeated"
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=words)
    words = "take [mix] from this recipe; --set changes that"
    command.add_argument("--recipe", metavar="RECIPE", help=words)
    command.add_argument("--apply", action="store_true", help="make the run so")
    words = "with --apply: encode the documents again of which the run has not kept all tokens"
    command.add_argument("--encode", action="store_true", help=words)
    words = "with --apply: worker processes (default: one for each core; 0: all in this process)"
    command.add_argument("--workers", type=count, metavar="N", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run
    from curate.report.terminal.mix import mix_lines, mix_table
    from curate.report.terminal.progress import progress_on
    from curate.settings import parse_settings

    made = Run(options.run)
    with progress_on(ERR) as progress:
        found = made.mix(
            parse_settings(options.set) if options.set else None,
            recipe=options.recipe,
            apply=options.apply,
            encode=options.encode,
            workers=options.workers,
            show=progress,
        )
    if found.is_applied and made.file(REPORT).is_file():
        write_beside(made, is_quiet=options.json)  # that of the former mixture would tell of what is not there any more
    if options.json:
        say_json(asdict(found))
        return 0
    show(mix_table(found))
    for line in mix_lines(found):
        say(line)
    if found.then and not found.is_applied:
        warn("Nothing was changed: --apply makes the run so.")
    return 0
