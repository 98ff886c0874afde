"""`curate scrub`: personal data out of tables with texts; and what a run has left of it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command, add_json, count
from curate.commands.plain import COLUMNS, FORMATS, tell_unread
from curate.terminal import say, say_json

KEYS = ("entities", "engine", "model", "mode", "max_findings")
"""Options that are keys of `[scrub]`."""
FOR_TABLES = ("mode", "max_findings", "seed", "text", "id", "out")
"""Options that say nothing to an audit."""


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "scrub",
        "take personal data and secrets out of tables with texts, or look for what a run left of them",
        run,
        about="Every row is written again with all its columns, and a clean text. With --audit nothing is written: the "
        "final documents of a run are looked through again, and what is left is counted by source and entity. "
        "docs/scrub.md says what counts as personal data.",
        examples=[
            "curate scrub docs.parquet --out clean.parquet",
            "curate scrub code/ --out clean/ --entities EMAIL_ADDRESS SECRET --mode hash --max-findings 5",
            "curate scrub runs/quickstart --audit",
        ],
    )
    words = "Parquet or JSON Lines (.gz, .zst), or folders of them; with --audit, the folder of a run"
    command.add_argument("files", nargs="+", metavar="FILE", help=words)
    words = f"a file for all rows ({FORMATS}), or a folder in which each file gets one of its own name"
    command.add_argument("--out", type=Path, metavar="PLACE", help=words)
    command.add_argument("--audit", action="store_true", help="count what the final documents of a run still hold")
    words = "what is looked for (default: EMAIL_ADDRESS IP_ADDRESS; with --audit all that the engine knows)"
    command.add_argument("--entities", nargs="+", metavar="NAME", help=words)
    words = '"patterns", or "presidio" (default: patterns; with --audit, the run\'s own)'
    command.add_argument("--engine", metavar="ENGINE", help=words)
    words = "an installed model of spaCy, or the folder of one, that finds names; needs --engine presidio"
    command.add_argument("--model", metavar="MODEL", help=words)
    words = 'what takes a finding\'s place: "mask", "pseudonym", "hash" or "remove" (default: mask)'
    command.add_argument("--mode", metavar="MODE", help=words)
    words = "leave out rows with more findings (default: all stay)"
    command.add_argument("--max-findings", type=count, metavar="N", help=words)
    command.add_argument("--seed", type=count, metavar="N", help="of pseudonyms and hashes (default: 17)")
    for name in ("text", "id"):
        command.add_argument(f"--{name}", metavar="COLUMN", help=f'{COLUMNS[name]} (default: "{name}")')
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.errors import UsageError

    if options.audit:
        return _audit(options)
    if options.out is None:
        raise UsageError("curate scrub needs --out PLACE, or --audit for a run")
    return _scrub(options)


def _scrub(options: argparse.Namespace) -> int:
    from curate.recipe import Scrub
    from curate.report.terminal.scrub import scrubbed_lines
    from curate.settings import build_options
    from curate.standalone.scrub import scrub_files

    scrub = build_options(Scrub, {name: getattr(options, name) for name in KEYS})
    columns = {name: getattr(options, name) for name in ("text", "id") if getattr(options, name)}
    seed = {"seed": options.seed} if options.seed is not None else {}
    found = scrub_files(options.files, scrub, out=options.out, columns=columns, **seed)
    code = tell_unread(found.unread)
    if options.json:
        told = {name: value for name, value in asdict(found).items() if name not in ("unread", "outputs")}
        say_json(told | {"unreadable": sum(part.rows for part in found.unread), "outputs": [*map(str, found.outputs)]})
        return code
    for line in scrubbed_lines(found):
        say(line)
    return code


def _audit(options: argparse.Namespace) -> int:
    from curate.api import Run
    from curate.errors import UsageError
    from curate.report.terminal.scrub import audit_lines

    if needless := [name for name in FOR_TABLES if getattr(options, name) is not None]:
        raise UsageError(f"--audit writes nothing, so --{needless[0].replace('_', '-')} says nothing")
    if len(options.files) > 1:
        raise UsageError(f"--audit looks at one run, found {len(options.files)}")
    found = Run(Path(options.files[0])).audit(entities=options.entities, engine=options.engine, model=options.model)
    if options.json:
        say_json(asdict(found))
        return 0
    for line in audit_lines(found):
        say(line)
    return 0
