"""The two consoles of the command line, and the only way to them: whatever is printed is shown, never obeyed.

line, table's cell, title ─▶ no mark-up, control characters escaped ─▶ OUT (what was asked for) | ERR (the rest)

A page chooses its own address, a program its file names and an exception its words. None of them may move the cursor,
turn the line around, begin a line of its own or be read as a style.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from curate.finite import finite
from curate.printable import is_seen, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


class PlainConsole:
    """Lines without styles, tables or bars, on a machine that only trains and has no rich."""

    is_terminal = False

    def __init__(self, *, stderr: bool) -> None:
        self._stderr = stderr

    def print(
        self,
        line: str = "",
        *,
        style: str | None = None,
        soft_wrap: bool = True,
        highlight: bool = False,
        markup: bool = False,
    ) -> None:
        """Takes what rich's takes; how a line looks is left out."""
        print(printable(line), file=sys.stderr if self._stderr else sys.stdout, flush=True)


def _console(*, stderr: bool) -> Console:
    try:
        from curate.terminal_rich import ShownConsole
    except ModuleNotFoundError:
        return cast("Console", PlainConsole(stderr=stderr))
    return ShownConsole(stderr=stderr, highlight=False, markup=False, emoji=False)


OUT = _console(stderr=False)
ERR = _console(stderr=True)
IS_PLAIN = isinstance(OUT, PlainConsole)
"""There is no rich: nothing but `say`, `say_pieces` and `warn` can be used."""


def escape_the_unencodable() -> None:
    """What the terminal's own alphabet lacks is escaped, too, and no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def hang_up() -> None:
    """Nobody reads any more: what is still to be written goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def say(line: str = "", *, style: str | None = None) -> None:
    """One line of the answer, however long."""
    OUT.print(line, style=style, soft_wrap=True)


def warn(line: str, *, style: str | None = None) -> None:
    """One line that is not the answer: a warning, an error, what comes next."""
    ERR.print(line, style=style, soft_wrap=True)


def is_watched() -> bool:
    """Somebody sees the answer on a terminal whose alphabet has every character."""
    return sys.stdout.isatty() and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def say_pieces(pieces: Sequence[tuple[str, str]]) -> None:
    """One line of texts, each with the name of its style."""
    if IS_PLAIN:
        say("".join(text for text, _ in pieces))
        return
    from rich.text import Text

    OUT.print(Text.assemble(*((printable(text), style) for text, style in pieces)), soft_wrap=True)


def show(table: Table) -> None:
    OUT.print(table)


def say_json(value: Any) -> None:
    """A value for programs; what a terminal might obey stands there in JSON's own escapes."""
    from rich.highlighter import JSONHighlighter
    from rich.text import Text

    text = json.dumps(finite(value), ensure_ascii=False, indent=2, default=str)
    safe = "".join(map(_json_escape, text))
    OUT.print(JSONHighlighter()(Text(safe)) if OUT.is_terminal else Text(safe), soft_wrap=True)


def say_text(text: str) -> None:
    """A text of many lines, as it is: a file, or what a model wrote."""
    from rich.text import Text

    lines = (printable(line, keep="\t") for line in text.removesuffix("\n").split("\n"))
    OUT.print(Text("\n".join(lines)), soft_wrap=True)


def say_part(text: str) -> None:
    """A piece of a text that goes on with the next one, as it is: rich would cut white space off its end."""
    OUT.file.write(printable(text, keep="\t\n"))
    OUT.file.flush()


def cell(*lines: str) -> Text:
    """A table's cell of several lines; a string with line ends would be one line."""
    from rich.text import Text

    return Text("\n".join(map(printable, lines)))


def _json_escape(character: str) -> str:
    if character == "\n" or is_seen(character):
        return character
    return json.dumps(character)[1:-1].replace("\x7f", r"\u007f")
