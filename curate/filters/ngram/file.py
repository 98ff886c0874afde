"""A language model as a file: what it is in JSON, then its table, each with a digest that is looked at before use.

"CURATELM" │ version │ bytes and SHA-256 of the header │ header (JSON) │ zeros up to a multiple of 64 │ slots
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.filters.ngram.counts import MAX_ORDER
from curate.filters.ngram.table import NgramTable
from curate.filters.ngram.words import UNITS, Units

MAGIC, VERSION = b"CURATELM", 1
PREAMBLE = struct.Struct("<8sIQ32s")
ALIGNMENT = 64
MOST_HEADER = 1 << 24
KENLM_BINARY = b"mmap lm http://kheafield.com/code"
ARPA = b"\\data\\"
Borders = Mapping[str, tuple[float, float]]
"""By language, "" for any: below the first perplexity a text is of the head, from the second on of the tail."""


@dataclass(frozen=True, slots=True)
class NgramTables:
    """What a file holds; `counts` are the n-grams of each length."""

    table: NgramTable
    units: Units
    counts: tuple[int, ...]
    borders: Borders


def write_tables(file: IO[bytes], tables: NgramTables) -> None:
    """Write a model; the same model gives the same bytes."""
    table = tables.table
    slots = np.ascontiguousarray(table.slots, dtype="<u8")
    header = {
        "order": table.order,
        "units": tables.units,
        "counts": list(tables.counts),
        "scales": table.scales.tolist(),
        "unknown": table.unknown,
        "borders": {language: list(borders) for language, borders in sorted(tables.borders.items())},
        "slots": {"count": len(slots), "sha256": hashlib.sha256(slots.data).hexdigest()},
    }
    data = json.dumps(header, ensure_ascii=False).encode()
    file.write(PREAMBLE.pack(MAGIC, VERSION, len(data), hashlib.sha256(data).digest()) + data)
    file.write(bytes(-(PREAMBLE.size + len(data)) % ALIGNMENT))
    file.write(slots.data)


def read_tables(path: str) -> NgramTables:
    """Read a model, its table mapped into memory.

    Raises:
        UsageError: another format or version, an end before the end, or bytes that are not those that were written.
    """
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise UsageError(f"cannot read the language model {path}: {error}") from error
    _check_kind(data[: 1 << 12], path)
    _, version, size, digest = PREAMBLE.unpack_from(data)
    if version != VERSION:
        raise UsageError(f"the language model {path} has version {version}; this curate reads {VERSION}")
    head = data[PREAMBLE.size : PREAMBLE.size + min(size, MOST_HEADER)]
    if hashlib.sha256(head).digest() != digest:
        raise UsageError(f"the language model {path} is damaged: its header is not the one that was written")
    try:
        return _tables(json.loads(head), data, PREAMBLE.size + size, path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the language model {path} is damaged: {error}") from error


def _check_kind(head: bytes, path: str) -> None:
    if head.startswith(MAGIC) and len(head) >= PREAMBLE.size:
        return
    if head.startswith(KENLM_BINARY):
        raise UsageError(
            f"{path} is a binary file of KenLM, laid out as the program that built it pleased: make a model of the "
            "ARPA file that it was built from, with `curate perplexity convert FILE.arpa --out MODEL`"
        )
    if ARPA in head or head.startswith(b"\x1f\x8b"):
        raise UsageError(
            f"{path} is no model yet: `curate perplexity convert {path} --out MODEL` makes one of an ARPA file"
        )
    raise UsageError(f"{path} is no language model of curate's: it does not begin with {MAGIC.decode()}")


def _tables(header: Mapping[str, Any], data: mmap.mmap, end: int, path: str) -> NgramTables:
    order, count = int(header["order"]), int(header["slots"]["count"])
    scales = np.array(header["scales"], dtype=np.float64)
    if not 1 <= order <= MAX_ORDER or scales.shape != (order + 1, 4) or header["units"] not in UNITS:
        raise ValueError(f"its order is {order}, its scales {scales.shape}, its units {header['units']}")
    start = end + -end % ALIGNMENT
    if len(data) != start + 8 * count:
        raise ValueError(f"it has {len(data):,} bytes where {start + 8 * count:,} are right")
    if data[end:start].strip(b"\0"):
        raise ValueError("there is something between its header and its table")
    slots = np.frombuffer(data, dtype="<u8", count=count, offset=start)
    if hashlib.sha256(slots.data).hexdigest() != header["slots"]["sha256"]:
        raise ValueError("its table is not the one that was written")
    _check_slots(slots)
    table = NgramTable(slots, scales, float(header["unknown"]), order)
    borders = {str(name): (float(low), float(high)) for name, (low, high) in header["borders"].items()}
    return NgramTables(table, header["units"], tuple(map(int, header["counts"])), borders)


def _check_slots(slots: npt.NDArray[np.uint64]) -> None:
    """A search ends at a free slot."""
    if np.count_nonzero(slots) == len(slots):
        raise ValueError("its table has no free slot")
