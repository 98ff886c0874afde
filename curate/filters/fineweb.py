"""FineWeb's own quality rules: lists, menus and pages of repeated lines that pass Gopher's.

The rules as datatrove computes them and as FineWeb ran them: lines are cut at newlines, blank ones do not count; a line
ends in punctuation if its last character is a mark that ends a sentence in any script; words are punctuation marks too.
"""

from __future__ import annotations

import polars as pl

from curate.batch import Filter, PublishedRate, Rule
from curate.typed import Amount, Share

SOURCE = "FineWeb, arXiv:2406.17557"


def fineweb(
    *,
    min_terminal_punctuation_line_ratio: Share = 0.12,
    max_short_line_ratio: Share = 0.67,
    max_duplicate_full_line_character_ratio: Share = 0.01,
    max_newline_word_ratio: Amount = 0.3,
) -> Filter:
    """FineWeb's three rules and the released code's fourth (newlines per word); a value on a threshold is kept.

    Defaults: the code that made FineWeb (Penedo et al. 2024, arXiv:2406.17557, and datatrove's FineWebQualityFilter).
    The paper's main text says 0.1 for characters in duplicate lines, its appendix E.4 and the code say 0.01; FineWeb-2
    went to 0.1 and switched the rule of short lines off (`max_short_line_ratio = 1`). A short line has at most 30
    characters. Of C4's and Gopher's survivors the rules took about 10, 4 and 12 % of the tokens, together 22 %.
    """
    return Filter(
        rules=(
            Rule(
                "min_terminal_punctuation_line_ratio",
                "terminal_punctuation_line_ratio",
                pl.col("terminal_punctuation_line_ratio") >= min_terminal_punctuation_line_ratio,
                min_terminal_punctuation_line_ratio,
                _removed(0.1014),
            ),
            _at_most("short_line_ratio", max_short_line_ratio, _removed(0.0373)),
            _at_most("duplicate_full_line_character_ratio", max_duplicate_full_line_character_ratio, _removed(0.1247)),
            _at_most("newline_word_ratio", max_newline_word_ratio),
        ),
        published=_removed(0.22),
    )


def _at_most(signal: str, threshold: float, published: PublishedRate | None = None) -> Rule:
    return Rule(f"max_{signal}", signal, pl.col(signal) <= threshold, threshold, published)


def _removed(share: float) -> PublishedRate:
    return PublishedRate(share, "tokens", SOURCE)
