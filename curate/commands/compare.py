"""`curate compare`: which documents two runs leave at different sides, why, and what that did to the data."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_json, count, new_file, place
from curate.terminal import say, say_json, show, warn

if TYPE_CHECKING:
    from curate.report.compare import Comparison


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "compare",
        "print which documents changed sides between two runs, why, and what that did to the data",
        run,
        about="Documents are matched by id where the runs have read records in common, else by URL. Then tokens by "
        "source and language, and the signals whose medians moved most.",
        examples=[
            "curate compare runs/old runs/new",
            "curate compare runs/january runs/february --by url --html compared.html",
        ],
    )
    words = "the folder of a run that is done"
    command.add_argument("run", type=place, metavar="RUN_A", help=words)
    command.add_argument("other", type=place, metavar="RUN_B", help="that of another one")
    words = "match documents by this, and not by what the runs have in common"
    command.add_argument("--by", choices=("id", "url"), help=words)
    words = "documents shown of each move (default: 3)"
    command.add_argument("--examples", type=count, default=3, metavar="N", help=words)
    words = "also write all of it to one file for a browser, which needs no network"
    command.add_argument("--html", type=new_file, metavar="FILE", help=words)
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import compare

    found = compare(options.run, options.other, by=options.by, examples=options.examples)
    say_json(asdict(found)) if options.json else _show(found)
    if options.html:
        _write_page(found, options.html)
        warn(f"wrote {options.html}")
    return 0


def _show(found: Comparison) -> None:
    from curate.report.papers.comparison import summary
    from curate.report.terminal.compare import compare_tables, example_lines, rest_line

    say(summary(found))
    for table in compare_tables(found):
        show(table)
    for line in (rest_line(found), *example_lines(found.moves)):
        if line is not None:
            say(line)


def _write_page(found: Comparison, path: Path) -> None:
    from curate.engine.whole import target_of, write_file
    from curate.report.papers.blocks import as_html
    from curate.report.papers.comparison import comparison_blocks

    title = f"{found.name} and {found.name_then}"
    write_file(target_of(path), as_html(title, list(comparison_blocks(found))).encode())
