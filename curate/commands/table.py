"""All commands of `curate`, in the order in which `--help` shows them; each module adds its arguments and does it.

words ─▶ known command? ─▶ its options, `do`: the function that does it
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from curate.commands import (
    ablate,
    browse,
    card,
    check,
    classifier,
    compare,
    completion,
    decontaminate,
    dedup,
    evaluate,
    export,
    extractor,
    fertility,
    fit,
    forget,
    generate,
    mix,
    model,
    perplexity,
    plan,
    recipes,
    report,
    retune,
    run,
    scrub,
    show,
    signals,
    subset,
    tokenize,
    tokens,
    train,
    try_,
    tune,
    verify,
    why,
)
from curate.commands.arguments import Help, Parser
from curate.errors import UsageError, nearest
from curate.version import __version__

COMMANDS = (
    run,
    plan,
    check,
    try_,
    dedup,
    decontaminate,
    scrub,
    tokenize,
    show,
    report,
    browse,
    why,
    retune,
    compare,
    mix,
    subset,
    export,
    tokens,
    fertility,
    verify,
    card,
    forget,
    signals,
    recipes,
    classifier,
    perplexity,
    extractor,
    train,
    tune,
    ablate,
    fit,
    evaluate,
    generate,
    model,
    completion,
)

FORMER: Mapping[str, str] = {"filter": "curate filter RECIPE --try --step STEP is now curate try RECIPE STEP"}
"""Commands that there were, and what to write instead."""

ABOUT = """From raw web crawls, books and code to the tokens of a language model: one recipe in; token files, an account
of every document, and a small trained model out."""
START = "to begin with:\n\n  curate run quickstart\n  curate show runs/quickstart\n  curate run --help"


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The options of a command line (None: this process's own); `do` is the function that does the command.

    Raises:
        UsageError: the words make no command.
    """
    whole = whole_parser()
    words = sys.argv[1:] if words is None else words
    _check_command(words, parsers_below(whole))
    options, unknown = whole.parse_known_args(words)
    options.parser.check_options(unknown)
    return options


def whole_parser() -> Parser:
    """The parser of the program, with those of all its commands."""
    whole = Parser(prog="curate", description=ABOUT, epilog=START, formatter_class=Help)
    whole.add_argument("--version", action="version", version=f"curate {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", title="commands", parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    return whole


def parsers_below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of the program, or the actions of a command, by name."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: each for action in below for name, each in action.choices.items()}


def _check_command(words: Sequence[str], known: Mapping[str, argparse.ArgumentParser]) -> None:
    name = next((word for word in words if not word.startswith("-")), None)
    if name is None or name in known:
        return
    if name in FORMER:
        raise UsageError(FORMER[name])
    raise UsageError(f'there is no command "{name}"{nearest(name, known)}')
