"""The file of what tells close languages apart: groups of languages, and a weight for each word and part of a word.

    b"curate neighbors 1\\n" | JSON line: step, groups, facts | of each group: keys uint32, weights int8 | SHA-256

Numbers are little-endian, and weights are in steps of so many nats. The same training gives the same bytes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = b"curate neighbors 1\n"
DIGEST = 32
KEY_BYTES = 4
BUCKET_BITS = 16


class NotNeighbors(ValueError):
    """The bytes are no such file; the sentence says what they have instead."""


@dataclass(frozen=True)
class NeighborGroup:
    """Languages that are taken for one another, where they are written in one script (ISO 15924).

    `trust` is the power to which a model's chances within the group are taken; `priors` are nats that its languages
    have beforehand. `keys` uint32[n] are those of words and windows (see `neighbor_words`), ascending; `weights`
    int8[n, languages] say what each costs a language, in steps.
    """

    languages: tuple[str, ...]
    script: str
    trust: float
    priors: tuple[float, ...]
    keys: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.int8]

    @functools.cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """int64[65537]: keys whose high 16 bits are b stand at `starts[b]` to `starts[b + 1]`."""
        buckets = np.arange((1 << BUCKET_BITS) + 1, dtype=np.uint64) << np.uint64(32 - BUCKET_BITS)
        return np.searchsorted(self.keys.astype(np.uint64), buckets)


@dataclass(frozen=True, slots=True)
class Neighbors:
    """`step` is a weight's unit, in nats. `facts`: what it was made of."""

    groups: tuple[NeighborGroup, ...]
    step: float
    facts: Mapping[str, Any]


def neighbors_bytes(neighbors: Neighbors) -> bytes:
    """The file of some groups."""
    names = ("languages", "script", "trust", "priors")
    rows = [{name: getattr(group, name) for name in names} | {"entries": len(group.keys)} for group in neighbors.groups]
    header = {"step": neighbors.step, "groups": rows, "facts": neighbors.facts}
    line = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    tables = (group.keys.astype("<u4").tobytes() + group.weights.tobytes() for group in neighbors.groups)
    body = MAGIC + line + b"".join(tables)
    return body + hashlib.sha256(body).digest()


def read_neighbors(data: bytes) -> Neighbors:
    """The groups in a whole file.

    Raises:
        NotNeighbors: another format or version, a damaged or truncated file, or one that no kernel can work with.
    """
    if not data.startswith(MAGIC):
        raise NotNeighbors(f"it begins with {data[: len(MAGIC)]!r}; {MAGIC!r} would be right")
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise NotNeighbors("it ends too early, or is damaged: its SHA-256 is not the one at its end")
    try:
        end = body.index(b"\n", len(MAGIC)) + 1
        header = json.loads(body[len(MAGIC) : end])
        return Neighbors(_groups(header["groups"], body[end:]), _finite(header["step"]), header["facts"])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, NotNeighbors):
            raise
        raise NotNeighbors(f"its header is not one that curate writes ({error!r})") from error


def _groups(rows: Sequence[Mapping[str, Any]], tables: bytes) -> tuple[NeighborGroup, ...]:
    """A digest says that a file is whole, not that its maker knew what kernels can bear."""
    groups, at = [], 0
    for row in rows:
        languages, entries = tuple(map(str, row["languages"])), int(row["entries"])
        middle, end = at + KEY_BYTES * entries, at + (KEY_BYTES + len(languages)) * entries
        keys = np.frombuffer(tables[at:middle], dtype="<u4").astype(np.uint32)
        weights = np.frombuffer(tables[middle:end], dtype=np.int8).reshape(entries, len(languages))
        priors = tuple(map(_finite, row["priors"]))
        if len(priors) != len(languages) or (np.diff(keys.astype(np.int64)) <= 0).any():
            raise NotNeighbors(f"{len(priors)} priors for {languages}, or keys that do not ascend")
        groups.append(NeighborGroup(languages, str(row["script"]), _finite(row["trust"]), priors, keys, weights))
        at = end
    if at != len(tables):
        raise NotNeighbors(f"it has {len(tables):,} bytes of weights, not the {at:,} that its header names")
    return tuple(groups)


def _finite(number: Any) -> float:
    if not math.isfinite(number):
        raise NotNeighbors(f"{number} stands where a finite number should")
    return float(number)
