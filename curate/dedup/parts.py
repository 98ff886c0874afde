"""The methods that take parts out of texts, on the documents that stay: which texts they read, and in which order.

lines, substring ─▶ repeats: exact, of equal parts the best stays          ngrams ─▶ Bloom filter: the first stays
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import HAS_TEXT
from curate.dedup.bloom import bytes_needed, new_bloom
from curate.dedup.copies import METHODS, Copies
from curate.dedup.cuts import Cuts, cut_texts, join_cuts
from curate.dedup.ngrams import count_ngrams, cut_seen
from curate.dedup.repeats import find_repeats
from curate.dedup.sets import Texts, batches_of
from curate.dedup.signatures import SignatureFiles
from curate.errors import UsageError
from curate.recipe import Dedup
from curate.text.units import Span

Readings = Iterator[tuple[npt.NDArray[np.int64], pl.Series]]


def cut_by(
    method: str,
    files: SignatureFiles,
    texts: Texts,
    rank: npt.NDArray[np.int64],
    copies: Copies,
    cuts: Cuts,
    dedup: Dedup,
    scratch: Path,
) -> Cuts:
    """What "lines", "substring" or "ngrams" cuts of the texts that are left; documents that it cuts whole are `gone`.

    Raises:
        UsageError: a Bloom filter for so much text would be larger than allowed, or got more than it was made for.
    """
    sizes = np.zeros(len(rank), dtype=np.int64)
    stays = np.flatnonzero(copies.stays & ~files.documents["earlier"].to_numpy())
    readings = partial(_readings, files, texts, stays, cuts, sizes)
    if method == "ngrams":
        more = _cut_seen(files, readings, dedup)
    else:
        more = find_repeats(
            readings,
            rank,
            span=_span(method, dedup),
            method=METHODS.index(method),
            characters=int(files.documents["length"].gather(stays).sum() or 0),
            max_memory=dedup.max_memory,
            scratch=scratch,
        )
    lengths = np.bincount(more.document, weights=more.end - more.start, minlength=len(rank))
    copies.gone |= (lengths >= sizes) & (lengths > 0)
    return more


def mark_emptied(files: SignatureFiles, texts: Texts, copies: Copies, cuts: Cuts, min_words_left: int) -> None:
    """Documents that will be dropped for what was cut are `gone` for the methods that follow, too: one that went as a
    copy of such a document would be lost with it."""
    is_cut = np.isin(np.arange(len(copies.gone)), cuts.document)
    documents = np.flatnonzero(copies.stays & is_cut)
    for number, part, rows in files.places(documents):
        which = documents[part]
        for batch, found in batches_of(texts, number, rows):
            left = cut_texts(found, cuts, which[batch])
            has_enough = left.str.contains(HAS_TEXT) & (left.str.count_matches(r"\S+") >= min_words_left)
            copies.gone[which[batch]] |= ~has_enough.fill_null(False).to_numpy()


def _span(method: str, dedup: Dedup) -> Span:
    if method == "substring":
        return Span("word", dedup.substring.min_words, 0, dedup.normalise)
    return Span(dedup.lines.unit, dedup.lines.span, dedup.lines.min_words, dedup.normalise)


def _readings(
    files: SignatureFiles,
    texts: Texts,
    documents: npt.NDArray[np.int64],
    cuts: Cuts,
    sizes: npt.NDArray[np.int64],
    *,
    first: npt.NDArray[np.int64] | None = None,
) -> Readings:
    """Documents and what is left of their texts; `sizes` learns how many bytes that are.

    File by file; with `first` (int64[n]) the file first that has the smallest of it, and so in each file.
    """
    places = list(files.places(documents))
    if first is not None:
        places.sort(key=lambda place: int(first[documents[place[1]]].min()))
    for number, part, rows in places:
        order = None if first is None else np.argsort(first[documents[part]])
        for batch, found in batches_of(texts, number, rows, order):
            which = documents[part[batch]]
            left = cut_texts(found, cuts, which)
            sizes[which] = left.str.len_bytes().fill_null(0).to_numpy()
            yield which, left


def _cut_seen(files: SignatureFiles, readings: Callable[..., Readings], dedup: Dedup) -> Cuts:
    """One filter for all texts: sources of `prefer` first, then files by their smallest id, in each by id."""
    asked = dedup.ngrams
    count = partial(count_ngrams, ngram=asked.ngram, normalise=dedup.normalise)
    cut = partial(cut_seen, ngram=asked.ngram, normalise=dedup.normalise, method=METHODS.index("ngrams"))
    capacity = asked.capacity or sum(count(texts) for _, texts in readings()) or 1
    needed = bytes_needed(capacity, asked.max_false_positives)
    filter_for = f"a Bloom filter for {capacity:,} n-grams at {asked.max_false_positives:g} false positives"
    if needed > dedup.max_memory:
        raise UsageError(f"{filter_for} takes {needed:,} bytes, and max_memory allows {dedup.max_memory:,}")
    bloom = new_bloom(capacity, asked.max_false_positives)
    found, added = [], 0
    for documents, texts in readings(first=_first(files, dedup)):
        seen = cut(bloom, documents, texts, max_seen=asked.max_seen)
        found.append(seen.cuts)
        added += seen.added
    if added > capacity:
        raise UsageError(f"{filter_for} was given {added:,}: leave out ngrams.capacity, or set it higher")
    return join_cuts(found)


def _first(files: SignatureFiles, dedup: Dedup) -> npt.NDArray[np.int64]:
    """int64[n]: documents by the place of their source in `prefer`, then by id."""
    places = dict(zip(dedup.prefer, range(len(dedup.prefer)), strict=True))
    source = files.documents["source"].replace_strict(places, default=len(places), return_dtype=pl.Int64).to_numpy()
    return np.asarray(source * len(source) + np.arange(len(source)))
