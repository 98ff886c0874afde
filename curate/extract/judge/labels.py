"""How much of each block belongs to the content, from a reference text: runs of three words that both have.

    blocks of a page ─▶ all words in a row ─▶ runs of three that the reference has ─▶ their words are covered
    a block's label: the share of its words that are

The runs go on over the borders of blocks. So a heading of one word is covered if it stands before the paragraph that it
heads, as in the reference, and not where it stands in a menu. A short block that is a whole line of the reference is
covered in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

WORD = re.compile(r"\w+")
RUN = 3
MAX_LINE_WORDS = 12
LONE_LABEL = 0.7
"""Of a block of one or two words that is a line of the reference: it may be that line, or the same in a menu."""
MIN_REFERENCE_WORDS = 30
REST_SHARE = 0.15
"""How much the words of the whole page count beside those of the reference, when a page's words are weighed."""


def words_of_text(text: str) -> list[str]:
    return WORD.findall(text.lower())


def label_blocks(blocks: Sequence[str], reference: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """float64[blocks], 0 to 1, the share of each block's words that the reference covers; int64[blocks], its words."""
    pieces = [words_of_text(block) for block in blocks]
    counts = np.array([len(piece) for piece in pieces], dtype=np.int64)
    words = [word for piece in pieces for word in piece]
    wanted = words_of_text(reference)
    runs = set(zip(wanted, wanted[1:], wanted[2:], strict=False))
    covered = np.zeros(len(words), dtype=np.float64)
    for at, run in enumerate(zip(words, words[1:], words[2:], strict=False)):
        if run in runs:
            covered[at : at + RUN] = 1.0
    holders = np.repeat(np.arange(len(blocks)), counts)
    labels = np.bincount(holders, weights=covered, minlength=len(blocks)) / np.maximum(counts, 1)
    return np.maximum(labels, _whole_lines(pieces, reference)), counts


def _whole_lines(pieces: Sequence[list[str]], reference: str) -> npt.NDArray[np.float64]:
    lines = {tuple(words_of_text(line)) for line in reference.splitlines()} - {()}
    labels = np.zeros(len(pieces), dtype=np.float64)
    for number, piece in enumerate(pieces):
        if len(piece) <= MAX_LINE_WORDS and tuple(piece) in lines:
            labels[number] = 1.0 if len(piece) >= RUN else LONE_LABEL
    return labels


def weigh_blocks(counts: npt.NDArray[np.int64], reference: str) -> npt.NDArray[np.float64]:
    """float64[blocks]: how much a block of so many words matters to the F1 of its page.

    F1 is a ratio to the words of the reference and of what is kept; a page with a short reference in a long page is
    bounded by the second.
    """
    reference_words = max(len(words_of_text(reference)), MIN_REFERENCE_WORDS)
    weights: npt.NDArray[np.float64] = counts / (reference_words + REST_SHARE * counts.sum())
    return weights
