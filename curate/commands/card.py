"""`curate card`: the papers of a run, filled from its account."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json, add_run
from curate.terminal import say, say_json

MAX_NAMED = 12


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "card",
        "write the papers of a run: data card, Croissant, EU summary of training content, California AB 2013",
        run,
        about="Sizes, sources, domains, languages, periods, licenses, personal data and filters are taken from the run."
        " What only a person knows is asked for in FOLDER/facts.toml, which is written where there is none; what is "
        "not answered is named in the papers, with who must give it.",
        examples=[
            "curate card runs/quickstart --out papers",
            "curate card runs/quickstart --out papers --facts company.toml",
        ],
    )
    add_run(command)
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the papers are written")
    words = "the answers of a person (default: FOLDER/facts.toml)"
    command.add_argument("--facts", type=Path, metavar="FILE", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run

    made = Run(options.run).card(out=options.out, facts=options.facts)
    if options.json:
        say_json({"folder": str(made.folder), "files": list(made.files), "unanswered": list(made.unanswered)})
        return 0
    for name in made.files:
        say(f"{made.folder / name}")
    if made.unanswered:
        more = "" if len(made.unanswered) <= MAX_NAMED else f" and {len(made.unanswered) - MAX_NAMED} more"
        file = options.facts or made.folder / "facts.toml"
        say()
        say(f"To be answered in {file}: {', '.join(made.unanswered[:MAX_NAMED])}{more}")
    return 0
