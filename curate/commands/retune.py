"""`curate retune`: what other thresholds would change, from the ledger alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json, positive
from curate.errors import UsageError
from curate.terminal import say, say_json, show, warn


def add(commands: Any) -> None:
    command = add_command(commands, "retune", "what other thresholds would change, from the ledger alone", run)
    command.add_argument("run", type=Path)
    command.add_argument(
        "--set", action="append", required=True, metavar="STEP.PARAMETER=VALUE", help="may be repeated"
    )
    command.add_argument("--sample", type=positive, default=5, help="documents shown of each kind that change sides")
    command.add_argument("--apply", type=Path, metavar="FILE", help="write the recipe with these values")
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.passes.retune import parse_change, retune
    from curate.recipe import to_toml
    from curate.report.retune import by_language, difference, difference_table, notes, sample_lines, samples
    from curate.run_folder import Run

    run = Run(options.run)
    retuned = retune(run, [parse_change(text) for text in options.set])
    rows, moved, languages = difference(run, retuned), samples(retuned, options.sample), by_language(retuned)
    if options.json:
        say_json({"difference": rows, "languages": languages, "samples": moved})
    else:
        show(difference_table(rows))
        for line in (*notes(rows, languages), "", *sample_lines(moved)):
            say(line)
        say()
        say("Kept by the filters: copies are looked for in a new run only.")
    if options.apply:
        base = retuned.recipe.base.resolve()
        if options.apply.resolve().parent != base:
            raise UsageError(f"--apply {options.apply}: the recipe's paths start from {base}; write the new one there")
        options.apply.write_text(to_toml(retuned.recipe), encoding="utf-8")
        warn(f"wrote {options.apply}; next: curate run {options.apply}")
    return 0
