"""All commands of `curate`, in the order in which `--help` shows them; each module adds its arguments and does it."""

from __future__ import annotations

from curate import __version__
from curate.commands import (
    check,
    decontaminate,
    dedup,
    filter,
    generate,
    plan,
    recipes,
    retune,
    run,
    show,
    signals,
    train,
    verify,
    why,
)
from curate.commands.arguments import Parser

COMMANDS = (
    run,
    plan,
    check,
    filter,
    dedup,
    decontaminate,
    show,
    why,
    retune,
    verify,
    signals,
    recipes,
    train,
    generate,
)


def parser() -> Parser:
    """The whole command line.

    Its `parse_args` raises UsageError where the words make no command.
    """
    whole = Parser(prog="curate", description="From raw web crawls, books and code to the tokens of a language model.")
    whole.add_argument("--version", action="version", version=f"curate {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    return whole
