"""The console of rich, to which every string is text and no mark-up."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from curate.printable import printable


class ShownConsole(Console):
    """A console to which a string is text: `print`, a table's cells and its titles all come through `render_str`."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(printable(text), **how)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with 1
