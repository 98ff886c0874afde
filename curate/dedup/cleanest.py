"""keep = "cleanest": of near-duplicates the one that has most text besides lines that repeat.

documents that would stay by length ─▶ lines, each once a document ─▶ those that many documents have
candidates ─▶ bytes of their lines that few documents have, each line once ─▶ rank

In how many members of its own cluster a line stands says nothing: near-duplicates share their content, and each may
bring a menu of its own. What stands in several documents that are no copies of one another is a menu, a footer, a
license; whichever copy stays, it is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.ranking import keep_word, rank_documents
from curate.dedup.scratch import Spill
from curate.dedup.sets import Texts, batches_of
from curate.dedup.signatures import SignatureFiles
from curate.engine.threads import in_order
from curate.recipe_dedup import Dedup
from curate.text.buffers import text_buffers
from curate.text.compiled import kernel
from curate.text.folding import Normalize
from curate.text.units import Span, all_windows

MANY = 3
"""Documents that stay and have a line, its own among them, from which on the line doesn't count."""
NEARLY = (15, 16)
"""A share of its bytes from which on a document is as clean as another one to what decides next."""
CHARACTERS_A_LINE = 40
LINES_AT_ONCE = 1 << 24
"""Whose hashes are sorted in memory: 128 MB."""

Lines = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.int64]]
"""Each line of some documents once a document: the document, the line's hash, its bytes."""
Clean: TypeAlias = Callable[[SignatureFiles, npt.NDArray[np.bool_], npt.NDArray[np.int64]], npt.NDArray[np.float64]]
"""Given the documents that would stay by length and the candidates: of each document (float64[n]) how clean it is; only
that of candidates is asked."""


def rank_cleanest(
    files: SignatureFiles,
    clean: npt.NDArray[np.float64],
    members: npt.NDArray[np.int64],
    component: npt.NDArray[np.int64],
    dedup: Dedup,
) -> npt.NDArray[np.int64]:
    """The rank of every document, by which `members` are in the order of the bytes of their own lines."""
    word = keep_word(dedup)
    clean = clean if word == "longest" else _leveled(clean, members, component)
    return rank_documents(files.documents, prefer=dedup.prefer, keep=word, clean=clean)


def clean_bytes(
    texts: Texts,
    dedup: Dedup,
    folder: Path,
    cores: int,
    files: SignatureFiles,
    stays: npt.NDArray[np.bool_],
    members: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Of each of the members the bytes of its own lines, each once."""
    with_texts = ~files.documents["earlier"].to_numpy()
    repeated = _repeated_lines(files, texts, np.flatnonzero(stays & with_texts), dedup, folder, cores)
    clean = np.zeros(len(stays), dtype=np.float64)
    for document, hashes, sizes in _lines(files, texts, np.sort(members[with_texts[members]]), dedup, cores):
        add_own(clean, document, sizes, is_repeated=_is_among(repeated, hashes))
    return clean


def add_own(
    clean: npt.NDArray[np.float64],
    document: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    *,
    is_repeated: npt.NDArray[np.bool_],
) -> None:
    np.add.at(clean, document[~is_repeated], sizes[~is_repeated])


def _repeated_lines(
    files: SignatureFiles, texts: Texts, documents: npt.NDArray[np.int64], dedup: Dedup, folder: Path, cores: int
) -> npt.NDArray[np.uint64]:
    """The hashes, sorted, of lines that stand in MANY of the documents or more."""
    characters = int(files.documents["length"].gather(documents).sum() or 0)
    parts = 1 + characters // (CHARACTERS_A_LINE * LINES_AT_ONCE)
    spill = Spill.make(folder / "lines", parts, np.dtype(np.uint64))
    for _, hashes, _ in _lines(files, texts, documents, dedup, cores):
        spill.add((hashes % np.uint64(parts)).astype(np.int64), hashes)
    return np.sort(np.concatenate([np.empty(0, np.uint64), *map(_many, spill.each())]))


def _many(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    hashes.sort()
    starts = np.flatnonzero(np.diff(hashes, prepend=hashes[0] + np.uint64(1)))
    return hashes[starts[np.diff(starts, append=len(hashes)) >= MANY]]


def _is_among(values: npt.NDArray[np.uint64], hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    place = np.minimum(np.searchsorted(values, hashes), max(len(values) - 1, 0))
    return values[place] == hashes if len(values) else np.zeros(len(hashes), dtype=bool)


def _lines(
    files: SignatureFiles, texts: Texts, documents: npt.NDArray[np.int64], dedup: Dedup, cores: int
) -> Iterator[Lines]:
    def cut(batch: tuple[npt.NDArray[np.int64], pl.Series]) -> Lines:
        which, found = batch
        document, hashes, sizes = lines_once(found, dedup.normalize)
        return which[document], hashes, sizes

    batches = (
        (documents[places[batch]], found)
        for number, places, rows in files.places(documents)
        for batch, found in batches_of(texts, number, rows)
    )
    yield from in_order(cut, batches, cores)


def lines_once(texts: pl.Series, normalize: Normalize) -> Lines:
    """The lines of some texts, each once a text; documents are places in the batch."""
    windows = all_windows(text_buffers(texts), Span("line", 1, 1, normalize))
    once = (
        pl.DataFrame({"document": windows.documents, "hash": windows.hashes})
        .select(pl.struct("document", "hash").is_first_distinct())
        .to_series()
        .to_numpy()
    )
    return windows.documents[once].astype(np.int64), windows.hashes[once], (windows.ends - windows.starts)[once]


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
