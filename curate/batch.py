"""What flows through a pass: records as read, documents in batches, and the rules that decide on them.

    reader ─▶ Record | Rejected ─▶ extract ─▶ batch (polars.DataFrame: id, source, text, …) ─▶ signals ─▶ Filter.rules

A batch is a plain `polars.DataFrame` whose first columns are `id, source, text, url`; signals are added as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import polars as pl

from curate.model_file import ModelFile

Media = Literal["text/plain", "text/html", "application/xhtml+xml", "book/html", "book/xhtml"]
PAGES: tuple[Media, ...] = ("text/html", "application/xhtml+xml")
"""Of what the main content is wanted, on which extractors differ."""


HAS_TEXT = "[^\\s\\x00-\\x1f\\x7f-\\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
"""A pattern for Python and polars: what every text that is not empty has; spaces and signs of no width do not count."""


class Part(NamedTuple):
    """One part of a book."""

    data: bytes
    media: Media


@dataclass(frozen=True, slots=True)
class Record:
    """One thing read from an input, before extraction.

    `payload` is text that is ready, bytes whose charset and mark-up are still to be dealt with, or the parts of a
    book in reading order. `media` says which: "text/plain", "text/html" or "application/xhtml+xml" (the main content
    is wanted), "book/html" or "book/xhtml" (all of the text is wanted). XHTML has the syntax of XML, where `<title/>`
    is whole; each part of a book has a type of its own. `columns` is what the source knows besides: language,
    license, …
    """

    id: str
    payload: str | bytes | tuple[Part, ...]
    media: Media = "text/plain"
    url: str | None = None
    timestamp: str | None = None
    charset: str | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that does not become a document, and why: it stands in the ledger like every other.

    "dropped" is a record that is whole but not wanted (a request, a 404, an image); "quarantined" is one that
    could not be read (a damaged member, a wrong length, undecodable). `reason` is a short fixed name
    ("record_type", "http_status", "corrupt", "truncated", "garbage", "too_big", "bad_length", "encoding", …),
    `detail` is what was found.
    """

    id: str
    outcome: Literal["dropped", "quarantined"]
    reason: str
    detail: str = ""
    url: str | None = None


Pulse = Callable[[], None]
"""What a reader calls after each megabyte or so of input, or some of inflated bytes, that gave no record yet: whoever
watches over the time of a document learns that the reader goes on."""


def no_pulse() -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as a user's own per-document filter sees it."""

    id: str
    source: str
    text: str
    url: str | None
    columns: Mapping[str, Any]
    """Everything else that the batch holds: what the source knows, and the signals measured so far."""


class PublishedRate(NamedTuple):
    """`share` of `unit` that a rule or a step removed, in the corpus of `source`: `curate check` shows it beside what
    it takes here."""

    share: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One decision on one signal. `keep` is a boolean expression over the batch: True keeps, null keeps."""

    name: str
    signal: str
    keep: pl.Expr
    threshold: Any = None
    published: PublishedRate | None = None


class Ranking(NamedTuple):
    """What only all documents of a source together can tell: the column `rank` has of each the share of them that
    stand above it by the column `score`, among all or among those with its `by` (a column, "" for none). A step
    measures it as null, and a rule on it keeps all until the stage `choose` has filled it in."""

    score: str
    rank: str
    by: str = ""


Measure = Callable[[pl.DataFrame], pl.DataFrame]
Visit = Callable[[int], None]
"""What a measure that takes one document after the other calls before each, with the number of its row."""
MeasureEach = Callable[[pl.DataFrame, Visit], pl.DataFrame]


def unwatched(row: int) -> None:
    """Nobody watches over single documents."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a step of a recipe becomes: the rules that decide, and, where they need more than the text signals,
    a function that measures it.

    `measure` takes a batch and returns the same rows with columns added. It is called only with documents that
    reach this step, and, if it `is_cheap`, with those that an earlier step dropped; the others have null there. A
    non-null string in the column `error` quarantines the document.
    """

    rules: tuple[Rule, ...]
    measure: Measure | None = None
    files: tuple[ModelFile, ...] = ()
    measure_each: MeasureEach | None = None
    """The same as `measure` where it takes one document after the other: so the one that hangs can be named."""
    changes_text: bool = False
    """Signals of the documents that it measures are those of the changed text."""
    is_cheap: bool = False
    """Measuring costs little beside reading and the text signals, as with lists, addresses and the shipped language
    model; patterns, other models and users' code cost more. What an earlier step dropped is measured, too, so that
    `curate retune` can tell what would become of it."""
    ignores_signals: bool = False
    """Neither its rules nor its measure look at text signals: where it stands first they are measured after it."""
    unwanted: tuple[str, ...] = ()
    """Rules that take so much that no later step measures what they drop, nor are its text signals measured, if they
    are not there yet: most of a crawl is in other languages."""
    published: PublishedRate | None = None
    """Of all its rules together."""
    judge: str = ""
    """The String column that says what judged each document, null where nothing could: `curate check` counts them by
    language."""
    ranking: Ranking | None = None
    """Where a rule keeps a share of the documents: by what they are ranked."""
    hope: pl.Expr | None = None
    """The greatest chance that another extractor's text of a page passes where this one is dropped, by the signals
    measured on this one: 0 where the rules ask nothing of the text. None: nobody knows."""
