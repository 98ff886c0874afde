"""keep = "cleanest": of near-duplicates the one that has most text besides lines that repeat.

documents that would stay by length ─▶ lines, each once a document ─▶ in how many documents each stands
candidates ─▶ bytes of their lines that few documents have, each line once ─▶ rank

In how many members of its own cluster a line stands says nothing: near-duplicates share their content, and each may
bring a menu of its own. What stands in several documents that are no copies of one another is a menu, a footer, a
license; whichever copy stays, it is not lost.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.ranking import keep_word, rank_documents
from curate.dedup.sets import Texts, batches_of
from curate.dedup.signatures import SignatureFiles
from curate.engine.threads import in_order
from curate.recipe_dedup import Dedup
from curate.text.buffers import text_buffers
from curate.text.compiled import kernel
from curate.text.units import Span, all_windows

MANY = 3
"""Documents that stay and have a line, its own among them, from which on the line doesn't count."""
CHARACTERS_A_SLOT = 4  # of lines of 30 characters one in eight shares its slot
NEARLY = (15, 16)
"""A share of its bytes from which on a document is as clean as another one to what decides next."""

Lines = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.int64]]
"""Each line of some documents once a document: the document, the line's hash, its bytes."""


def rank_cleanest(
    files: SignatureFiles,
    texts: Texts,
    stays: npt.NDArray[np.bool_],
    members: npt.NDArray[np.int64],
    component: npt.NDArray[np.int64],
    dedup: Dedup,
    cores: int,
) -> npt.NDArray[np.int64]:
    """The rank of every document, by which `members` are in the order of the bytes of their own lines. `stays` are the
    documents that would stay by length."""
    with_texts = ~files.documents["earlier"].to_numpy()
    counters = _count_lines(files, texts, np.flatnonzero(stays & with_texts), dedup, cores)
    clean = np.zeros(len(stays), dtype=np.float64)
    for document, hashes, sizes in _lines(files, texts, np.sort(members[with_texts[members]]), dedup, cores):
        own = counters[_slots(hashes, counters)] < MANY
        np.add.at(clean, document[own], sizes[own])
    word = keep_word(dedup)
    clean = clean if word == "longest" else _leveled(clean, members, component)
    return rank_documents(files.documents, prefer=dedup.prefer, keep=word, clean=clean)


def _count_lines(
    files: SignatureFiles, texts: Texts, documents: npt.NDArray[np.int64], dedup: Dedup, cores: int
) -> npt.NDArray[np.uint8]:
    """In how many of the documents (up to 255) lines of each slot stand; of some of the documents, where the lines of
    all would not fit into `max_memory`."""
    needed = int(files.documents["length"].gather(documents).sum() or 0) // CHARACTERS_A_SLOT
    every = -(-needed // dedup.max_memory) or 1  # rounded up
    counters = np.zeros(1 << max((needed // every).bit_length(), 10), dtype=np.uint8)
    for _, hashes, _ in _lines(files, texts, documents[::every], dedup, cores):
        _add_ones(counters, _slots(hashes, counters))
    return counters


def _lines(
    files: SignatureFiles, texts: Texts, documents: npt.NDArray[np.int64], dedup: Dedup, cores: int
) -> Iterator[Lines]:
    span = Span("line", 1, 1, dedup.normalize)

    def cut(batch: tuple[npt.NDArray[np.int64], pl.Series]) -> Lines:
        which, found = batch
        windows = all_windows(text_buffers(found), span)
        once = (
            pl.DataFrame({"document": windows.documents, "hash": windows.hashes})
            .select(pl.struct("document", "hash").is_first_distinct())
            .to_series()
            .to_numpy()
        )
        return which[windows.documents[once]], windows.hashes[once], (windows.ends - windows.starts)[once]

    batches = (
        (documents[places[batch]], found)
        for number, places, rows in files.places(documents)
        for batch, found in batches_of(texts, number, rows)
    )
    yield from in_order(cut, batches, cores)


def _slots(hashes: npt.NDArray[np.uint64], counters: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    # Of 2^k slots, whose bit length is k + 1, the high k bits.
    return (hashes >> np.uint64(65 - len(counters).bit_length())).astype(np.int64)


def _leveled(
    clean: npt.NDArray[np.float64], members: npt.NDArray[np.int64], component: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Within each component, from its cleanest member down: who is nearly as clean as one counts as clean as it."""
    order = np.lexsort((-clean[members], component))  # by component first: lexsort takes the last key before the others
    values = clean[members[order]]
    _level(component[order], values)
    found = clean.copy()
    found[members[order]] = values
    return found


@kernel
def _level(component, values):
    head = 0
    for at in range(len(values)):
        if component[at] != component[head] or values[at] * NEARLY[1] < values[head] * NEARLY[0]:
            head = at
        values[at] = values[head]


@kernel
def _add_ones(counters, slots):
    for slot in slots:
        if counters[slot] < 255:
            counters[slot] += np.uint8(1)
