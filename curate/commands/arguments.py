"""What the commands' arguments have in common: how one is added, its numbers, its `--json`, its mistakes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from curate.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Argument errors as one line with the nearest name, like every other error of curate."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def add_command(
    commands: Any, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """A command's own parser; the name is in the options' `command`, the function that does it in `do`."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.set_defaults(command=name, do=run)
    return command


def add_json(command: argparse.ArgumentParser, text: str | None = None) -> None:
    command.add_argument("--json", action="store_true", help=text)


def positive(text: str) -> int:
    return count(text, least=1)


def count(text: str, *, least: int = 0) -> int:
    number = int(text) if text.isdigit() else -1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least}, found {text}")
    return number
