"""Documents that hold n-grams of evaluation items, and what is left of them: GPT-3's decontamination.

    texts ─▶ n-grams that items have ─▶ without those of many documents ─▶ cut, and 200 characters on either side
      ─▶ pieces ─▶ short ones fall away ─▶ none left, or too many: the document goes

Brown et al. 2020, arXiv:2005.14165, appendix C: 13-grams of words in lower case without punctuation; pieces of fewer
than 200 characters fall away, documents in more than 10 pieces, too; n-grams of more than 10 documents are no sign of
contamination. There pieces become documents; here they stay one, joined by an empty line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.decontaminate.ngrams import FREE, NORMALIZE, Evaluation, number_of
from curate.recipe import Overlap
from curate.text.buffers import text_buffers
from curate.text.compiled import kernel
from curate.text.folding import code_table
from curate.text.units import cut_words, join_units, room_for_words

JOINT = "\n\n"
MATCH = {"document": pl.Int32, "gram": pl.Int32, "start": pl.Int32, "end": pl.Int32}


class Pieces(NamedTuple):
    """What is left of a text, and why none is: "pieces" where there were too many, "short" where all were too short."""

    text: str
    reason: str | None


def match_ngrams(texts: pl.Series, evaluation: Evaluation) -> pl.DataFrame:
    """A row for each n-gram of the texts that an item has: `document` (its place), `gram` (its number), `start`, `end`
    (bytes of the text; the end is where the next word begins)."""
    data, offsets = text_buffers(texts)
    most = int((np.diff(offsets) // 2 + 1).sum())
    columns = [np.empty(most, np.int32) for _ in MATCH]
    count = _match(data, offsets, code_table(NORMALIZE), evaluation.ngram, *evaluation.grams, *columns)
    return pl.DataFrame({name: column[:count] for name, column in zip(MATCH, columns, strict=True)}, schema=MATCH)


def cut_around(text: str, spans: list[tuple[int, int]], overlap: Overlap) -> Pieces:
    """A text without some ranges of bytes and what stands around them."""
    pieces, at = [], 0
    for start, end in _in_characters(text, _joined(spans)):
        if start - overlap.window > at:
            pieces.append(text[at : start - overlap.window])
        at = max(at, end + overlap.window)
    pieces += [text[at:]] if at < len(text) else []
    if len(pieces) > overlap.max_pieces:
        return Pieces("", "pieces")
    left = [piece.strip() for piece in pieces if len(piece) >= overlap.min_piece]
    return Pieces(JOINT.join(left), None if left else "short")


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that overlap or touch as one: a passage of many n-grams is one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _in_characters(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Places in bytes as places in characters."""
    data = text.encode()
    at = characters = 0
    for start, end in spans:
        first = characters + len(data[at:start].decode())
        characters = first + len(data[start:end].decode())
        at = end
        yield first, characters


def common_grams(documents: npt.NDArray[np.int64], grams: npt.NDArray[np.int64], max_documents: int) -> pl.Series:
    """Numbers of the n-grams that more than so many documents have."""
    pairs = pl.DataFrame({"gram": grams, "document": documents}).unique()
    counts = pairs.group_by("gram").len()
    return counts.filter(pl.col("len") > max_documents)["gram"].sort()


@kernel
def _match(data, offsets, table, ngram, keys, numbers, documents, grams, begins, ends):
    words, starts, ones = room_for_words(offsets)
    found = 0
    for document in range(len(offsets) - 1):
        low, high = offsets[document], offsets[document + 1]
        count = cut_words(data, low, high, table, words, starts, ones)
        join_units(words, ones, count, ngram)
        for at in range(count - ngram + 1):
            number = number_of(words[at], keys, numbers)
            if number != FREE:
                documents[found], grams[found], begins[found] = document, number, starts[at]
                ends[found] = starts[at + ngram] if at + ngram < count else high - low
                found += 1
    return found
