"""The methods that take parts out of texts, on the documents that stay: which texts they read, and in which order.

lines, substring ─▶ repeats: exact, of equal parts the best stays          ngrams ─▶ Bloom filter: the first stays
                    ─▶ Cuts; of which document nothing is left, it is gone
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import HAS_TEXT
from curate.dedup.bloom import bytes_needed, false_positive_share, new_bloom, probes_for
from curate.dedup.cuts import Cuts, cut_texts, join_cuts
from curate.dedup.duplicates import Duplicates
from curate.dedup.method import PassageMethod, Search
from curate.dedup.ngrams import count_ngrams, cut_seen
from curate.dedup.repeats import find_repeats
from curate.dedup.sets import Texts, batches_of
from curate.dedup.signatures import SignatureFiles
from curate.errors import UsageError
from curate.recipe_dedup import Dedup
from curate.text.units import Span

NGRAMS_A_TOKEN = 1
"""An n-gram begins with nearly every word, and most words are a token."""
Readings = Iterator[tuple[npt.NDArray[np.int64], pl.Series]]
Reading = Callable[..., Readings]
"""Called with nothing, or with `first` (see `_readings`): a new reading of what is left of the texts."""


def _lines(dedup: Dedup) -> Span:
    asked = dedup.lines
    return Span(asked.unit, asked.span, asked.min_words, dedup.normalize)


def _runs(dedup: Dedup) -> Span:
    return Span("word", dedup.substring.min_words, 0, dedup.normalize)


def _cut_repeats(span_of: Callable[[Dedup], Span], search: Search) -> Cuts:
    """Of equal windows of the texts that of the best document stays."""
    span = span_of(search.dedup)
    characters = int(search.files.documents["length"].gather(_documents(search)).sum() or 0)

    def cut(reading: Reading) -> Cuts:
        return find_repeats(
            reading,
            search.rank,
            span=span,
            method=search.number,
            characters=characters,
            max_memory=search.dedup.max_memory,
            scratch=search.folder,
        )

    return _cut(search, cut)


def _cut_ngrams(search: Search) -> Cuts:
    def cut(reading: Reading) -> Cuts:
        in_order = partial(reading, first=_first(search.files, search.dedup))
        return join_cuts([*_cut_seen(search.dedup, search.number, reading, in_order)])

    return _cut(search, cut)


def _cut(search: Search, cut: Callable[[Reading], Cuts]) -> Cuts:
    """What `cut` finds in the texts that are left; documents that it cuts whole are `gone`."""
    assert search.texts is not None, "such a method has its turn only where there are texts"
    sizes = np.zeros(len(search.rank), dtype=np.int64)
    more = cut(partial(_readings, search.files, search.texts, _documents(search), search.cuts, sizes))
    lengths = np.bincount(more.document, weights=more.end - more.start, minlength=len(sizes))
    search.copies.gone |= (lengths >= sizes) & (lengths > 0)
    return more


def _documents(search: Search) -> npt.NDArray[np.int64]:
    """Those whose texts are read: earlier ones, of an index, have none here."""
    return np.flatnonzero(search.copies.stays & ~search.files.documents["earlier"].to_numpy())


def mark_emptied(files: SignatureFiles, texts: Texts, copies: Duplicates, cuts: Cuts, min_words_left: int) -> None:
    """Documents that will be dropped for what was cut are `gone` for the methods that follow, too: one that went as a
    copy of such a document would be lost with it."""
    is_cut = np.isin(np.arange(len(copies.gone)), cuts.document)
    documents = np.flatnonzero(copies.stays & is_cut)
    for number, part, rows in files.places(documents):
        which = documents[part]
        for batch, found in batches_of(texts, number, rows):
            copies.gone[which[batch]] |= ~has_enough(cut_texts(found, cuts, which[batch]), min_words_left)


def has_enough(left: pl.Series, min_words_left: int) -> npt.NDArray[np.bool_]:
    """Of what is left of some texts, whether it is enough for a document."""
    is_enough = left.str.contains(HAS_TEXT) & (left.str.count_matches(r"\S+") >= min_words_left)
    return is_enough.fill_null(False).to_numpy()


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


def _cut_seen(dedup: Dedup, number: int, reading: Reading, in_order: Reading) -> Iterator[Cuts]:
    """Batch by batch, with one filter for all texts: sources of `prefer` first, then files by their smallest id, in
    each by id.

    Raises:
        UsageError: a Bloom filter for so much text would be larger than allowed, or got more than it was made for.
    """
    asked = dedup.ngrams
    count = partial(count_ngrams, ngram=asked.ngram, normalize=dedup.normalize)
    cut = partial(cut_seen, ngram=asked.ngram, normalize=dedup.normalize, method=number)
    capacity = asked.capacity or sum(count(texts) for _, texts in reading()) or 1
    needed = bytes_needed(capacity, asked.max_false_positives)
    filter_for = f"a Bloom filter for {capacity:,} n-grams at {asked.max_false_positives:g} false positives"
    if needed > dedup.max_memory:
        raise UsageError(f"{filter_for} takes {needed:,} bytes, and max_memory allows {dedup.max_memory:,}")
    bloom = new_bloom(capacity, asked.max_false_positives)
    added = 0
    for documents, texts in in_order():
        seen = cut(bloom, documents, texts, max_seen=asked.max_seen)
        added += seen.added
        yield seen.cuts
    if added > capacity:
        raise UsageError(f"{filter_for} was given {added:,}: leave out ngrams.capacity, or set it higher")


def _first(files: SignatureFiles, dedup: Dedup) -> npt.NDArray[np.int64]:
    """int64[n]: documents by the place of their source in `prefer`, then by id."""
    places = dict(zip(dedup.prefer, range(len(dedup.prefer)), strict=True))
    source = files.documents["source"].replace_strict(places, default=len(places), return_dtype=pl.Int64).to_numpy()
    return np.asarray(source * len(source) + np.arange(len(source)))


def _doubts(dedup: Dedup, tokens: int) -> Iterator[tuple[str, str]]:
    """Whether the filter holds the n-grams that are to come, and memory the filter."""
    asked, expected = dedup.ngrams, tokens * NGRAMS_A_TOKEN
    needed = bytes_needed(asked.capacity or expected, asked.max_false_positives)
    if needed > dedup.max_memory:
        told = f"the Bloom filter takes about {needed:,} bytes, and {dedup.max_memory:,} are allowed"
        yield "max_memory", told
    if asked.capacity and expected > asked.capacity:
        bits = 8 * needed
        share = false_positive_share(expected, bits, probes_for(asked.capacity, bits, asked.max_false_positives))
        told = f"about {expected:,} n-grams will come to a filter for {asked.capacity:,}"
        yield "ngrams.capacity", f"{told}: {share:.1%} of new ones will look seen"


def _with_room(dedup: Dedup) -> Dedup:
    room = max(dedup.max_memory, Dedup().max_memory)
    return replace(dedup, max_memory=room, ngrams=replace(dedup.ngrams, capacity=None))


LINES = PassageMethod(
    name="lines",
    about="lines (or sentences, or paragraphs: `lines.unit`) that stand elsewhere, too; with `lines.span = 3` only "
    "three in a row that do",
    cut=partial(_cut_repeats, _lines),
    span=_lines,
)
SUBSTRING = PassageMethod(
    name="substring",
    about="runs of `substring.min_words` (50) words or more that stand elsewhere, too",
    cut=partial(_cut_repeats, _runs),
    span=_runs,
)
NGRAMS = PassageMethod(
    name="ngrams",
    about="lines, and whole documents, of whose n-grams (`ngrams.ngram`, 13 words) more than `ngrams.max_seen` (0.8) "
    "were seen before",
    cut=_cut_ngrams,
    in_order=_cut_seen,
    doubts=_doubts,
    with_room=_with_room,
)
