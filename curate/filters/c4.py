"""C4's rules: lines that are no sentences or are about the site are cut out, then what is left decides.

text ─▶ lines, citations taken out ─▶ each kept or cut ─▶ text of the kept ones
            └▶ "lorem ipsum" or "{" in a kept one ─▶ the page goes;   sentences of the new text ─▶ too few: it goes
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import Filter, PublishedRate, Rule
from curate.errors import UsageError
from curate.text.buffers import TextBuffers, text_buffers, texts_of
from curate.text.characters import CURLY_BRACKET, DIGIT, SPACE, character_classes, decode, encode
from curate.text.compiled import inner, kernel, part, pointer
from curate.text.lines import DOT, NEWLINE, line_end, longest_chunk, next_line, strip
from curate.text.phrases import count_phrases
from curate.typed import Count

END_MARKS = (".", "?", "!", '"')
CITATIONS = np.array([*b"[edit]", *b"[citation needed]"], dtype=np.int32)
CITATION_ENDS = np.array([6, 23])
OPENING, CLOSING = 0x5B, 0x5D

COUNTS = ("c4_lorem_ipsum_line_count", "c4_curly_bracket_line_count", "c4_cut_line_count")
LOREM_IPSUM_LINES, CURLY_BRACKET_LINES, CUT_LINES = range(3)

IN_FINEWEB = "C4's rule in FineWeb's ablation, arXiv:2406.17557"
REMOVED = PublishedRate(0.30, "tokens", IN_FINEWEB + "; 7 % without the rule of end marks")
CURLY_BRACKETS_REMOVED = PublishedRate(0.028, "tokens", IN_FINEWEB)
LOREM_IPSUM_REMOVED = PublishedRate(0.005, "tokens", IN_FINEWEB + ": less than this")


class C4Settings(NamedTuple):
    """The rules on lines, as the kernel takes them."""

    max_word_length: int
    min_words_per_line: int
    needs_end_mark: bool
    without_citations: bool
    without_javascript: bool
    without_policies: bool


def c4(
    *,
    max_word_length: Count = 1000,
    remove_citations: bool = True,
    terminal_punctuation: bool = True,
    end_marks: tuple[str, ...] = END_MARKS,
    min_words_per_line: Count = 5,
    remove_javascript_lines: bool = True,
    remove_policy_lines: bool = True,
    drop_lorem_ipsum: bool = True,
    drop_curly_brackets: bool = True,
    min_sentences: Count = 3,
) -> Filter:
    """Cut lines out of the text, then drop pages; the text that goes on has the kept lines only, joined by newlines.

    In order, of each line without the white space around it: a word of more than `max_word_length` characters cuts it;
    "[1]", "[edit]" and "[citation needed]" are taken out of it; it is cut unless it ends with one of `end_marks`, and
    not with "..."; if it has under `min_words_per_line` words (between spaces); if it speaks of "javascript"; if it has
    one of six phrases like "cookie policy". A page goes if a line that would be kept has "lorem ipsum" or "{", or if
    the kept lines have under `min_sentences` sentences (counted as in `curate.text.sentences`, not by nltk).

    Defaults: C4 as it was made (Raffel et al. 2020, JMLR 21; TensorFlow Datasets, c4_utils.py): three sentences, five
    words. The first version of the paper on arXiv says five sentences and three words; datatrove took those, and "'" as
    a fifth end mark: `min_sentences = 5, min_words_per_line = 3, end_marks = [".", "?", "!", '"', "'"]`. FineWeb ran it
    so with `terminal_punctuation = false`, which alone would have cost 30 % of its tokens. Bad words are a matter of
    the step "toxicity", the limit of a page's length one of `where`, copies of lines one of [dedup].

    Signals: `c4_lorem_ipsum_line_count`, `c4_curly_bracket_line_count`, `c4_cut_line_count` (UInt32).

    Raises:
        UsageError: an end mark that is not one character.
    """
    for mark in end_marks:
        if len(mark) != 1:
            raise UsageError(f'end_marks: each is one character, found "{mark}"')
    settings = C4Settings(
        max_word_length,
        min_words_per_line,
        terminal_punctuation,
        remove_citations,
        remove_javascript_lines,
        remove_policy_lines,
    )
    rules = [Rule("min_sentences", "sentence_count", pl.col("sentence_count") >= min_sentences, min_sentences)]
    for name, signal, is_wanted, removed in (
        ("drop_curly_brackets", "c4_curly_bracket_line_count", drop_curly_brackets, CURLY_BRACKETS_REMOVED),
        ("drop_lorem_ipsum", "c4_lorem_ipsum_line_count", drop_lorem_ipsum, LOREM_IPSUM_REMOVED),
    ):
        if is_wanted:
            rules.insert(0, Rule(name, signal, pl.col(signal) == 0, 0, removed))
    measure = partial(cut_lines, settings=settings, end_marks=end_marks)
    return Filter(tuple(rules), measure=measure, changes_text=True, is_cheap=True, published=REMOVED)


def cut_lines(batch: pl.DataFrame, settings: C4Settings, end_marks: tuple[str, ...]) -> pl.DataFrame:
    """The batch with texts of the kept lines, and the three counts."""
    buffers = text_buffers(batch["text"])
    marks = np.array([ord(mark) for mark in end_marks], dtype=np.int32)
    counts = np.zeros((buffers.documents, len(COUNTS)), dtype=np.uint32)
    texts = _rebuilt(buffers, marks, settings, counts)
    columns = [pl.Series(name, np.ascontiguousarray(counts[:, at])) for at, name in enumerate(COUNTS)]
    return batch.with_columns(texts.alias("text"), *columns)


def _rebuilt(
    buffers: TextBuffers, marks: npt.NDArray[np.int32], settings: C4Settings, counts: npt.NDArray[np.uint32]
) -> pl.Series:
    out = np.empty(buffers.offsets[-1] - buffers.offsets[0], dtype=np.uint8)
    offsets = np.zeros(buffers.documents + 1, dtype=np.int64)
    longest = int(np.diff(buffers.offsets).max(initial=0))
    codes, classes = np.empty(longest, dtype=np.int32), np.empty(longest, dtype=np.uint32)
    if buffers.documents:  # a check asks with none for the columns alone, and needs no kernel
        _cut_documents(*buffers, character_classes(), marks, settings, codes, classes, out, offsets, counts)
    return texts_of(TextBuffers(out, offsets))


@kernel
def _cut_documents(data, offsets, table, marks, settings, codes, classes, out, out_offsets, counts):
    text, table, codes, classes = pointer(data), pointer(table), pointer(codes), pointer(classes)
    written, rows = pointer(out), pointer(counts)
    at = 0
    for document in range(len(offsets) - 1):
        length = decode(text, offsets[document], offsets[document + 1], table, codes, classes)
        at = _cut_document(codes, classes, length, marks, settings, written, at, rows, document * len(COUNTS))
        out_offsets[document + 1] = at


@part
def _cut_document(codes, classes, length, marks, settings, out, begin_of_text, counts, row):
    """Write the kept lines to `out` as UTF-8, a newline between two and no space around all; returns where they end."""
    begin, at = 0, begin_of_text
    end_of_text = at
    while begin < length:
        end = line_end(classes, begin, length)
        following = next_line(codes, end, length)
        low, high = strip(classes, begin, end)
        limit = settings.max_word_length
        is_kept = high - low <= limit or longest_chunk(classes, low, high) <= limit
        if is_kept and settings.without_citations:
            high = _remove_citations(codes, classes, low, high)
        if is_kept and _is_kept(codes, classes, low, high, marks, settings, counts, row):
            first, last = strip(classes, low, high)  # again: citations may have stood at its ends
            is_blank = first == last
            if at > begin_of_text:
                out[at] = NEWLINE
                at += 1
                first = low
            at = encode(codes, first, last, out, at)
            end_of_text = end_of_text if is_blank else at
            at = encode(codes, last, high, out, at)
        else:
            counts[row + CUT_LINES] += 1
        begin = following
    return end_of_text


@inner
def _is_kept(codes, classes, low, high, marks, settings, counts, row):
    if settings.needs_end_mark and not _has_end_mark(codes, low, high, marks):
        return False
    if not _has_chunks(classes, low, high, settings.min_words_per_line):
        return False
    found = count_phrases(codes, classes, low, high)
    counts[row + LOREM_IPSUM_LINES] += found.lorem_ipsums > 0
    if settings.without_javascript and found.javascripts > 0:
        return False
    counts[row + CURLY_BRACKET_LINES] += _has(codes, low, high, CURLY_BRACKET)
    return not (settings.without_policies and found.policies > 0)


@inner
def _has_end_mark(codes, low, high, marks):
    if low == high or (high - low >= 3 and codes[high - 1] == codes[high - 2] == codes[high - 3] == DOT):
        return False
    return _has(marks, 0, len(marks), codes[high - 1])


@inner
def _has(codes, low, high, wanted):
    found = 0
    for at in range(low, high):
        found |= codes[at] == wanted
    return found != 0


@inner
def _has_chunks(classes, low, high, wanted):
    """Whether `str.split` gives so many words; most lines show it early."""
    chunks, at, before = 0, low, SPACE
    while at < high and chunks < wanted:
        space = classes[at] & SPACE
        chunks += before != 0 and space == 0
        before = space
        at += 1
    return chunks >= wanted


@inner
def _remove_citations(codes, classes, low, high):
    """Close the gaps that they leave; returns the new end."""
    if not _has(codes, low, high, OPENING):
        return high
    write = read = low
    while read < high:
        size = _citation_size(codes, classes, read, high) if codes[read] == OPENING else 0
        if size == 0:
            codes[write], classes[write] = codes[read], classes[read]
            write += 1
        read += max(size, 1)
    return write


@inner
def _citation_size(codes, classes, at, high):
    """Of the citation that begins at the bracket `at`; 0 for none."""
    end = at + 1
    while end < high and classes[end] & DIGIT:
        end += 1
    if end < high and codes[end] == CLOSING:
        return end + 1 - at
    start = 0
    for number in range(len(CITATION_ENDS)):
        size = CITATION_ENDS[number] - start
        is_same = at + size <= high
        for offset in range(size if is_same else 0):
            is_same = is_same and codes[at + offset] == CITATIONS[start + offset]
        if is_same:
            return size
        start = CITATION_ENDS[number]
    return 0
