"""The rules of Gopher: what prose looks like (quality), and how much of a document repeats (repetition).

Four toolkits compute "Gopher" in four ways. The defaults are datatrove's, with which FineWeb ran: punctuation marks are
words when words are counted over, the first of equal lines or n-grams is no duplicate, repeated n-grams do not overlap,
the most frequent n-gram counts even where it occurs once, and stop words count once each. RedPajama, DCLM and OLMo 3
count every occurrence (`count = "all"`, `repeated_stop_words = true`).

text ─▶ curate.text.signals ─▶ rules, in datatrove's order        count = "all": text ─▶ words between spaces ─▶ all_…
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from curate.batch import Filter, PublishedRate, Rule
from curate.text.ngrams import DUPLICATE_SIZES, TOP_SIZES
from curate.text.repeats import COUNTS, count_repeats
from curate.typed import Amount, Count, Share


def gopher_quality(
    *,
    min_words: Count = 50,
    max_words: Count = 100_000,
    min_mean_word_length: Amount = 3.0,
    max_mean_word_length: Amount = 10.0,
    max_hash_symbol_ratio: Amount = 0.1,
    max_ellipsis_ratio: Amount = 0.1,
    max_bullet_line_ratio: Share = 0.9,
    max_ellipsis_line_ratio: Share = 0.3,
    min_alphabetic_word_ratio: Share = 0.8,
    min_stop_words: Count = 2,
    repeated_stop_words: bool = False,
) -> Filter:
    """Gopher's quality rules for English; a value on a threshold is kept.

    Defaults: Rae et al. 2021, arXiv:2112.11446, appendix A.1.1. Stop words: the, be, to, of, and, that, have, with,
    in lower case, distinct ones counted, or each occurrence (`repeated_stop_words`, as DCLM and OLMo 3 do).
    """
    stop_words = "stop_word_occurrence_count" if repeated_stop_words else "stop_word_count"
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
            _at_least("min_stop_words", stop_words, min_stop_words),
        ),
        published=PublishedRate(0.1523, "characters", "Dolma, arXiv:2402.00159, with gopher_repetition"),
    )


def gopher_repetition(
    *,
    count: Literal["repeats", "all"] = "repeats",
    max_duplicate_paragraph_ratio: Share = 0.30,
    max_duplicate_paragraph_character_ratio: Share = 0.20,
    max_duplicate_line_ratio: Share = 0.30,
    max_duplicate_line_character_ratio: Share = 0.20,
    max_top_2gram_ratio: Amount = 0.20,
    max_top_3gram_ratio: Amount = 0.18,
    max_top_4gram_ratio: Amount = 0.16,
    max_duplicate_5gram_ratio: Share = 0.15,
    max_duplicate_6gram_ratio: Share = 0.14,
    max_duplicate_7gram_ratio: Share = 0.13,
    max_duplicate_8gram_ratio: Share = 0.12,
    max_duplicate_9gram_ratio: Share = 0.11,
    max_duplicate_10gram_ratio: Share = 0.10,
) -> Filter:
    """Gopher's repetition rules; a value on a threshold is kept, and so is an empty document (`min_words` drops it).

    Defaults: Rae et al. 2021, arXiv:2112.11446, table A1. `count` says what counts as repeated: "repeats", what stood
    before, without overlap (datatrove); or "all", every line and every word in an n-gram that occurs twice or more, its
    first occurrence too, of words between spaces, and no n-gram that occurs once (RedPajama, DCLM, OLMo 3). Of four
    equal lines among twelve, .25 or .33 are duplicates.

    Signals of "all": the same names with "all_" before them (Float64).
    """
    prefix = "all_" if count == "all" else ""
    return Filter(
        measure=measure_all_repeats if count == "all" else None,
        is_cheap=True,
        rules=(
            _at_most(
                "max_duplicate_paragraph_ratio", f"{prefix}duplicate_paragraph_ratio", max_duplicate_paragraph_ratio
            ),
            _at_most(
                "max_duplicate_paragraph_character_ratio",
                f"{prefix}duplicate_paragraph_character_ratio",
                max_duplicate_paragraph_character_ratio,
            ),
            _at_most("max_duplicate_line_ratio", f"{prefix}duplicate_line_ratio", max_duplicate_line_ratio),
            _at_most(
                "max_duplicate_line_character_ratio",
                f"{prefix}duplicate_line_character_ratio",
                max_duplicate_line_character_ratio,
            ),
            _at_most("max_top_2gram_ratio", f"{prefix}top_2gram_ratio", max_top_2gram_ratio),
            _at_most("max_top_3gram_ratio", f"{prefix}top_3gram_ratio", max_top_3gram_ratio),
            _at_most("max_top_4gram_ratio", f"{prefix}top_4gram_ratio", max_top_4gram_ratio),
            _at_most("max_duplicate_5gram_ratio", f"{prefix}duplicate_5gram_ratio", max_duplicate_5gram_ratio),
            _at_most("max_duplicate_6gram_ratio", f"{prefix}duplicate_6gram_ratio", max_duplicate_6gram_ratio),
            _at_most("max_duplicate_7gram_ratio", f"{prefix}duplicate_7gram_ratio", max_duplicate_7gram_ratio),
            _at_most("max_duplicate_8gram_ratio", f"{prefix}duplicate_8gram_ratio", max_duplicate_8gram_ratio),
            _at_most("max_duplicate_9gram_ratio", f"{prefix}duplicate_9gram_ratio", max_duplicate_9gram_ratio),
            _at_most("max_duplicate_10gram_ratio", f"{prefix}duplicate_10gram_ratio", max_duplicate_10gram_ratio),
        ),
    )


def measure_all_repeats(batch: pl.DataFrame) -> pl.DataFrame:
    """Add the signals of `count = "all"` to a batch with a column `text`."""
    counts = dict(zip(COUNTS, count_repeats(batch["text"]).T, strict=True))
    characters = counts["characters"].clip(1)
    names = {f"top_{size}": f"all_top_{size}gram_ratio" for size in TOP_SIZES}
    names |= {f"dupe_{size}": f"all_duplicate_{size}gram_ratio" for size in DUPLICATE_SIZES}
    ngrams = pl.DataFrame({name: counts[column] / characters for column, name in names.items()})
    lines, paragraphs = (
        _all_duplicates(batch["text"], "line", "\n"),
        _all_duplicates(batch["text"], "paragraph", "\n\n"),
    )
    return batch.with_columns(*ngrams, *lines, *paragraphs)


def _all_duplicates(texts: pl.Series, kind: str, separator: str) -> pl.DataFrame:
    """The share of lines or paragraphs, blank ones aside, of which there is another, and of characters in them."""
    documents = texts.fill_null("").alias("text").to_frame().with_row_index("document")
    pieces = documents.select("document", pl.col("text").str.split(separator).alias("piece")).explode("piece")
    pieces = pieces.with_columns(pl.col("piece").str.strip_chars()).filter(pl.col("piece") != "")
    repeats, size = pl.len().over("document", "piece") > 1, pl.col("piece").str.len_chars()
    shares = (
        pieces.with_columns(repeats.alias("repeats"))
        .group_by("document")
        .agg(
            pl.col("repeats").mean().alias(f"all_duplicate_{kind}_ratio"),
            (size.filter("repeats").sum() / size.sum()).alias(f"all_duplicate_{kind}_character_ratio"),
        )
    )
    joined = documents.select("document").join(shares, on="document", how="left", maintain_order="left")
    return joined.drop("document").fill_null(0.0)


def _at_least(name: str, signal: str, threshold: float) -> Rule:
    return Rule(name, signal, pl.col(signal) >= threshold, threshold)


def _at_most(name: str, signal: str, threshold: float) -> Rule:
    return Rule(name, signal, pl.col(signal) <= threshold, threshold)
