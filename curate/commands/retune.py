"""`curate retune`: what other thresholds would change, from the ledger alone."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json, new_file, positive
from curate.terminal import say, say_json, show, warn


def add(commands: Any) -> None:
    command = add_command(commands, "retune", "what other thresholds would change, from the ledger alone", run)
    command.add_argument("run", type=Path)
    command.add_argument(
        "--set", action="append", required=True, metavar="STEP.PARAMETER=VALUE", help="may be repeated"
    )
    command.add_argument("--sample", type=positive, default=5, help="documents shown of each kind that change sides")
    words = "read what is unknown again, and ask the steps that have not measured it"
    command.add_argument("--measure", action="store_true", help=words)
    words = "write a new recipe file with these values, and nothing else changed"
    command.add_argument("--apply", type=new_file, metavar="FILE", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.report.retune import by_language, difference, difference_table, notes, sample_lines, samples
    from curate.run_folder import Run
    from curate.steps.apply import write_recipe
    from curate.steps.remeasure import measure_unknown
    from curate.steps.retune import parse_change, retune

    run = Run(options.run)
    changes = [parse_change(text) for text in options.set]
    retuned = retune(run, changes)
    if options.measure:
        retuned = measure_unknown(run, retuned)
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
        is_edited = write_recipe(run, retuned, changes, options.apply)
        how = "" if is_edited else ", with every default filled in: the recipe's own file has changed since the run"
        warn(f"wrote {options.apply}{how}; next: curate run {shlex.quote(str(options.apply))}")
    return 0
