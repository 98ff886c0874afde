"""A plan on disk: one line of JSON a split, so that a worker finds its own among 700,000 without reading the others.

plan.json     all but the splits, how many each source has, digests of the two files below; under a seal
splits.jsonl  {"key": …, "ranges": [[file, uri, size, version, start, end, places], …]} and the digest of this line
splits.ends   uint64, where each line ends
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.engine.plan import FileRange, InputFile, Plan, Split, Splits, key_of
from curate.engine.sealed import opened, sealed_bytes
from curate.engine.store import Store, place_of
from curate.errors import CheckFailed
from curate.recipe import OwnColumn
from curate.run_files import PLAN, SPLIT_ENDS, SPLITS

DIGEST = 16
"""Hexadecimal digits at the end of each line: a flipped bit is seen by whoever reads it."""


def write_plan(store: Store, plan: Plan) -> None:
    """Written once, before any work; `plan.json` last, as it is what makes a folder a run's."""
    lines, ends = _pack(plan.splits)
    # What plan.json vouches for comes before it: a folder without a plan is no run yet, with half a plan a broken one.
    store.write(SPLITS, lines)
    store.write(SPLIT_ENDS, ends)
    table = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan) if field.name != "splits"}
    table["columns"] = [[source, [dataclasses.asdict(column) for column in own]] for source, own in plan.columns]
    table["splits"] = {
        "counts": [*_counts(plan.splits).items()],
        "sha256": _sha256(lines),
        "ends_sha256": _sha256(ends),
    }
    store.write(PLAN, sealed_bytes(table))


def read_plan(store: Store) -> Plan | None:
    """The plan of a run that was begun, or None.

    Raises:
        CheckFailed: the file is not as it was written.
    """
    if store.stamp(PLAN) is None:
        return None
    table = opened(store.read(PLAN), store.fetch(PLAN))
    files = tuple((name, sha256) for name, sha256 in table["files"])
    splits = StoredSplits(store.fetch(SPLITS), store.fetch(SPLIT_ENDS), dict(table["splits"]["counts"]))
    columns = tuple((name, tuple(OwnColumn(**column) for column in own)) for name, own in table["columns"])
    ledger, documents = (tuple((name, word) for name, word in table[which]) for which in ("ledger", "documents"))
    recipe, version, base, recipe_file = (table[name] for name in ("recipe", "version", "base", "recipe_file"))
    parts = tuple((part, tuple((name, sha256) for name, sha256 in own)) for part, own in table["parts"])
    libraries = tuple((name, version) for name, version in table["libraries"])
    return Plan(recipe, version, base, splits, files, recipe_file, columns, ledger, documents, parts, libraries)


def check_splits(store: Store) -> None:
    """The tables of splits are as they were written: looked at once, by the one who hands out the tasks.

    Raises:
        CheckFailed
    """
    digests = opened(store.read(PLAN), store.fetch(PLAN))["splits"]
    for name, expected in ((SPLITS, digests["sha256"]), (SPLIT_ENDS, digests["ends_sha256"])):
        if store.stamp(name) is None or _sha256(store.read(name)) != expected:
            raise CheckFailed(f"{place_of(store)}/{name} is damaged: it is not as it was written")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _counts(splits: Splits) -> dict[str, int]:
    """Splits by source, in their order; a table of JSON would forget the order."""
    counts: dict[str, int] = {}
    for split in splits:
        counts[split.source] = counts.get(split.source, 0) + 1
    return counts


def _pack(splits: Iterable[Split]) -> tuple[bytes, bytes]:
    """The two files."""
    lines = [_line(split) for split in splits]
    return b"".join(lines), np.cumsum([*map(len, lines)], dtype="<u8").tobytes()


def _line(split: Split) -> bytes:
    ranges = [_listed(piece) for piece in split.ranges]
    table = {"key": split.key, "source": split.source, "number": split.number, "size": split.size, "ranges": ranges}
    content = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()
    return content + b" " + _sha256(content)[:DIGEST].encode() + b"\n"


def _listed(piece: FileRange) -> list[Any]:
    file = piece.file
    return [
        file.name,
        file.uri,
        file.size,
        file.version,
        piece.start,
        piece.end,
        *([piece.places] if piece.places else []),
    ]


def _range(name: str, uri: str, size: int, version: str, start: int, end: int, places: Sequence[int] = ()) -> FileRange:
    return FileRange(InputFile(name, uri, size, version), start, end, tuple(places))


def _split(line: bytes, path: Path) -> Split:
    content, _, digest = line.rstrip(b"\n").rpartition(b" ")
    if _sha256(content)[:DIGEST].encode() != digest:
        # A wrong end cuts a whole line wrongly, and which of the two is wrong the line does not say.
        ends = Path(SPLIT_ENDS).name
        raise CheckFailed(f"{path}, or {ends} beside it, is damaged: a split is not as it was written")
    table = json.loads(content)
    ranges = tuple(_range(*listed) for listed in table["ranges"])
    return Split(table["key"], table["source"], table["number"], ranges, table["size"])


class StoredSplits:
    """The splits of a plan that was written, each read when it is asked for."""

    def __init__(self, lines: Path, ends: Path, counts: Mapping[str, int]) -> None:
        self._path, self._counts = lines, dict(counts)
        # The last sum is where a next source would begin.
        self._first = dict(zip(counts, np.cumsum([0, *counts.values()]).tolist(), strict=False))
        self._lines, self._ends = _mapped(lines), np.frombuffer(_mapped(ends), dtype="<u8")

    def __len__(self) -> int:
        return sum(self._counts.values())

    def __iter__(self) -> Iterator[Split]:
        return map(self._at, range(len(self)))

    def keys(self) -> Iterator[str]:
        """Known without reading a line."""
        return (key_of(source, number) for source, count in self._counts.items() for number in range(count))

    def of(self, source: str) -> Sequence[Split]:
        first = self._first.get(source, 0)
        return [self._at(first + number) for number in range(self._counts.get(source, 0))]

    def of_key(self, key: str) -> Split:
        """A split's key is its source and its number there."""
        source, _, number = key.rpartition("-")  # the last one: a source's own name may have more
        return self._at(self._first[source] + int(number))

    def _at(self, place: int) -> Split:
        # A line begins where the one before it ends; there is no leading 0 in the file.
        start, end = int(self._ends[place - 1]) if place else 0, int(self._ends[place])
        return _split(self._lines[start:end], self._path)


def _mapped(path: Path) -> mmap.mmap | bytes:
    """A file of no bytes cannot be mapped."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
