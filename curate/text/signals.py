"""All text signals of a batch: compiled passes count, then ratios are plain expressions over the counts.

    texts ─▶ UTF-8 buffers ─▶ words ─▶ counts int64[documents, COUNTS] ─▶ SIGNALS ─▶ one column each

A ratio with nothing below the line (no words, no lines) is 0. Ratios on which published rules decide are Float64, so
that a comparison with a threshold is the one that Python's own division gives; the others are Float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.buffers import text_buffers
from curate.text.characters import CharacterCounts, character_classes, count_characters, decode
from curate.text.compiled import inner, is_compiled, kernel, part, pointer
from curate.text.contractions import special_words
from curate.text.hashes import hash_prefixes, powers
from curate.text.information import (
    FRACTION,
    WordInformation,
    compressed_size,
    measure_words,
    repeat_gains,
    room_for_compression,
)
from curate.text.lines import (
    LineCounts,
    NewlineCounts,
    ParagraphCounts,
    count_lines,
    count_newline_lines,
    count_paragraphs,
    find_breaks,
)
from curate.text.ngrams import (
    DUPLICATE_SIZES,
    TOP_SIZES,
    begin_ngrams,
    duplicate_ngram_characters,
    hash_words,
    lengthen_ngrams,
    top_ngram_characters,
)
from curate.text.phrases import PhraseCounts, count_phrases
from curate.text.sentences import count_sentences
from curate.text.words import WordCounts, count_words, segment, stop_words
from curate.text.workspace import character_pointers, table_pointers, word_pointers, workspace_for

COUNTS = (
    *CharacterCounts._fields,
    *PhraseCounts._fields,
    *LineCounts._fields,
    *(f"newline_{field}" for field in NewlineCounts._fields),
    *(f"paragraph_{field}" for field in ParagraphCounts._fields),
    *WordCounts._fields,
    "sentences",
    *(f"top_{size}gram_characters" for size in TOP_SIZES),
    *(f"duplicate_{size}gram_characters" for size in DUPLICATE_SIZES),
    *WordInformation._fields,
    "longest_word",
    "characters_without_newlines",
    "bytes",
    "compressed_bytes",
)
"""What the kernel counts in a document, in the order of its columns."""
PLACES_OF_COUNTS = {name: place for place, name in enumerate(COUNTS)}
NUMPY_TYPES: dict[type[pl.DataType], Any] = {pl.UInt32: np.uint32, pl.Float32: np.float32, pl.Float64: np.float64}
"""Of signals: counts are whole numbers, ratios are of the other two."""

WORDS, NGRAMS = COUNTS.index(WordCounts._fields[0]), COUNTS.index(f"top_{TOP_SIZES[0]}gram_characters")
NEWLINES, LONGEST = COUNTS.index("newlines"), COUNTS.index("longest_word")

GOPHER = "Gopher (Rae et al. 2021, arXiv:2112.11446) table A1, datatrove's arithmetic"
FINEWEB = "FineWeb (Penedo et al. 2024, arXiv:2406.17557), datatrove's arithmetic"
C4 = "C4 (Raffel et al. 2020, arXiv:1910.10683)"
REDPAJAMA = "RedPajama-Data-v2 (Weber et al. 2024, arXiv:2411.12372), on words as they are written"
DCLM = "DCLM (Li et al. 2024, arXiv:2406.11794), Gopher's eight words counted with repeats"
OWN = "curate"


@dataclass(frozen=True, slots=True)
class Signal:
    """One measure of a document: a count; `per`: the ratio of two; or the entropy that a sum of n log2 n comes to."""

    name: str
    dtype: type[pl.DataType]
    unit: str
    minimum: float
    maximum: float | None
    source: str
    count: str
    per: str | None = None
    is_entropy: bool = False


def _count(name: str, unit: str, source: str, count: str) -> Signal:
    return Signal(name, pl.UInt32, unit, 0, None, source, count)


def _share(name: str, unit: str, source: str, count: str, per: str, dtype: type[pl.DataType] = pl.Float64) -> Signal:
    return Signal(name, dtype, f"share of {unit}", 0, 1, source, count, per)


def _rate(name: str, unit: str, source: str, count: str, per: str) -> Signal:
    return Signal(name, pl.Float64, unit, 0, None, source, count, per)


SIGNALS: tuple[Signal, ...] = (
    _count("character_count", "characters", OWN, "characters"),
    _count("byte_count", "bytes", OWN, "bytes"),
    _count("word_count", "words", GOPHER, "words"),
    _rate("mean_word_length", "characters per word", GOPHER, "word_characters", "words"),
    _count("line_count", "lines", GOPHER, "lines"),
    _count("paragraph_count", "paragraphs", GOPHER, "paragraph_paragraphs"),
    _rate("hash_symbol_ratio", "# per word", GOPHER, "hash_symbols", "tokens"),
    _rate("ellipsis_ratio", "ellipses per word", GOPHER, "ellipses", "tokens"),
    _share("bullet_line_ratio", "lines", GOPHER, "bullet_lines", "lines"),
    _share("ellipsis_line_ratio", "lines", GOPHER, "ellipsis_lines", "lines"),
    _share("alphabetic_word_ratio", "words", GOPHER, "alphabetic_words", "tokens"),
    _count("stop_word_count", "distinct words", GOPHER, "stop_words"),
    _count("stop_word_occurrence_count", "words", DCLM, "stop_word_occurrences"),
    _share("digit_ratio", "characters", OWN, "digits", "characters", pl.Float32),
    _share("uppercase_ratio", "characters", OWN, "uppercase", "characters", pl.Float32),
    _share("whitespace_ratio", "characters", OWN, "whitespace", "characters", pl.Float32),
    _share("punctuation_ratio", "characters", OWN, "punctuation", "characters", pl.Float32),
    _count("ideograph_count", "characters", OWN, "ideographs"),
    _share("duplicate_line_ratio", "lines", GOPHER, "newline_duplicates", "newline_pieces"),
    _share("duplicate_paragraph_ratio", "paragraphs", GOPHER, "paragraph_duplicates", "paragraph_paragraphs"),
    _share(
        "duplicate_line_character_ratio",
        "characters",
        GOPHER,
        "newline_duplicate_characters",
        "characters",
    ),
    _share(
        "duplicate_paragraph_character_ratio",
        "characters",
        GOPHER,
        "paragraph_duplicate_characters",
        "characters",
    ),
    *(
        _rate(f"top_{size}gram_ratio", "characters per character", GOPHER, f"top_{size}gram_characters", "characters")
        for size in TOP_SIZES
    ),
    *(
        _share(f"duplicate_{size}gram_ratio", "characters", GOPHER, f"duplicate_{size}gram_characters", "characters")
        for size in DUPLICATE_SIZES
    ),
    _count("longest_word", "characters", C4, "longest_word"),
    _share("terminal_punctuation_line_ratio", "lines", FINEWEB, "newline_terminal_lines", "newline_full_lines"),
    _share("short_line_ratio", "lines", FINEWEB, "newline_short_lines", "newline_full_lines"),
    _share(
        "duplicate_full_line_character_ratio",
        "characters",
        FINEWEB,
        "newline_full_duplicate_characters",
        "characters_without_newlines",
    ),
    _rate("newline_word_ratio", "newlines per word", FINEWEB, "newlines", "tokens"),
    _count("curly_bracket_count", "{", C4, "curly_brackets"),
    _count("lorem_ipsum_count", "phrases", C4, "lorem_ipsums"),
    _count("javascript_count", "words", C4, "javascripts"),
    _count("policy_phrase_count", "phrases", C4, "policies"),
    _count("sentence_count", "sentences", C4, "sentences"),
    _count("url_count", "://", OWN, "urls"),
    _share("list_item_line_ratio", "lines", OWN, "item_lines", "lines", pl.Float32),
    _share("distinct_word_ratio", "words", REDPAJAMA, "distinct_words", "tokens", pl.Float32),
    Signal("word_entropy", pl.Float32, "bits per word", 0, None, REDPAJAMA, "repeat_bits", "tokens", is_entropy=True),
    Signal("compression_ratio", pl.Float32, "bytes per byte", 0, None, OWN, "compressed_bytes", "bytes"),
)
"""All that `text_signals` measures. Words of a ratio are all words, punctuation marks too; `word_count` and
`mean_word_length` leave out words of symbols alone. A "full" line is one that is not blank."""


def text_signals(texts: pl.Series) -> pl.DataFrame:
    """Measure every text: one row a document in the same order, one column a signal (see `SIGNALS`).

    `texts` is a String column; null counts as empty. A row depends on its own text alone.
    """
    buffers = text_buffers(texts)
    counts = np.zeros((buffers.documents, len(COUNTS)), dtype=np.int64)
    room, places = workspace_for(buffers), room_for_compression()
    tables = character_classes(), special_words(), stop_words(), powers(), repeat_gains()
    _count_documents(*buffers, *tables, places, room, counts)
    columns = np.ascontiguousarray(counts.T)
    found = {series.name: series for dtype in NUMPY_TYPES for series in _signals_of_type(dtype, columns)}
    return pl.DataFrame([found[signal.name] for signal in SIGNALS])


def _signals_of_type(dtype: type[pl.DataType], columns: npt.NDArray[np.int64]) -> Iterator[pl.Series]:
    """All signals of a type, of every document; `columns` has a row for each of COUNTS.

    They are worked out as one matrix and cut out of one series: with some sixty documents in a batch, a call of numpy
    or polars for each signal takes longer than the counting of a hundred kilobytes.
    """
    signals = [signal for signal in SIGNALS if signal.dtype == dtype]
    values: npt.NDArray[Any] = columns[[PLACES_OF_COUNTS[signal.count] for signal in signals]]  # [signals, documents]
    if all(signal.per is not None for signal in signals):
        below = columns[[PLACES_OF_COUNTS[signal.per] for signal in signals if signal.per is not None]]
        values = np.divide(values, below, out=np.zeros(values.shape), where=below != 0)
        for place in (place for place, signal in enumerate(signals) if signal.is_entropy):
            values[place] = np.log2(np.maximum(below[place], 1)) - values[place] / FRACTION
    whole, size = pl.Series(values.astype(NUMPY_TYPES[dtype]).ravel()), values.shape[1]
    for place, signal in enumerate(signals):
        yield whole.slice(place * size, size).alias(signal.name)


def signals_are_compiled() -> bool:
    """Whether the last of the kernels that they take is, and so all of them."""
    return is_compiled(_count_documents)


@kernel
def _count_documents(data, offsets, table, special, stops, power_table, gains, places, room, counts):
    """Fill `counts` row by row; the room serves one document after the other."""
    text, table, special, stops = pointer(data), pointer(table), pointer(special), pointer(stops)
    power_table, gains, places, rows = pointer(power_table), pointer(gains), pointer(places), pointer(counts)
    characters, words = character_pointers(room.characters), word_pointers(room.words)
    tables = table_pointers(room.tables)
    for document in range(len(offsets) - 1):
        start, end, row = offsets[document], offsets[document + 1], document * len(COUNTS)
        length = _decode_document(text, start, end, table, characters)
        number, longest = _cut_document(length, special, characters)
        _hash_words(length, number, characters, words, power_table)
        _count_characters(length, characters, power_table, tables, rows, row)
        _count_words(number, characters, words, stops, rows, row + WORDS)
        _count_ngrams(number, words, tables, gains, rows, row + NGRAMS)
        compressed = _compress_document(text, start, end, places)
        _store(rows, row + LONGEST, (longest, length - rows[row + NEWLINES], end - start, compressed))


# Parts of their own: in each few values live at a time, so that the compiler keeps them in registers.


@part
def _decode_document(data, start, end, table, characters):
    return decode(data, start, end, table, characters.codes, characters.classes)


@part
def _cut_document(length, special, characters):
    return segment(characters, length, special)


@part
def _hash_words(length, number, characters, words, powers):
    hash_prefixes(characters.codes, length, characters.prefixes)
    hash_words(characters.prefixes, powers, characters.starts, characters.ends, number, words.hashes, words.lengths)


@part
def _count_characters(length, characters, powers, tables, rows, at):
    codes, classes, prefixes = characters.codes, characters.classes, characters.prefixes
    breaks = characters.edges  # which have served their turn
    at = _store(rows, at, count_characters(codes, classes, length))
    at = _store(rows, at, count_phrases(codes, classes, 0, length))
    lines = find_breaks(classes, length, breaks)
    at = _store(rows, at, count_lines(codes, classes, length, breaks, lines))
    at = _store(rows, at, count_newline_lines(codes, classes, length, prefixes, powers, breaks, lines, tables.keys))
    _store(rows, at, count_paragraphs(codes, classes, length, prefixes, powers, breaks, lines, tables.keys))


@part
def _count_words(number, characters, words, stops, rows, at):
    codes, classes, starts, ends = characters.codes, characters.classes, characters.starts, characters.ends
    at = _store(rows, at, count_words(classes, starts, ends, words.hashes, number, stops))
    rows[at] = count_sentences(codes, classes, starts, ends, number)


@part
def _count_ngrams(number, words, tables, gains, rows, at):
    hashes, lengths, places, values = words
    keys, repeats, firsts, marks = tables
    left = begin_ngrams(hashes, number, places, values)
    for size in range(2, DUPLICATE_SIZES[-1] + 1):
        left = lengthen_ngrams(hashes, number, size, left, places, values, marks)
        if size <= TOP_SIZES[-1]:
            rows[at] = top_ngram_characters(lengths, number, size, left, places, values, keys, repeats, firsts)
        else:
            rows[at] = duplicate_ngram_characters(lengths, size, left, places, values, keys)
        at += 1
    _store(rows, at, measure_words(hashes, number, keys, repeats, gains))


@part
def _compress_document(data, start, end, places):
    return compressed_size(data, start, end, places)


@inner
def _store(rows, at, values):
    for value in values:
        rows[at] = value
        at += 1
    return at
