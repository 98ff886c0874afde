"""A source read in part: how much it holds, and documents drawn evenly from that, taken through its steps.

splits, evenly chosen ─▶ each record's size, added up
                      └▶ records with the smallest keyed hashes of their ids ─▶ extract, measure, decide ─▶ Survey
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import polars as pl
import xxhash

from curate.batch import Record
from curate.engine.plan import Plan, Split
from curate.recipe import Recipe, Source
from curate.steps.chapters import read_split
from curate.steps.rows import record_size
from curate.steps.versions import decide_records, sieve_of

MAX_DOCUMENTS = 3_000
MAX_SLOW_DOCUMENTS = 300
"""With trafilatura, which takes some thirty times as long for a page."""
MAX_HELD = 64 << 20
"""Bytes of records that are held at once, and extracted."""
MAX_INPUT = 128 << 20
"""Bytes of input that are read in all: the beginnings of many splits, as neighbors in a crawl are alike."""
MAX_SPLITS = 32
MIN_SPLITS = 4
"""So many splits are read to their ends, whatever their size, where they cannot be read in part."""
BYTES = 1 << 16
"""A longer range is one of bytes; row groups, and files that are read as a whole, are never so many."""
MAX_PAYLOAD = 256 << 20
"""Bytes of records after which reading stops in a split: an archive that nobody can cut may have any size."""
COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip", ".tgz", ".parquet")
COMPRESSION = 4.0
"""About what these make of text and mark-up: how much of a file was read where reading stopped early."""
GROUPS = 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What of a source was read, and what its steps made of the documents that were drawn.

    `drawn`: id, payload (bytes of the record), and group: without the documents of one group an estimate is another
    one, which shows its error; a group is a split where only some of the input was read, else any twentieth. `kept`:
    the documents that the steps keep, in the order of the draw. `input_share` of the input's bytes was read, and held
    `records` records of `payload` bytes together.
    """

    drawn: pl.DataFrame
    kept: pl.DataFrame
    records: int
    payload: int
    input_share: float

    @property
    def drawn_share(self) -> float:
        """Of all documents that the source seems to hold; 1 where all were drawn."""
        return self.input_share * self.drawn.height / max(self.records, 1)


def survey(recipe: Recipe, source: Source, plan: Plan) -> Survey:
    """The same documents for the same inputs and seed, in a minute at most whatever the size of the inputs."""
    source = replace(source, own=dict(plan.columns).get(source.name))
    splits = plan.of(source.name)
    reading = _Reading(recipe.seed, MAX_SLOW_DOCUMENTS if "trafilatura" in source.extractors else MAX_DOCUMENTS)
    chosen = _chosen(splits)
    read = 0.0
    for reading.split, split in enumerate(chosen):
        read += split.size * _read(reading, split, MAX_INPUT // len(chosen), source, recipe)
    share = min(read / max(sum(split.size for split in splits), 1), 1.0)
    held = sorted(reading.held, key=lambda each: each.place)
    by_split = share < 1 and len(chosen) > 1
    groups = [each.split if by_split else number for number, each in enumerate(held)]
    rows = [
        (each.record.id, record_size(each.record), group % GROUPS) for each, group in zip(held, groups, strict=True)
    ]
    drawn = pl.DataFrame(rows, schema={"id": pl.String, "payload": pl.Int64, "group": pl.Int64}, orient="row")
    kept = _kept([each.record for each in held], source, recipe)
    return Survey(drawn, kept, reading.records, reading.payload, share)


class _Held(NamedTuple):
    """A record, its hash and its split."""

    place: int
    split: int
    record: Record


@dataclass(slots=True)
class _Reading:
    """What was read so far. The records whose hash is below the limit are held; it sinks as they become too many."""

    seed: int
    max_documents: int
    limit: int = 1 << 64
    records: int = 0
    payload: int = 0
    held: list[_Held] = field(default_factory=list)
    held_bytes: int = 0
    split: int = 0

    def add(self, record: Record) -> None:
        size = record_size(record)
        self.records += 1
        self.payload += size
        place = xxhash.xxh3_64_intdigest(record.id.encode(), seed=self.seed)
        if place < self.limit:
            self.held.append(_Held(place, self.split, record))
            self.held_bytes += size
        while len(self.held) > self.max_documents or (self.held_bytes > MAX_HELD and len(self.held) > 1):
            self._sink()

    def _sink(self) -> None:
        """By a tenth, so that the draw stays near what is allowed."""
        self.limit -= self.limit // 10
        self.held = [each for each in self.held if each.place < self.limit]
        self.held_bytes = sum(record_size(each.record) for each in self.held)


def _chosen(splits: Sequence[Split]) -> Sequence[Split]:
    """All, or some with equal distances."""
    if not splits:
        return splits
    mean = max(sum(split.size for split in splits) // len(splits), 1)
    fewest = MAX_SPLITS if all(_is_in_bytes(split) for split in splits) else MIN_SPLITS
    count = min(max(MAX_INPUT // mean, fewest), len(splits))
    return [splits[(2 * number + 1) * len(splits) // (2 * count)] for number in range(count)]


def _is_in_bytes(split: Split) -> bool:
    """Whether it is one range of a file's bytes, of which a part can be read, and is known by its records' ids."""
    return len(split.ranges) == 1 and split.ranges[0].end - split.ranges[0].start > BYTES


def _read(reading: _Reading, split: Split, max_bytes: int, source: Source, recipe: Recipe) -> float:
    """Add the records of a split, or its first ones; which part of it was read."""
    before, piece = reading.payload, split.ranges[0]
    for record in read_split(split, source, recipe):
        place = record.id.rpartition("@")[2]
        if _is_in_bytes(split) and place.isdigit() and int(place) - piece.start > max_bytes:
            return (int(place) - piece.start) / (piece.end - piece.start)
        if isinstance(record, Record):
            reading.add(record)
        if reading.payload - before > MAX_PAYLOAD:
            is_compressed = piece.file.name.endswith(COMPRESSED)
            return min(MAX_PAYLOAD / (COMPRESSION if is_compressed else 1.0) / max(split.size, 1), 1.0)
    return 1.0


def _kept(records: Sequence[Record], source: Source, recipe: Recipe) -> pl.DataFrame:
    return decide_records(records, sieve_of(source, recipe)).filter(outcome="kept")
