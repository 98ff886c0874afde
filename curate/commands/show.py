"""`curate show`: the funnel of a run, its tokens and notes."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_json, add_run
from curate.terminal import say, say_json, show

if TYPE_CHECKING:
    from curate.api import Run


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "show",
        "print what came into a run, what each step dropped, and what came out",
        run,
        about="Then the tokens of each source, and how often the mixture draws it.",
        examples=["curate show runs/quickstart", "curate show runs/quickstart --reasons"],
    )
    add_run(command)
    command.add_argument("--reasons", action="store_true", help="one row for every rule, not only for every step")
    words = "instead: the 20 near-duplicates with most words that the copy that stays doesn't have"
    command.add_argument("--pairs", action="store_true", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run

    run = Run(options.run)
    if options.pairs:
        _print_pairs(run, as_json=options.json)
    else:
        print_run(run, as_json=options.json, reasons=options.reasons)
    return 0


def _print_pairs(run: Run, *, as_json: bool) -> None:
    from curate.report.terminal.dedup import loss_lines

    losses = run.losses()
    if as_json:
        say_json([asdict(loss) for loss in losses])
        return
    for line in loss_lines(losses):
        say(line)


def print_run(run: Run, *, as_json: bool, reasons: bool = False) -> None:
    """The funnel and the tokens of a run; also what `curate run` ends with."""
    from curate.report.funnel import by_step, totals
    from curate.report.shown import shown_values
    from curate.report.terminal.contamination import set_lines
    from curate.report.terminal.dedup import cut_lines
    from curate.report.terminal.funnel import funnel_table
    from curate.report.terminal.tokens import tokens_table

    if as_json:
        say_json(shown_values(run))
        return
    shown = run.show()
    rows = shown.funnel if reasons else by_step(shown.funnel)
    show(funnel_table([*rows, *(totals(shown.funnel) if len(shown.tokens) > 1 else [])]))
    show(tokens_table(shown.tokens))
    for line in (*cut_lines(shown.cuts), *set_lines(shown.contamination), *shown.notes):
        say(line)
