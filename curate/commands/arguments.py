"""What the commands' arguments have in common: how a command is added, its recipe, run and numbers, its mistakes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from curate.engine.object_address import stored_place
from curate.engine.whole import target_of
from curate.errors import UsageError, nearest


class Parser(argparse.ArgumentParser):
    """Argument errors as one line with the nearest name, like every other error of curate."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")

    def check_options(self, words: Sequence[str]) -> None:
        """
        Raises:
            UsageError: there are words that mean nothing to this command.
        """
        if not words:
            return
        known = [option for option in self._option_string_actions if option.startswith("--")]
        name = words[0].partition("=")[0]
        hint = nearest(name, known) if name.startswith("-") else ""
        raise UsageError(f'{self.prog} takes no "{name}"{hint}')


class Help(argparse.HelpFormatter):
    """Paragraphs are filled; lines that are set in, examples, stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled = super()._fill_text
        return "\n\n".join(part if part.startswith(" ") else filled(part, width, indent) for part in text.split("\n\n"))


def add_command(
    commands: Any,
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
    *,
    about: str = "",
    examples: Sequence[str],
) -> argparse.ArgumentParser:
    """A command's own parser: `text` is its line in the list of commands, `about` what its own help says besides.

    The name is in the options' `command`, the function that does it in `do`, and the parser itself, or that of its
    action, in `parser`.
    """
    sentence = f"{text[0].upper()}{text[1:]}."
    shown = "\n".join(f"  {example}" for example in examples)
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{sentence}\n\n{about}" if about else sentence,
        epilog=f"{'examples' if len(examples) > 1 else 'example'}:\n\n{shown}",
        formatter_class=Help,
    )
    command.set_defaults(command=name, do=run, parser=command)
    return command


def add_recipe(command: argparse.ArgumentParser) -> None:
    words = "the recipe's file, or the name of a recipe that ships with curate"
    command.add_argument("recipe", metavar="RECIPE", help=words)


def add_run(command: argparse.ArgumentParser) -> None:
    words = "the folder of a run that is done, such as runs/quickstart, or its address on an object store"
    command.add_argument("run", type=place, metavar="RUN", help=words)


def add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print the answer as JSON, for programs")


def add_device(command: argparse.ArgumentParser) -> None:
    words = "auto, cpu, cuda, or mps (default: auto, the fastest that is there)"
    command.add_argument("--device", default="auto", metavar="DEVICE", help=words)


def add_force(command: argparse.ArgumentParser) -> None:
    command.add_argument("--force", action="store_true", help="write over FILE if it exists")


def place(text: str) -> Path | str:
    """A folder of this machine, or an address of an object store."""
    return stored_place(text) or Path(text)


def new_file(text: str) -> Path:
    """A file that can be written when the work is done: what is wrong with the place is said before it begins."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f'expected a file, found the folder "{path}"')
    place = target_of(path)
    if place.is_symlink():
        raise argparse.ArgumentTypeError(f'"{path}" is a link that ends in itself')
    if not place.parent.is_dir():
        parent = place.parent if path.is_symlink() else path.parent
        raise argparse.ArgumentTypeError(f'there is no folder "{parent}" to write "{place.name}" into')
    if path.exists() and not path.is_file():  # the new file takes the name, and /dev/null would be gone
        raise argparse.ArgumentTypeError(f'expected a file, found a pipe or a device, "{path}"')
    if not os.access(place if place.exists() else place.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f'no permission to write "{path}"')
    return path


def positive(text: str) -> int:
    return count(text, least=1)


def count(text: str, *, least: int = 0) -> int:
    number = int(text) if text.isdigit() else -1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least}, found {text}")
    return number
