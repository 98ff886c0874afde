"""The removals that lose most, to be looked at: which words of a near-duplicate the copy that stays does not have.

verdicts ─▶ those with the most novel words ─▶ both texts ─▶ where most novel words stand together ─▶ excerpt
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from curate.dedup.find import COMPARED
from curate.text.buffers import text_buffer
from curate.text.folding import Normalize
from curate.text.units import Span, all_windows

SHOWN = 20
WIDTH = 200  # bytes in which the first letters of an excerpt's novel words lie
LONGEST = 400  # of a word that is no word
COLUMNS = ("id", "duplicate_of", *COMPARED, "excerpt")


def greatest_losses(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The copies with most novel words, at most SHOWN, the greatest loss first; those that lose none are not there."""
    lossy = verdicts.filter(pl.col("duplicate_of").is_not_null(), pl.col("novel_words") > 0)
    order = lossy.sort("novel_words", "containment", "id", descending=[True, False, False], nulls_last=True)
    return order.head(SHOWN).select(COLUMNS[:-1])


def with_excerpts(
    losses: pl.DataFrame, texts: pl.DataFrame, normalize: Normalize, scrub: Callable[[pl.DataFrame], Mapping[str, str]]
) -> pl.DataFrame:
    """`losses` with the column `excerpt` (null where a text is not there). `texts` has `id, text`; what is shown of
    them went through `scrub` before it was cut, so that nothing is taken apart that it would have known."""
    known = dict(texts.select("id", "text").iter_rows())
    scrubbed = scrub(texts.filter(pl.col("id").is_in(losses["id"].to_list())))
    excerpts = [
        novel_excerpt(scrubbed[id], known[original], normalize) if id in scrubbed and original in known else None
        for id, original in losses.select("id", "duplicate_of").iter_rows()
    ]
    return losses.with_columns(pl.Series("excerpt", excerpts, dtype=pl.String))


def novel_excerpt(text: str, kept: str, normalize: Normalize) -> str:
    """The part of a text in which most of the words stand that the kept one does not have, on one line."""
    span = Span("word", 1, 1, normalize)
    buffer = text_buffer(text)
    words, theirs = all_windows(buffer, span), all_windows(text_buffer(kept), span)
    novel = np.flatnonzero(~np.isin(words.hashes, theirs.hashes))
    if not len(novel):
        return ""
    starts = words.starts[novel]
    within = np.searchsorted(starts, starts + WIDTH) - np.arange(len(starts))
    first = int(np.argmax(within))
    last = novel[first + int(within[first]) - 1]
    data = buffer.data[starts[first] : words.ends[last]].tobytes()[:LONGEST]
    return " ".join(data.decode("utf-8", errors="ignore").split())
