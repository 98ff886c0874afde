"""`curate completion`: a script with which a shell completes commands, options and names, made of the parsers.

parsers ─▶ Choices per command (" classifier train": --label, --out …) ─▶ bash | zsh
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curate.commands.arguments import add_command
from curate.terminal import say_text

NAMED_RECIPES = {"RECIPE", "NAME"}
"""Arguments where the name of a recipe that ships may stand."""

BASH = """\
# curate completion bash
_curate() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} so_far= names= options= place
  for ((place = 1; place < COMP_CWORD; place++)); do
    case "$so_far ${{COMP_WORDS[place]}}" in
{steps}
    esac
  done
  case "$so_far" in
{choices}
  esac
  [[ $word == -* ]] && names=$options
  COMPREPLY=($(compgen -W "$names" -- "$word"))
}}
complete -o bashdefault -o default -F _curate curate
"""

ZSH = """\
#compdef curate
# curate completion zsh
_curate() {{
  local so_far= place
  local -a names options
  for ((place = 2; place < CURRENT; place++)); do
    case "$so_far ${{words[place]}}" in
{steps}
    esac
  done
  case "$so_far" in
{choices}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  else
    _describe name names
    _files
  fi
}}
compdef _curate curate
"""


@dataclass(frozen=True, slots=True)
class Word:
    """What may stand in a place of a command line, and what it means."""

    text: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Choices:
    """The words that may come next, but for files: commands and names, options."""

    names: tuple[Word, ...]
    options: tuple[Word, ...]


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "completion",
        "print a script with which bash or zsh completes commands, options and names",
        run,
        about="Put the line of the example into ~/.bashrc, or its like with zsh into ~/.zshrc.",
        examples=['eval "$(curate completion bash)"'],
    )
    command.add_argument("shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh")


def run(options: argparse.Namespace) -> int:
    from curate.commands.table import whole_parser

    choices = dict(choices_by_command(whole_parser()))
    say_text(bash_script(choices) if options.shell == "bash" else zsh_script(choices))
    return 0


def choices_by_command(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, Choices]]:
    """By path, "" for the program alone, " classifier train" for the action of a command."""
    from curate.commands.table import parsers_below

    below = parsers_below(parser)
    commands = (Word(name, (each.description or "").partition("\n")[0].rstrip(".")) for name, each in below.items())
    yield path, Choices((*commands, *_names(parser)), tuple(_options(parser)))
    for name, each in below.items():
        yield from choices_by_command(each, f"{path} {name}")


def _options(parser: argparse.ArgumentParser) -> Iterator[Word]:
    for action in parser._actions:
        yield from (Word(name, action.help or "") for name in action.option_strings if name.startswith("--"))


def _names(parser: argparse.ArgumentParser) -> Iterator[Word]:
    """Of recipes that ship, and whatever else an argument without a name of its own may only be."""
    from curate.recipe_file import shipped_recipes

    for action in parser._actions:
        if action.option_strings or isinstance(action, argparse._SubParsersAction):
            continue
        if action.metavar in NAMED_RECIPES:
            yield from (Word(name, "a recipe that ships") for name in shipped_recipes())
        yield from (Word(str(name), str(name)) for name in action.choices or ())


def bash_script(choices: Mapping[str, Choices]) -> str:
    lines = [
        f"    {shlex.quote(path)}) names={_joined(each.names)} options={_joined(each.options)} ;;"
        for path, each in choices.items()
    ]
    return BASH.format(steps=_steps(choices), choices="\n".join(lines))


def _joined(words: Iterable[Word]) -> str:
    return shlex.quote(" ".join(word.text for word in words))


def zsh_script(choices: Mapping[str, Choices]) -> str:
    lines = [
        f"    {shlex.quote(path)}) names=({_described(each.names)}) options=({_described(each.options)}) ;;"
        for path, each in choices.items()
    ]
    return ZSH.format(steps=_steps(choices), choices="\n".join(lines))


def _described(words: Iterable[Word]) -> str:
    """As `_describe` reads them: a colon parts the word from what it means."""
    return " ".join(shlex.quote(f"{word.text}:{word.meaning}") for word in words)


def _steps(choices: Mapping[str, Choices]) -> str:
    """The command so far, from the words that stand there; options and files between them change nothing."""
    return "\n".join(f"      {shlex.quote(path)}) so_far={shlex.quote(path)} ;;" for path in choices if path)
