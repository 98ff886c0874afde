"""Exact duplicates: documents whose text is the same but for white space have the same 128-bit hash.

text ─▶ white space collapsed (kernel) ─▶ xxh3_128 ─▶ hash_high, hash_low
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from xxhash import xxh3_128_digest

from curate.dedup.equal import find_equal
from curate.dedup.method import DocumentMethod, Search
from curate.recipe_dedup import Dedup
from curate.text.buffers import TextBuffers, text_buffers
from curate.text.compiled import kernel, part

KEYS = ("hash_high", "hash_low")
SPACE = 0x20
FIRST_LEAD = 0xC2  # the bytes from SPACE to here, both left out, are never the first of a white space character


def hash_texts(texts: pl.Series) -> pl.DataFrame:
    """xxh3_128 of every text as two columns, `hash_high` and `hash_low` (UInt64).

    The hash is that of `" ".join(text.split())`: runs of white space become one space and none stands at either end.
    Case, accents and Unicode forms count. A null text counts as an empty one.
    """
    data, offsets = collapse_white_space(text_buffers(texts))
    view, bounds = data.data, offsets.tolist()
    # The library hashes one text a call.
    digests = b"".join(xxh3_128_digest(view[start:end]) for start, end in pairwise(bounds))
    halves = np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    return pl.DataFrame({"hash_high": halves[:, 0], "hash_low": halves[:, 1]})


def collapse_white_space(texts: TextBuffers) -> TextBuffers:
    """Every text as `" ".join(text.split())`."""
    first, last = texts.offsets[0], texts.offsets[-1]
    collapsed = np.empty(last - first + 1, dtype=np.uint8)  # one more: a space at the very end is written, too
    ends = np.zeros(len(texts.offsets), dtype=np.int64)
    _collapse(texts.data, texts.offsets, collapsed, ends)
    return TextBuffers(collapsed[: ends[-1]], ends)


@kernel
def _collapse(data, offsets, collapsed, ends):
    """A space is written always and counted only after something else: no branch for the processor to guess wrongly at
    the end of every word."""
    written = 0
    for document in range(len(offsets) - 1):
        at = offsets[document]
        after_space = True  # so that none is counted at the start
        while at < offsets[document + 1]:
            byte = data[at]
            if SPACE <= byte < FIRST_LEAD:
                is_space = byte == SPACE
                collapsed[written] = byte
                written += not (is_space and after_space)
                after_space = is_space
                at += 1
                continue
            width = _white_space_width(data, at)
            collapsed[written] = SPACE if width else byte
            written += width == 0 or not after_space
            after_space = width > 0
            at += max(width, 1)
        if after_space and written > ends[document]:  # ends[document] is where this document began
            written -= 1
        ends[document + 1] = written


@part
def _white_space_width(data, at):
    """How many bytes the white space character at `at` takes (what `str.isspace` calls so); 0 where there is none."""
    lead = data[at]
    if lead <= SPACE:
        return 1 if lead == SPACE or 9 <= lead <= 13 or 28 <= lead <= 31 else 0
    if lead == 0xC2:
        return 2 if data[at + 1] == 0x85 or data[at + 1] == 0xA0 else 0
    if lead < 0xE1 or lead > 0xE3:
        return 0
    second, third = data[at + 1], data[at + 2]
    if lead == 0xE1:
        return 3 if second == 0x9A and third == 0x80 else 0  # U+1680
    if lead == 0xE3:
        return 3 if second == 0x80 and third == 0x80 else 0  # U+3000
    if second == 0x81:
        return 3 if third == 0x9F else 0  # U+205F
    is_space = second == 0x80 and (third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF)
    return 3 if is_space else 0  # U+2000 to U+200A, U+2028, U+2029, U+202F


def _sign(documents: pl.DataFrame, dedup: Dedup) -> pl.DataFrame:
    """A text of nothing but white space equals nothing."""
    has_text = (documents["text"].str.strip_chars() != "").fill_null(False)
    return hash_texts(documents["text"]).select(pl.when(has_text).then(pl.all()))


def _find(search: Search) -> None:
    find_equal(search, KEYS, is_same_text=True)


EXACT = DocumentMethod(
    name="exact",
    about="their texts are the same but for white space (xxh3, 128 bits)",
    reason="exact_duplicate",
    columns=lambda dedup: dict.fromkeys(KEYS, pl.UInt64),
    sign=_sign,
    find=_find,
    meets=lambda dedup: KEYS[:1],  # half of the hash is enough to meet
    keys=lambda dedup: KEYS,
    is_of_text=True,
)
