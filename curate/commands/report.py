"""`curate report`: a finished run as one page to look at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_run
from curate.terminal import say, warn

if TYPE_CHECKING:
    from curate.api import Run


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


def write_beside(made: Run, *, is_quiet: bool) -> None:
    """RUN/report.html, for other commands. A run is what it is, with its page or without: whatever keeps it from being
    written is said and no more."""
    from curate.faults import explain

    try:
        path = made.report()
    except Exception as error:
        warn(f"curate: there is no report: {explain(error)}", style="bold yellow")
        return
    if not is_quiet:
        say(f"Report: {path}")
