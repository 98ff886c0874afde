"""The items of a JSON file that is no JSON Lines: of an array, or objects that stand over several lines.

    [ {…}, {…}, … ]  or  {…} {…} …  ─▶ Line(offset, number, bytes of one item), in bounded memory

Only brackets, quotes and commas are looked at; whether an item is JSON is its reader's business. What is damaged costs
all items behind it, since nothing tells where the next one begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.readers.inflate import Unreadable
from curate.readers.lines import Line

OUTSIDE = re.compile(rb'["{}\[\],]')
INSIDE = re.compile(rb'["\\]')
OPEN, CLOSE = b"{[", b"}]"


class _Scanner:
    """Where in the file it is: how deep in brackets, in a string or not."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.base = self.depth = self.number = self.held_bytes = 0
        self.is_open = self.in_string = self.is_escaped = False
        self.held: list[bytes] = []
        self.begin = 0

    def take(self, piece: bytes, place: int) -> None:
        """Bytes that belong to the item at hand; white space in front of it does not."""
        if not self.held_bytes:
            stripped = piece.lstrip()
            self.begin = place + len(piece) - len(stripped)
            piece = stripped
        self.held_bytes += len(piece)
        self.held = [*self.held, piece] if self.held_bytes <= self.max_bytes else []

    def finish(self) -> Iterator[Line]:
        """The item at hand, if there is one."""
        if self.held_bytes:
            data = b"".join(self.held) if self.held_bytes <= self.max_bytes else None
            yield Line(self.begin, self.number, data)
            self.number += 1
        self.held, self.held_bytes = [], 0


def split_items(chunks: Iterator[bytes], *, max_bytes: int) -> Iterator[Line]:
    """Every item with its number. Raises Unreadable("truncated") where the file stops within one."""
    scanner, place = _Scanner(max_bytes), 0
    for chunk in chunks:
        yield from _scan(scanner, chunk, place)
        place += len(chunk)
    if scanner.depth or scanner.in_string or scanner.held_bytes:
        raise Unreadable("truncated", "the JSON stops before its end")


def _scan(scanner: _Scanner, chunk: bytes, place: int) -> Iterator[Line]:
    at = start = 0
    if scanner.is_escaped and chunk:
        at, scanner.is_escaped = 1, False
    while found := (INSIDE if scanner.in_string else OUTSIDE).search(chunk, at):
        sign, at = found[0], found.end()
        if sign == b"\\":
            scanner.is_escaped = at == len(chunk)
            at += 1
        elif sign == b'"':
            scanner.in_string = not scanner.in_string
        elif sign in OPEN:
            if sign == b"[" and not scanner.is_open and not scanner.depth:
                scanner.base = 1  # the array around all items; its bracket belongs to none
                start = at
            scanner.is_open = True
            scanner.depth += 1
        else:
            ends = _ends_item(scanner, sign)
            if ends is not None:
                scanner.take(chunk[start : at if ends else found.start()], place + start)
                yield from scanner.finish()
                start = at
    scanner.take(chunk[start:], place + start)


def _ends_item(scanner: _Scanner, sign: bytes) -> bool | None:
    """Whether the sign ends an item: True, and is part of it; False, and stands behind it; None: it does not."""
    if sign == b",":
        return False if scanner.base and scanner.depth == scanner.base else None
    scanner.depth -= 1
    if scanner.depth < 0:
        raise Unreadable("corrupt", "a bracket closes what none has opened")
    if scanner.base and scanner.depth == 0:
        return False
    return True if not scanner.base and scanner.depth == 0 else None
