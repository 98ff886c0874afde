"""`curate subset`: the pages that a run kept, a sample of them, or what a step dropped, as a WARC file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_force, add_json, add_run, count, new_file, positive
from curate.terminal import say, say_json


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "subset",
        "copy what a run kept, a sample of it, or what a step dropped, into a WARC file",
        run,
        about="The pages as they were crawled, for any WARC reader: nothing in them is cut or scrubbed.",
        examples=[
            "curate subset runs/quickstart --to kept.warc.gz --sample 50",
            "curate subset runs/quickstart --to short.warc.gz --dropped-by gopher_quality --reason min_words",
        ],
    )
    add_run(command)
    words = "the new file, which ends in .warc.gz or .warc"
    command.add_argument("--to", type=new_file, required=True, metavar="FILE", help=words)
    command.add_argument("--source", metavar="NAME", help="records of this source only")
    command.add_argument("--dropped-by", metavar="STEP", help="what this step took, instead of what was kept")
    command.add_argument("--reason", metavar="REASON", help="with --dropped-by: for this reason only")
    words = "these documents, whatever became of them; @FILE names a file with one id per line"
    command.add_argument("--ids", nargs="+", default=[], metavar="ID", help=words)
    command.add_argument("--sample", type=positive, metavar="N", help="only so many, chosen by a hash of the id")
    command.add_argument("--seed", type=count, metavar="N", help="the seed of the sample (default: the recipe's)")
    add_force(command)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.standalone.subset import subset

    made = subset(
        options.run,
        options.to,
        source=options.source,
        sample=options.sample,
        seed=options.seed,
        dropped_by=options.dropped_by,
        reason=options.reason,
        ids=[id for word in options.ids for id in _listed(word)],
        force=options.force,
    )
    if options.json:
        say_json({"path": str(made.path), "written": made.written, "left_out": made.left_out})
        return 0
    told = ", ".join(f"{number:,} of {name}" for name, number in made.written.items())
    say(f"{made.path}: {told or 'no records'}.")
    for name, number in made.left_out.items():
        say(f"{number:,} of {name} cannot be read, or are longer than max_record_bytes, and were left out.")
    return 0


def _listed(word: str) -> list[str]:
    if not word.startswith("@"):
        return [word]
    lines = Path(word[1:]).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]
