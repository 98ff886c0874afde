"""All commands of `curate`, in the order in which `--help` shows them; each module adds its arguments and does it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from curate.commands import (
    check,
    classifier,
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
    subset,
    train,
    verify,
    why,
)
from curate.commands.arguments import Parser
from curate.errors import UsageError, nearest
from curate.version import __version__

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
    subset,
    verify,
    signals,
    recipes,
    classifier,
    train,
    generate,
)


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The options of a command line (None: this process's own); `do` is the function that does the command.

    Raises:
        UsageError: the words make no command.
    """
    whole = Parser(prog="curate", description="From raw web crawls, books and code to the tokens of a language model.")
    whole.add_argument("--version", action="version", version=f"curate {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    words = sys.argv[1:] if words is None else words
    name = next((word for word in words if not word.startswith("-")), None)
    if name is not None and name not in commands.choices:
        raise UsageError(f'there is no command "{name}"{nearest(name, commands.choices)}')
    options, unknown = whole.parse_known_args(words)
    options.parser.check_options(unknown)
    return options
