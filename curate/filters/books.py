"""Rules for books, where those for web pages are wrong: a novel is longer than any page, and its talk is full of marks.

text ─▶ curate.text.signals ─▶ rules: shares, which no length changes, and no upper bound of words
"""

from __future__ import annotations

import polars as pl

from curate.batch import Filter, Rule
from curate.typed import Amount, Count, Share


def books(
    *,
    min_words: Count = 50,
    max_words: Count = 0,
    min_mean_word_length: Amount = 2.0,
    max_mean_word_length: Amount = 10.0,
    max_hash_symbol_ratio: Amount = 0.1,
    max_ellipsis_ratio: Amount = 0.1,
    max_bullet_line_ratio: Share = 0.9,
    max_ellipsis_line_ratio: Share = 0.3,
    min_alphabetic_word_ratio: Share = 0.6,
    max_duplicate_line_ratio: Share = 0.3,
    max_duplicate_10gram_ratio: Share = 0.2,
    min_stop_words: Count = 0,
) -> Filter:
    """Drop what is no running text among books, chapters or parts of them; a value on a threshold is kept.

    Gopher's quality rules (Rae et al. 2021, arXiv:2112.11446, appendix A.1.1) with four changes. `max_words` is off
    (0): 100,000 is a bound for web pages, and four of Jane Austen's six novels are longer. `min_alphabetic_word_ratio`
    is 0.6, not 0.8: punctuation marks count as words, and of 312 books and speeches at hand (novels, the King James
    Bible, manuals in five languages, addresses with tables of figures) the lowest has 0.69. `min_mean_word_length` is
    2.0, not 3.0, since words of Japanese and Chinese are as short. `min_stop_words` is 0, not 2: the eight stop words
    are English, and the step "language" decides on languages.

    Of Gopher's repetition rules (table A1) those whose share of a whole does not grow with it: lines that stood before,
    and 10-grams, twice its bound: a refrain is no fault, and the most of a book at hand is 0.075 (in the Bible).
    """
    rules = [
        _at_least("min_words", "word_count", min_words),
        _at_least("min_mean_word_length", "mean_word_length", min_mean_word_length),
        _at_most("max_mean_word_length", "mean_word_length", max_mean_word_length),
        _at_most("max_hash_symbol_ratio", "hash_symbol_ratio", max_hash_symbol_ratio),
        _at_most("max_ellipsis_ratio", "ellipsis_ratio", max_ellipsis_ratio),
        _at_most("max_bullet_line_ratio", "bullet_line_ratio", max_bullet_line_ratio),
        _at_most("max_ellipsis_line_ratio", "ellipsis_line_ratio", max_ellipsis_line_ratio),
        _at_least("min_alphabetic_word_ratio", "alphabetic_word_ratio", min_alphabetic_word_ratio),
        _at_most("max_duplicate_line_ratio", "duplicate_line_ratio", max_duplicate_line_ratio),
        _at_most("max_duplicate_10gram_ratio", "duplicate_10gram_ratio", max_duplicate_10gram_ratio),
        _at_least("min_stop_words", "stop_word_count", min_stop_words),
    ]
    rules[1:1] = [_at_most("max_words", "word_count", max_words)] if max_words else []
    return Filter(tuple(rules))


def _at_least(name: str, signal: str, threshold: float) -> Rule:
    return Rule(name, signal, pl.col(signal) >= threshold, threshold)


def _at_most(name: str, signal: str, threshold: float) -> Rule:
    return Rule(name, signal, pl.col(signal) <= threshold, threshold)
