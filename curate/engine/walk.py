"""The only place that knows how a stage goes through its documents: which are skipped, confirmed alone, or taken one at
a time. Every stage that touches documents walks with it.

    documents of a split ─▶ stretches: some together, those under suspicion alone ─▶ at(step) before each step's work
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.engine.cursor import Cursor
from curate.engine.task import READ, Attempt, Culprit

Numbers = npt.NDArray[np.int64]


def trust() -> None:
    """Nobody is watched."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One attempt at a split. `check_files` ends the process where a document has closed the worker's own files."""

    attempt: Attempt
    cursor: Cursor
    check_files: Callable[[], None] = trust

    @property
    def is_confirming(self) -> bool:
        """Only one document is asked for, and nothing is to be committed."""
        return self.attempt.confirm is not None

    @property
    def cores(self) -> int:
        return self.attempt.cores

    def trusting(self) -> Walk:
        """The same for documents that meet no code of a user's: nothing else closes files, and asking after them costs
        as much as to read a record."""
        return replace(self, check_files=trust)

    def wants(self, number: int) -> bool:
        return self.attempt.confirm in (None, number)

    def culprit(self, number: int) -> Culprit | None:
        """Why a document is not to be worked on."""
        return self.attempt.quarantined.get(number)

    def given_up(self, piece: int, number: int) -> Culprit | None:
        """Why the rest of a file is not to be read, once so many records of the split are."""
        after, culprit = self.attempt.given_up.get(piece, (None, None))
        return culprit if after == number else None

    def at(self, first: int, last: int | None = None, *, step: str, size: int = 0) -> None:
        """Before a step's work on documents first…last."""
        self.check_files()  # before the cursor moves on: whoever closed them is still named by it
        self.cursor.at(first, last, step=step, size=size)

    def reading(self, number: int, piece: int) -> None:
        """Before a reader is asked for this record."""
        self.cursor.at(number, step=READ, piece=piece)

    def idle(self) -> None:
        """Before work that belongs to no document."""
        self.check_files()
        self.cursor.idle()

    def stretches(self, numbers: Numbers) -> Iterator[Stretch]:
        """The rows of a batch, whose documents have these numbers in ascending order: together, but for those that are
        to be taken one at a time."""
        is_alone = np.zeros(len(numbers), dtype=bool)
        for first, last in self.attempt.one_at_a_time:
            is_alone |= (numbers >= first) & (numbers <= last)
        # A border on both sides of each that is alone; the others stay together between them.
        is_end = is_alone[1:] | is_alone[:-1]
        bounds = [0, *(np.flatnonzero(is_end) + 1).tolist(), len(numbers)]
        for start, end in itertools.pairwise(bounds):
            yield Stretch(self, start, numbers[start:end])

    def through(
        self, documents: pl.DataFrame, *, max_documents: int, max_bytes: int
    ) -> Iterator[tuple[Stretch, pl.DataFrame]]:
        """All documents that are to be worked on, a bounded number and (`text`) size of them at a time; a document's
        number is that of its row."""
        numbers = np.arange(documents.height)
        if self.is_confirming:
            numbers = numbers[self.attempt.confirm : self.attempt.confirm + 1]  # type: ignore[operator]
        # Here they are left out; `filter`, whose culprits stand in its ledger, has them among its rows instead.
        numbers = numbers[~np.isin(numbers, list(self.attempt.quarantined))]
        sizes = documents["text"].str.len_bytes().fill_null(0).to_numpy()[numbers]
        for start, end in bounded(sizes, max_documents, max_bytes):
            for stretch in self.stretches(numbers[start:end]):
                yield stretch, documents[stretch.numbers]
        self.idle()

    def broken(self, documents: pl.DataFrame, stage: str) -> pl.DataFrame:
        """The documents that break a worker: id, step, reason, value. What broke without a step broke in the stage."""
        culprits = [(number, culprit) for number, culprit in self.attempt.quarantined.items()]
        columns = {
            "id": [documents["id"][number] for number, _ in culprits],
            "step": [culprit.step or stage for _, culprit in culprits],
            "reason": [culprit.reason for _, culprit in culprits],
            "value": [culprit.detail or None for _, culprit in culprits],
        }
        return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Documents that go through the steps together: rows of a batch from `start` on, and their numbers in the split.

    `version` names which text of theirs does, if not the first: a page may break a step with one of its texts only, so
    the steps of another have other names for those that watch.
    """

    walk: Walk
    start: int
    numbers: Numbers
    version: str = ""

    @property
    def rows(self) -> slice:
        """Which rows of the batch they are."""
        return slice(self.start, self.start + len(self.numbers))

    def of_version(self, rows: Sequence[int], version: str) -> Stretch:
        """Some of them, by their rows within the stretch, with another text."""
        return Stretch(self.walk, self.start, self.numbers[rows], version)

    def part(self, first: int, end: int) -> Stretch:
        """Those in the places [first, end) among them."""
        return replace(self, start=self.start + first, numbers=self.numbers[first:end])

    def at(self, step: str, *, size: int = 0) -> None:
        """Before a step's work on all of them."""
        if len(self.numbers):
            first, last = int(self.numbers[0]), int(self.numbers[-1])
            self.walk.at(first, last, step=step_of_version(step, self.version), size=size)

    def one(self, row: int, step: str, *, size: int = 0) -> None:
        """Before a step's work on one of them, the row counted within the stretch."""
        self.walk.at(int(self.numbers[row]), step=step_of_version(step, self.version), size=size)

    def culprits(self, step: str) -> dict[int, Culprit]:
        """Those that break this step, by their rows within the stretch."""
        known = self.walk.attempt.quarantined
        if not known:
            return {}
        step = step_of_version(step, self.version)
        numbered = enumerate(self.numbers.tolist())
        return {row: known[number] for row, number in numbered if number in known and known[number].step == step}

    def culprits_of(self, steps: Sequence[str]) -> dict[int, Culprit]:
        """Those that break one of these steps, which is named as it is for a first text."""
        return {row: replace(culprit, step=step) for step in steps for row, culprit in self.culprits(step).items()}


def step_of_version(step: str, version: str) -> str:
    """What a step is called while it works on another text of a document than the first: "c4 (trafilatura)"."""
    return f"{step} ({version})" if version else step


def bounded(sizes: npt.NDArray[np.int64], max_documents: int, max_bytes: int) -> Iterator[tuple[int, int]]:
    """Ranges [start, end) of at most so many documents and bytes; a document over the limit is a range of its own."""
    start = held = 0
    for number, size in enumerate(sizes.tolist()):
        # The first of a range is in it whatever its size.
        if number > start and (number - start >= max_documents or held + size > max_bytes):
            yield start, number
            start, held = number, 0
        held += size
    if start < len(sizes):
        yield start, len(sizes)
