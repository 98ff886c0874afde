"""`curate show`: the funnel of a run, its tokens and notes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    words = "the funnel: what came in, what each step dropped, what came out"
    command = add_command(commands, "show", words, run)
    command.add_argument("run", type=Path)
    command.add_argument("--reasons", action="store_true", help="a row for every rule, not only for every step")
    pairs = "instead: the 20 near-duplicates with most words that the copy that stays doesn't have"
    command.add_argument("--pairs", action="store_true", help=pairs)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    if options.pairs:
        _print_pairs(options.run, as_json=options.json)
        return 0
    print_run(options.run, as_json=options.json, reasons=options.reasons)
    return 0


def _print_pairs(folder: Path, *, as_json: bool) -> None:
    from curate.report.dedup import loss_lines, losses
    from curate.run_folder import Run

    rows = losses(Run(folder))
    if as_json:
        say_json(rows)
        return
    for line in loss_lines(rows):
        say(line)


def print_run(folder: Path, *, as_json: bool, reasons: bool = False) -> None:
    from dataclasses import asdict

    from curate.report.contamination import set_lines
    from curate.report.dedup import cut_lines
    from curate.report.funnel import by_step, funnel, totals
    from curate.report.show import funnel_table, tokens_table
    from curate.run_folder import Run

    run = Run(folder)
    if as_json:
        manifest = run.manifest
        chosen = {
            key: manifest.get(key, {}) for key in ("name", "recipe", "counts", "dedup", "contamination", "tokens")
        }
        say_json(chosen | {"mixture": run.mixture, "funnel": [asdict(row) for row in funnel(run)]})
        return
    rows = funnel(run)
    shown = rows if reasons else by_step(rows)
    show(funnel_table([*shown, *(totals(rows) if len({row.source for row in rows}) > 1 else [])]))
    show(tokens_table(run))
    for line in (*cut_lines(run.manifest["dedup"]), *set_lines(run.manifest.get("contamination", {}))):
        say(line)
    for note in run.mixture["mixture"]["notes"]:
        say(note)
