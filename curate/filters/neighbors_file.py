"""The file of what tells close languages apart: groups of languages, and a weight for each word and part of a word.

    b"curate neighbors 1\\n" | JSON line: step, groups, facts | of each group: keys uint32, weights int8 | SHA-256

Numbers are little-endian, and weights are in steps of so many nats. The same training gives the same bytes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.filters.model_bytes import BadModel, model_bytes, read_model

MAGIC = b"curate neighbors 1\n"
KEY_BYTES = 4
BUCKET_BITS = 16


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
    tables = (group.keys.astype("<u4").tobytes() + group.weights.tobytes() for group in neighbors.groups)
    return model_bytes(MAGIC, header, b"".join(tables))


def read_neighbors(data: bytes) -> Neighbors:
    """The groups in a whole file.

    Raises:
        BadModel: another format or version, a damaged or truncated file, or one that no kernel can work with.
    """
    return read_model(data, MAGIC, _checked)


def _checked(header: Mapping[str, Any], tables: bytes) -> Neighbors:
    return Neighbors(_groups(header["groups"], tables), _finite(header["step"]), header["facts"])


def _groups(rows: Sequence[Mapping[str, Any]], tables: bytes) -> tuple[NeighborGroup, ...]:
    groups, at = [], 0
    for row in rows:
        languages, entries = tuple(map(str, row["languages"])), int(row["entries"])
        middle, end = at + KEY_BYTES * entries, at + (KEY_BYTES + len(languages)) * entries
        keys = np.frombuffer(tables[at:middle], dtype="<u4").astype(np.uint32)
        weights = np.frombuffer(tables[middle:end], dtype=np.int8).reshape(entries, len(languages))
        priors = tuple(map(_finite, row["priors"]))
        if len(priors) != len(languages) or (np.diff(keys.astype(np.int64)) <= 0).any():
            raise BadModel(f"{len(priors)} priors for {languages}, or keys that do not ascend")
        groups.append(NeighborGroup(languages, str(row["script"]), _finite(row["trust"]), priors, keys, weights))
        at = end
    if at != len(tables):
        raise BadModel(f"it has {len(tables):,} bytes of weights, not the {at:,} that its header names")
    return tuple(groups)


def _finite(number: Any) -> float:
    if not math.isfinite(number):
        raise BadModel(f"{number} stands where a finite number should")
    return float(number)
