"""Lines of a stream of chunks, split at b"\\n" alone, with their offsets and in bounded memory.

chunk, chunk, … ─▶ Line(offset, row, data), Line(offset, row, None: too long, skipped unseen), …
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Line(NamedTuple):
    """`offset` is where it starts in the stream, `row` how many lines stand before it; `data` is without its b"\\n",
    None for a line that is too long."""

    offset: int
    row: int
    data: bytes | None


def split_lines(chunks: Iterator[bytes], *, offset: int, max_bytes: int) -> Iterator[Line]:
    """Every line, the last also without a b"\\n" at its end. `offset` is that of the first chunk. Of a chunk that is
    nothing but line ends, those within it are counted and left out.

    Where `chunks` raises, all complete lines before were handed on; the cut one is not.
    """
    held: list[bytes] = []
    held_bytes = row = 0
    for chunk in chunks:
        if not held_bytes and chunk.count(b"\n") == len(chunk):  # a gigabyte of them packs to a megabyte
            offset, row = offset + len(chunk), row + len(chunk)
            continue
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            held_bytes += len(piece)
            held.append(piece)
            yield Line(offset, row, b"".join(held) if held_bytes <= max_bytes else None)
            offset, row = offset + held_bytes + 1, row + 1
            held, held_bytes = [], 0
        held_bytes += len(rest)
        held = [*held, rest] if held_bytes <= max_bytes else []
    if held_bytes:
        yield Line(offset, row, b"".join(held) if held_bytes <= max_bytes else None)
