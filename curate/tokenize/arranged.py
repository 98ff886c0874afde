"""A document as sections of text with control tokens between them: so fill-in-the-middle and conversations are written.

("def f(", 50262, "return x\\n", …) ─▶ texts, encoded each by itself ─┬▶ ids in the order of the sections
                                      control ids, as they are ──────┘   and of each id whether it is a target

No text becomes a control token, whatever it spells: those here come from whoever arranged the document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.tokenize.encode import Tokenizer


class Section(NamedTuple):
    """A text, or one control token by its id; `is_target` tells whether a model learns to say it."""

    content: str | int
    is_target: bool = True


class ArrangedTokens(NamedTuple):
    """Document i is tokens[offsets[i]:offsets[i + 1]], as its sections have it: end-of-text is one of them."""

    tokens: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]
    targets: npt.NDArray[np.uint8]
    """1 for each token of a section that is a target, else 0."""
    text_tokens: npt.NDArray[np.int64]
    """How many tokens of each document are of its text."""

    def counts(self) -> pl.Series:
        """`token_count`, Int64: how many tokens each document has."""
        return pl.Series("token_count", np.diff(self.offsets), dtype=pl.Int64)


def encode_plain(tokenizer: Tokenizer, texts: Sequence[str]) -> ArrangedTokens:
    """Documents of one text each, all of it a target.

    Raises:
        DocumentError: the tokenizer's library fails on a text.
    """
    tokens, offsets = tokenizer.encode_batch(texts)
    return ArrangedTokens(tokens, offsets, np.ones(len(tokens), dtype=np.uint8), np.diff(offsets) - 1)


def encode_arranged(tokenizer: Tokenizer, documents: Sequence[Sequence[Section]]) -> ArrangedTokens:
    """The tokens of all documents. Where a vocabulary puts a space before a text, it does so before one that begins its
    document, and before no other.

    Raises:
        DocumentError: the tokenizer's library fails on a text.
    """
    sections = [section for document in documents for section in document]
    begins = np.array([place == 0 for document in documents for place in range(len(document))], dtype=bool)
    is_text = np.array([isinstance(section.content, str) for section in sections], dtype=bool)
    tokens, lengths = _encode_sections(tokenizer, sections, is_text, begins)
    targets = np.repeat([section.is_target for section in sections], lengths).astype(np.uint8)
    borders = np.cumsum([0, *map(len, documents)])
    offsets, text_before = (
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)[borders]
        for counts in (lengths, np.where(is_text, lengths, 0))
    )
    return ArrangedTokens(tokens, offsets, targets, np.diff(text_before))


def _encode_sections(
    tokenizer: Tokenizer, sections: Sequence[Section], is_text: npt.NDArray[np.bool_], begins: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The tokens of all sections, and how many each has."""
    lengths = np.ones(len(sections), dtype=np.int64)
    found = {}
    for inside in (False, True):
        chosen = is_text & (begins != inside)
        wanted = [str(sections[place].content) for place in np.flatnonzero(chosen).tolist()]
        found[inside], bounds = tokenizer.encode_texts(wanted, inside=inside)
        lengths[chosen] = np.diff(bounds)
    kind = np.repeat(np.where(is_text, ~begins, 2), lengths)  # of each token: 0 in a first text, 1 in another, 2 a mark
    tokens = np.empty(len(kind), dtype=tokenizer.dtype)
    tokens[kind == 0], tokens[kind == 1] = found[False], found[True]
    tokens[kind == 2] = [section.content for section in sections if not isinstance(section.content, str)]
    return tokens, lengths
