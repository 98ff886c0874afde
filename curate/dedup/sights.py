"""By what a window of a text is looked for among all others, before it is known whether it stands anywhere else.

    text ─▶ windows ─┬▶ lines, sentences, paragraphs: each is its own sight
                     └▶ runs of N words: of the shorter runs in it the one of the least hash, which neighbors share

Equal windows have equal sights, at places of their own. So a window that stands twice has a sight that does, and only
windows with such a sight need be compared: of runs of 50 words one place in thirteen is a sight (a minimizer: Schleimer
et al. 2003; Roberts et al. 2004).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.buffers import TextBuffers
from curate.text.compiled import kernel
from curate.text.units import Span, Windows, all_windows


class Sights(NamedTuple):
    """`hashes` (uint64) of the sights of some texts, one after the other, all windows of these, and the sight of each
    window (int64, its place)."""

    hashes: npt.NDArray[np.uint64]
    windows: Windows
    of: npt.NDArray[np.int64]


def sights_of(texts: TextBuffers, span: Span) -> Sights:
    windows = all_windows(texts, span)
    if span.kind != "word" or span.span == 1:
        return Sights(windows.hashes, windows, np.arange(len(windows.hashes)))
    short = span.span // 2
    runs = all_windows(texts, span._replace(span=short, min_words=0))
    first = np.searchsorted(runs.documents, windows.documents) + _places_within(windows.documents)
    least = np.empty(len(first), dtype=np.int64)
    _find_least(runs.hashes, first, span.span - short + 1, least)
    is_new = np.diff(least, prepend=-1) != 0  # they never go back
    return Sights(runs.hashes[least[is_new]], windows, np.cumsum(is_new) - 1)


def _places_within(documents: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Of rows in the order of their documents, how many of the same one stand before each."""
    return np.arange(len(documents)) - np.searchsorted(documents, documents)


@kernel
def _find_least(hashes, first, width, least):
    """Of each `width` hashes in a row, the place of the least, the leftmost of equal ones: so that equal windows have
    theirs at the same distance from where they begin."""
    best = -1
    for window in range(len(first)):
        low, last = first[window], first[window] + width - 1
        if window > 0 and low == first[window - 1] + 1 and best >= low:
            if hashes[last] < hashes[best]:
                best = last
        else:
            best = low
            for at in range(low + 1, last + 1):
                if hashes[at] < hashes[best]:
                    best = at
        least[window] = best
