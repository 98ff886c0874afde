"""Where each value of a TOML text stands: the line numbers that `tomllib` does not keep.

    text ─▶ {("source", 0, "steps", 2, "min_score"): 14, …}

The text has passed `tomllib` before, so this scanner only has to find values, not to judge them.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

Path = tuple[str | int, ...]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
BARE_VALUE = re.compile(r"[^\s,\]\}#]+(?: \d[^\s,\]\}#]*)?")  # a space may part a date from its time
SKIP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


def value_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every key and array element, by its path."""
    return _Scanner(text).scan()


class _Scanner:
    """A position in the text, and what has been found before it."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip()
        return self.lines

    def _header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        line = self._line()
        self.at += 2 if is_array else 1
        path = self._below_last(self._key())
        self.at += 2 if is_array else 1
        if is_array:
            number = self.counts.get(path, 0)
            self.counts[path] = number + 1
            path = (*path, number)
        self._note(path, 1, line)
        return path

    def _note(self, path: Path, shortest: int, line: int) -> None:
        """What stands here, and what it brings into being above it."""
        for length in range(shortest, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _below_last(self, key: Path) -> Path:
        """`[source.columns]` under `[[source]]` belongs to the last source."""
        path: Path = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return (*path, key[-1])

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = (*table, *self._key())
        self._note(path, len(table) + 1, line)
        self.at = self.text.index("=", self.at) + 1
        self._skip()
        self._value(path)

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            self._skip()
            if self.text[self.at] in "\"'":
                parts.append(tomllib.loads(f"key = {self._string()}")["key"])
            else:
                match = BARE_KEY.match(self.text, self.at)
                assert match, f"no key at offset {self.at}"
                parts.append(match.group())
                self.at = match.end()
            self._skip()
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def _value(self, path: Path) -> None:
        character = self.text[self.at]
        if character == "[":
            self._array(path)
        elif character == "{":
            self._inline_table(path)
        elif character in "\"'":
            self._string()
        else:
            match = BARE_VALUE.match(self.text, self.at)
            assert match, f"no value at offset {self.at}"
            self.at = match.end()

    def _array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while self._next_inside("]"):
            self.lines[(*path, number)] = self._line()
            self._value((*path, number))
            number += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._next_inside("}"):
            self._pair(path)

    def _next_inside(self, end: str) -> bool:
        """Go to the next element; False behind the closing bracket."""
        self._skip()
        if self.text[self.at] == ",":
            self.at += 1
            self._skip()
        if self.text[self.at] != end:
            return True
        self.at += 1
        return False

    def _string(self) -> str:
        start, quote = self.at, self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        while len(mark) == 3 and self.text.startswith(quote, self.at):  # up to two quotes may end the content
            self.at += 1
        return self.text[start : self.at]

    def _skip(self) -> None:
        match = SKIP.match(self.text, self.at)
        assert match
        self.at = match.end()

    def _line(self) -> int:
        return bisect_right(self.ends, self.at - 1) + 1
