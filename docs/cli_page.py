"""docs/cli.md: every command with its arguments and examples, from the parsers that read the command line.

whole_parser ─▶ a section per command, and below it one per action: sentence, usage, examples, arguments
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from curate.commands.table import parsers_below, whole_parser

HEAD = """# The command line

<!-- made by docs/generate.py of the parsers in curate/commands/: change those, and run it -->

`curate COMMAND --help` says the same in a terminal. Results go to stdout, progress and warnings to stderr; `--json`
prints the result for programs. `eval "$(curate completion bash)"` in `~/.bashrc` (or `zsh`, in `~/.zshrc`) completes
commands, options and names. In Python each command is a function of the same name, which returns values and prints
nothing: `curate.plan(…)`, `curate.Run("runs/mini").why(…)`.

Exit codes: 0 done; 1 a check failed, nothing was kept, or a step dropped more than it may; 2 wrong use or wrong
recipe, one line; 3 done, but more than the budget was quarantined or could not be read; 4 the folder holds another
recipe, input or version; 5 the machine failed us, resumable; 6 another run holds the folder; 130 and 143 interrupted,
resumable.
"""


def cli_page() -> str:
    commands = parsers_below(whole_parser())
    listed = [f"| [`{name}`](#curate-{name}) | {_sentence(parser)} |" for name, parser in commands.items()]
    sections = (line for parser in commands.values() for line in _section(parser, "##"))
    return "\n".join([HEAD, "| command | does |", "|---|---|", *listed, *sections]) + "\n"


def _section(parser: argparse.ArgumentParser, marks: str) -> Iterator[str]:
    """A command, then each of its actions a level deeper."""
    actions = parsers_below(parser)
    yield from ("", f"{marks} {parser.prog}", "", *_paragraphs(parser.description or ""))
    yield from ("", "```text", _usage(parser), "```")
    yield from ("", "```bash", *_examples(parser), "```")
    rows = [_row(action) for action in _arguments(parser)]
    if rows:
        yield from ("", "| argument | meaning |", "|---|---|", *rows)
    for each in actions.values():
        yield from _section(each, f"{marks}#")


def _paragraphs(text: str) -> Iterator[str]:
    """With links to the pages that are named."""
    yield from re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text).splitlines()


def _sentence(parser: argparse.ArgumentParser) -> str:
    return _escaped((parser.description or "").partition("\n")[0])


def _examples(parser: argparse.ArgumentParser) -> list[str]:
    return [line.strip() for line in (parser.epilog or "").splitlines() if line.startswith("  ")]


def _arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Without `--help`, and without the actions, which have sections of their own."""
    left_out = (argparse._HelpAction, argparse._SubParsersAction)
    return [action for action in parser._actions if not isinstance(action, left_out)]


def _usage(parser: argparse.ArgumentParser) -> str:
    """What must be there, in a line; all else is in the table."""
    arguments = _arguments(parser)
    positional = [_shown(action) for action in arguments if not action.option_strings]
    required = [f"{action.option_strings[0]} {_shown(action)}" for action in arguments if _is_required_option(action)]
    is_open = any(action.option_strings and not action.required for action in arguments)
    words = ["ACTION"] if parsers_below(parser) else [*positional, *required]
    return " ".join([parser.prog, *words, *(["[OPTIONS]"] if is_open else [])])


def _is_required_option(action: argparse.Action) -> bool:
    return bool(action.option_strings) and action.required


def _shown(action: argparse.Action) -> str:
    """The value of an argument as a usage line has it."""
    name = str(action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper())
    return {"+": f"{name}…", "?": f"[{name}]"}.get(str(action.nargs), name)


def _row(action: argparse.Action) -> str:
    takes_value = action.nargs != 0
    if not action.option_strings:
        return f"| `{_shown(action)}` | {_meaning(action)} |"
    value = f" {_shown(action)}" if takes_value else ""
    required = " (required)" if action.required else ""
    return f"| `{_escaped(action.option_strings[-1] + value)}`{required} | {_meaning(action)} |"


def _meaning(action: argparse.Action) -> str:
    return _escaped(action.help or "")


def _escaped(text: str) -> str:
    """A bar would end the cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")
