"""`curate retune`: what other thresholds would change, from the ledger alone."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_json, add_run, new_file, positive
from curate.terminal import say, say_json, show, warn

if TYPE_CHECKING:
    from curate.report.retune import Retuning


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "retune",
        "predict what other thresholds would keep, from the ledger of a run alone, in seconds",
        run,
        about="Step by step and language by language, with examples. What only a model or own code could tell is "
        '"unknown", unless --measure asks it. Copies are looked for in a new run only.',
        examples=[
            "curate retune runs/quickstart --set gopher_quality.min_words=30",
            "curate retune runs/mini --set language.min_score=0.5 --measure --apply looser.toml",
        ],
    )
    add_run(command)
    words = "a threshold and its new value; may be repeated"
    command.add_argument("--set", action="append", required=True, metavar="STEP.PARAMETER=VALUE", help=words)
    words = "documents shown of each kind that changes sides (default: 5)"
    command.add_argument("--sample", type=positive, default=5, metavar="N", help=words)
    words = "read what is unknown again, and ask the steps that have not measured it"
    command.add_argument("--measure", action="store_true", help=words)
    words = "write your recipe to a new file, with these values and nothing else changed"
    command.add_argument("--apply", type=new_file, metavar="FILE", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.report.retune import retuning
    from curate.run_folder import RunFolder
    from curate.steps.retune import parse_change

    found = retuning(
        RunFolder(options.run),
        [parse_change(text) for text in options.set],
        measure=options.measure,
        sample=options.sample,
        apply=options.apply,
    )
    _say_values(found) if options.json else _show(found)
    if options.apply:
        how = (
            "" if found.is_edited else ", with every default filled in: the recipe's own file has changed since the run"
        )
        warn(f"wrote {options.apply}{how}; next: curate run {shlex.quote(str(options.apply))}")
    return 0


def _say_values(found: Retuning) -> None:
    steps, languages = ([asdict(row) for row in rows] for rows in (found.steps, found.languages))
    say_json({"difference": steps, "languages": languages, "samples": found.samples.to_dicts()})


def _show(found: Retuning) -> None:
    from curate.report.terminal.retune import difference_table, notes, sample_lines

    show(difference_table(found.steps))
    for line in (*notes(found.steps, found.languages), "", *sample_lines(found.samples), ""):
        say(line)
    say("Kept by the filters: copies are looked for in a new run only.")
