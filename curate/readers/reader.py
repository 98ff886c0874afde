"""What a reader answers, and the table of those that ship: a kind of input is one object in one row.

read = "warc" ─▶ READERS["warc"] ─┬▶ split_file: InputFile ─▶ ranges, which are cut into splits
                                  ├▶ look: files ─▶ columns of their own, once, for the plan
                                  └▶ read: FileRange ─▶ Record | Rejected
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.model_file import ModelFile
from curate.readers.chats import CHAT_COLUMNS
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Kind, Source

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a reader before its code is."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    """What its records may know besides text, URL and time, with the types."""
    keys: frozenset[str] = frozenset()
    """Keys of a [[source]] that it listens to, of those that not every reader does."""
    has_own_columns: bool = False
    """Its files are tables, whose further columns go with the documents."""
    consumes: frozenset[str] = frozenset()
    """Of its tables what its documents are made of, and is no column of theirs."""
    are_conversations: bool = False
    """Its documents are conversations, whose texts have marks before their turns (readers/turns.py)."""
    are_warc: bool = False
    """Its files are WARC, whose records can be copied as they stand."""


class Reader(Protocol):
    """One kind of input."""

    @property
    def about(self) -> str:
        """Which files it reads, in a line for the docs."""

    @property
    def traits(self) -> Traits: ...

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """What decides what it reads and does not come with curate: a user's module, and what that imports."""

    def split_file(self, file: InputFile, *, target_bytes: int) -> Ranges:
        """Ranges, in its own unit, that together are the file; [(0, 1)] where it can only be read as a whole."""

    def read(
        self, range: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
    ) -> Iterator[Record | Rejected]:
        """Every record of the range, in order, and everything else in it. It opens its file with `watch`, and pulses
        while it works on a long record; what is wrong with a file is told by a Rejected, never raised."""

    def own_bytes(self, range: FileRange) -> tuple[int, int]:
        """The bytes [start, end) of its file that a range has to itself: those of all ranges that `split_file` gives
        are the whole file, once. Reading may go a little further."""

    def look(self, files: Sequence[InputFile], source: Source) -> Mapping[str, Kind]:
        """The columns of its tables and the kinds of their values; only asked where it `has_own_columns`.

        Raises:
            UsageError: nothing in the files can be read as the source says.
        """


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A reader that ships, its functions those of a module that is loaded when the first of them is called."""

    module: str
    about: str
    traits: Traits
    files: tuple[ModelFile, ...] = ()

    def split_file(self, file: InputFile, *, target_bytes: int) -> Ranges:
        ranges: Ranges = self._load().split_file(file, target_bytes=target_bytes)
        return ranges

    def read(
        self, range: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
    ) -> Iterator[Record | Rejected]:
        records: Iterator[Record | Rejected] = self._load().read(
            range, source=source, max_record_bytes=max_record_bytes, watch=watch
        )
        return records

    def own_bytes(self, range: FileRange) -> tuple[int, int]:
        bounds: tuple[int, int] = self._load().own_bytes(range)
        return bounds

    def look(self, files: Sequence[InputFile], source: Source) -> Mapping[str, Kind]:
        kinds: Mapping[str, Kind] = self._load().look(files, source)
        return kinds

    def _load(self) -> Any:
        return importlib.import_module(self.module)


def _texts(*names: str) -> Mapping[str, Any]:
    return dict.fromkeys(names, pl.String)


OF_PAGES = frozenset({"extract", "min_language_chance", "title", "format", "facts"})
"""Keys that say how the text of a web page is made."""

OF_CRAWLS = frozenset({"sample", "cc"})
"""Keys that say what is read of a crawl."""

READERS: Mapping[str, Reader] = {
    "warc": BuiltIn(
        "curate.readers.warc",
        "WARC, WET and ARC files, by record, compressed or not",
        Traits(_texts("mime"), OF_PAGES | OF_CRAWLS, are_warc=True),
    ),
    "books": BuiltIn(
        "curate.readers.books",
        "`.txt`, `.epub`, `.html`, `.xhtml`, alone or in `.tar.*` and `.zip`",
        Traits(_texts("title", "author", "declared_language"), frozenset({"split", "split_words"})),
    ),
    "code": BuiltIn(
        "curate.readers.code",
        "source files of folders, `.tar.*` and `.zip`",
        Traits(_texts("programming_language", "license")),
    ),
    "tables": BuiltIn(
        "curate.readers.tables",
        "rows of JSON Lines and Parquet",
        Traits(
            _texts("language", "license", "original_id"),
            frozenset({"columns", "columns_only"}),
            has_own_columns=True,
        ),
    ),
    "conversations": BuiltIn(
        "curate.readers.conversations",
        "chat data in JSON Lines, JSON and Parquet: turns, pairs, trees, threads",
        Traits(
            _texts("roles", "language", "license", "original_id"),
            frozenset({"columns", "columns_only", "roles", "tree"}),
            has_own_columns=True,
            consumes=CHAT_COLUMNS,
            are_conversations=True,
        ),
    ),
}

OWN = Traits(
    READERS["tables"].traits.columns,
    OF_PAGES | {"columns", "columns_only", "split", "split_words"},
    has_own_columns=True,
)
"""Of every reader of a user's: what it hands out are rows of a table, or pages, of any length."""


KEYS = OWN.keys.union(*(reader.traits.keys for reader in READERS.values()))
"""Those that not every reader listens to."""


def traits_of(read: str) -> Traits:
    """Of the reader that a source names, own or built in."""
    return READERS[read].traits if read in READERS else OWN
