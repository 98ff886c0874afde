"""Objects of slices: what one task leaves for many others, each of which reads its own part of it and no more.

slices ─▶ where each lies, and a checksum of it │ slice 0 │ slice 1 │ …
one slice ◀─ two ranged reads: its row of the table in front, and itself
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from xxhash import xxh3_64_intdigest

from curate.engine.store import Store
from curate.errors import RottenFile

ENTRY = np.dtype([("start", "<u8"), ("stop", "<u8"), ("digest", "<u8"), ("own", "<u8")])
"""Of a slice: its bytes [start, stop) of the object, their xxh3_64, and that of these three."""
SAID = 24
"""The bytes of an entry that `own` is the checksum of."""


def write_slices(file: BinaryIO, slices: Sequence[bytes]) -> None:
    """Each slice is asked for twice: once for its size and checksum, once to be written."""
    table = np.zeros(len(slices), dtype=ENTRY)
    end = table.nbytes
    for entry, number in zip(table, range(len(slices)), strict=True):
        content = slices[number]
        entry["start"], entry["stop"], entry["digest"] = end, end + len(content), xxh3_64_intdigest(content)
        entry["own"] = xxh3_64_intdigest(entry.tobytes()[:SAID])
        end += len(content)
    file.write(table.tobytes())
    for number in range(len(slices)):
        file.write(slices[number])


def read_slice(store: Store, stage: str, key: str, name: str, number: int) -> bytes:
    """Slice `number` of an object that a task has committed, after a look at its content.

    Raises:
        RottenFile: it is gone, or not as it was written; the task is to be done again.
    """
    try:
        head = store.read_range(name, number * ENTRY.itemsize, (number + 1) * ENTRY.itemsize)
        if len(head) != ENTRY.itemsize:
            raise RottenFile(stage, key, name)
        start, stop, digest, own = np.frombuffer(head, dtype=ENTRY)[0].tolist()
        if xxh3_64_intdigest(head[:SAID]) != own:
            raise RottenFile(stage, key, name)
        content = store.read_range(name, start, stop) if start < stop else b""
    except FileNotFoundError:
        raise RottenFile(stage, key, name) from None
    if xxh3_64_intdigest(content) != digest:
        raise RottenFile(stage, key, name)
    return content
