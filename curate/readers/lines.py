"""Lines of a stream of chunks, split at b"\\n" alone, with their offsets and in bounded memory.

chunk, chunk, … ─▶ Line(offset, data), Line(offset, None: too long, skipped unseen), …
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Line(NamedTuple):
    """`offset` is where it starts in the stream; `data` is without its b"\\n", None for a line that is too long."""

    offset: int
    data: bytes | None


def split_lines(chunks: Iterator[bytes], *, offset: int, max_bytes: int) -> Iterator[Line]:
    """Every line, the last also without a b"\\n" at its end. `offset` is that of the first chunk.

    Where `chunks` raises, all complete lines before were handed on; the cut one is not.
    """
    held: list[bytes] = []
    held_bytes = 0
    for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            held_bytes += len(piece)
            held.append(piece)
            yield Line(offset, b"".join(held) if held_bytes <= max_bytes else None)
            offset += held_bytes + 1
            held, held_bytes = [], 0
        held_bytes += len(rest)
        held = [*held, rest] if held_bytes <= max_bytes else []
    if held_bytes:
        yield Line(offset, b"".join(held) if held_bytes <= max_bytes else None)
