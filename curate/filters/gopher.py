"""The rules of Gopher: what prose looks like (quality), and how much of a document repeats (repetition).

Four toolkits compute "Gopher" in four ways; these are the rules as datatrove computes them, and as FineWeb ran them:
punctuation marks are words when words are counted over, the first of equal lines or n-grams is no duplicate, repeated
n-grams do not overlap, the most frequent n-gram counts even where it occurs once, and stop words count once each.
(dolma counts all occurrences and overlaps; NeMo Curator removes text and measures the rest; DCLM counts stop words with
their repetitions.) The signals are `curate.text.signals`; the rules stand in datatrove's order.
"""

from __future__ import annotations

import polars as pl

from curate.batch import Filter, Rule


def gopher_quality(
    *,
    min_words: int = 50,
    max_words: int = 100_000,
    min_mean_word_length: float = 3.0,
    max_mean_word_length: float = 10.0,
    max_hash_symbol_ratio: float = 0.1,
    max_ellipsis_ratio: float = 0.1,
    max_bullet_line_ratio: float = 0.9,
    max_ellipsis_line_ratio: float = 0.3,
    min_alphabetic_word_ratio: float = 0.8,
    min_stop_words: int = 2,
) -> Filter:
    """Gopher's quality rules for English; a value on a threshold is kept.

    Defaults: Rae et al. 2021, arXiv:2112.11446, appendix A.1.1. Stop words: the, be, to, of, and, that, have, with,
    in lower case, distinct ones counted.
    """
    return Filter(
        rules=(
            _at_least("min_words", "word_count", min_words),
            _at_most("max_words", "word_count", max_words),
            _at_least("min_mean_word_length", "mean_word_length", min_mean_word_length),
            _at_most("max_mean_word_length", "mean_word_length", max_mean_word_length),
            _at_most("max_hash_symbol_ratio", "hash_symbol_ratio", max_hash_symbol_ratio),
            _at_most("max_ellipsis_ratio", "ellipsis_ratio", max_ellipsis_ratio),
            _at_most("max_bullet_line_ratio", "bullet_line_ratio", max_bullet_line_ratio),
            _at_most("max_ellipsis_line_ratio", "ellipsis_line_ratio", max_ellipsis_line_ratio),
            _at_least("min_alphabetic_word_ratio", "alphabetic_word_ratio", min_alphabetic_word_ratio),
            _at_least("min_stop_words", "stop_word_count", min_stop_words),
        )
    )


def gopher_repetition(
    *,
    max_duplicate_paragraph_ratio: float = 0.30,
    max_duplicate_paragraph_character_ratio: float = 0.20,
    max_duplicate_line_ratio: float = 0.30,
    max_duplicate_line_character_ratio: float = 0.20,
    max_top_2gram_ratio: float = 0.20,
    max_top_3gram_ratio: float = 0.18,
    max_top_4gram_ratio: float = 0.16,
    max_duplicate_5gram_ratio: float = 0.15,
    max_duplicate_6gram_ratio: float = 0.14,
    max_duplicate_7gram_ratio: float = 0.13,
    max_duplicate_8gram_ratio: float = 0.12,
    max_duplicate_9gram_ratio: float = 0.11,
    max_duplicate_10gram_ratio: float = 0.10,
) -> Filter:
    """Gopher's repetition rules; a value on a threshold is kept, and so is an empty document (`min_words` drops it).

    Defaults: Rae et al. 2021, arXiv:2112.11446, table A1.
    """
    return Filter(
        rules=(
            _at_most("max_duplicate_paragraph_ratio", "duplicate_paragraph_ratio", max_duplicate_paragraph_ratio),
            _at_most(
                "max_duplicate_paragraph_character_ratio",
                "duplicate_paragraph_character_ratio",
                max_duplicate_paragraph_character_ratio,
            ),
            _at_most("max_duplicate_line_ratio", "duplicate_line_ratio", max_duplicate_line_ratio),
            _at_most(
                "max_duplicate_line_character_ratio",
                "duplicate_line_character_ratio",
                max_duplicate_line_character_ratio,
            ),
            _at_most("max_top_2gram_ratio", "top_2gram_ratio", max_top_2gram_ratio),
            _at_most("max_top_3gram_ratio", "top_3gram_ratio", max_top_3gram_ratio),
            _at_most("max_top_4gram_ratio", "top_4gram_ratio", max_top_4gram_ratio),
            _at_most("max_duplicate_5gram_ratio", "duplicate_5gram_ratio", max_duplicate_5gram_ratio),
            _at_most("max_duplicate_6gram_ratio", "duplicate_6gram_ratio", max_duplicate_6gram_ratio),
            _at_most("max_duplicate_7gram_ratio", "duplicate_7gram_ratio", max_duplicate_7gram_ratio),
            _at_most("max_duplicate_8gram_ratio", "duplicate_8gram_ratio", max_duplicate_8gram_ratio),
            _at_most("max_duplicate_9gram_ratio", "duplicate_9gram_ratio", max_duplicate_9gram_ratio),
            _at_most("max_duplicate_10gram_ratio", "duplicate_10gram_ratio", max_duplicate_10gram_ratio),
        )
    )


def _at_least(name: str, signal: str, threshold: float) -> Rule:
    return Rule(name, signal, pl.col(signal) >= threshold, threshold)


def _at_most(name: str, signal: str, threshold: float) -> Rule:
    return Rule(name, signal, pl.col(signal) <= threshold, threshold)
