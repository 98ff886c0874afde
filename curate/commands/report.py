"""`curate report`: a finished run as one page to look at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_run
from curate.terminal import say


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "report",
        "write a page that shows a run: its funnel, what each step decided, samples, languages, tokens, time",
        run,
        about="One HTML file that needs no network and no other file. Personal data in its samples is masked. "
        '"curate run" writes it, too.',
        examples=["curate report runs/quickstart", "curate report runs/quickstart --out quickstart.html"],
    )
    add_run(command)
    command.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: RUN/report.html)")
    words = "leave out date and time, without which the same run always gives the same bytes"
    command.add_argument("--no-timing", dest="timing", action="store_false", help=words)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run

    say(f"wrote {Run(options.run).report(options.out, timing=options.timing)}")
    return 0
