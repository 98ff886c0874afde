"""RefinedWeb's line-wise corrections: lines that are no text are cut out, and a page that loses too many words goes.

text ─▶ lines ─▶ capitals? digits? "3 likes"? one word? ─▶ cut    "Sign-in", "Read more..." ─▶ taken out of short lines
     ─▶ kept lines joined ─▶ words lost / words before
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import polars as pl

from curate.batch import Filter, Rule
from curate.typed import Count, Positive, Share

COUNTED = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers"
COUNTER = rf"(?i)^\W*\d(?:,|\.|\d)*[kmb]?\s+(?:{COUNTED})\W*$"
WORD = r"\b\w+(?:['’.]\w+)*"
"""A word as UAX #29 cuts English; "don't" and "example.org" are one, of Han and kana a run is one."""
LINE = pl.col("line")


class RefinedWebSettings(NamedTuple):
    max_newlines: int
    max_uppercase_ratio: float
    max_digit_ratio: float
    remove_counters: bool
    min_words_per_line: int
    max_words_of_short_line: int


def refinedweb(
    *,
    max_newlines: Positive = 2,
    max_uppercase_ratio: Share = 0.5,
    max_digit_ratio: Share = 0.999999,
    remove_counters: bool = True,
    min_words_per_line: Count = 2,
    max_words_of_short_line: Count = 10,
    max_removed_word_ratio: Share = 0.05,
) -> Filter:
    """Cut lines out of the text, then drop pages that lost more than `max_removed_word_ratio` of their words.

    More than `max_newlines` in a row become as many. A line is cut if more than `max_uppercase_ratio` of its characters
    are capitals, or `max_digit_ratio` digits; if it is a counter ("1,024 likes"); if it has under `min_words_per_line`
    words. On lines of up to `max_words_of_short_line` words "items in cart" is taken out anywhere, "Read more..." at
    the end and "Sign-in" at the beginning; a line of which nothing is left goes. Empty lines stay.

    Order and numbers: RefinedWeb (Penedo et al. 2023, arXiv:2306.01116, appendix G.2) as DCLM's and OLMo 3's recipes
    run it. They divide capitals by a line's bytes, here it is characters: the same for ASCII.

    Signals: `refinedweb_cut_line_count` (UInt32), `refinedweb_removed_word_ratio` (Float64).
    """
    settings = RefinedWebSettings(
        max_newlines,
        max_uppercase_ratio,
        max_digit_ratio,
        remove_counters,
        min_words_per_line,
        max_words_of_short_line,
    )
    rule = Rule(
        "max_removed_word_ratio",
        "refinedweb_removed_word_ratio",
        pl.col("refinedweb_removed_word_ratio") <= max_removed_word_ratio,
        max_removed_word_ratio,
    )
    return Filter((rule,), measure=partial(correct_lines, settings=settings), changes_text=True)


def correct_lines(batch: pl.DataFrame, settings: RefinedWebSettings) -> pl.DataFrame:
    """The batch with texts of the kept lines, and the two signals."""
    texts = batch.select(pl.col("text").fill_null(""))
    before = texts.select(_words("text")).to_series()
    newlines = "\n" * settings.max_newlines
    texts = texts.select(pl.col("text").str.replace_all(rf"\n{{{settings.max_newlines + 1},}}", newlines))
    lines = texts.with_row_index("document").with_columns(pl.col("text").str.split("\n").alias("line")).explode("line")
    lines = lines.select("document", _taken_out(settings).alias("line"), _is_kept(settings).alias("kept"))
    lines = lines.with_columns(pl.col("kept") & pl.col("line").is_not_null())
    joined = lines.group_by("document", maintain_order=True).agg(
        LINE.filter("kept").str.join("\n").alias("text"), (~pl.col("kept")).sum().cast(pl.UInt32).alias("cut")
    )
    after = joined.select(_words("text")).to_series()
    lost = (before.cast(pl.Float64) - after) / before.clip(1)
    return batch.with_columns(
        joined["text"],
        joined["cut"].alias("refinedweb_cut_line_count"),
        lost.alias("refinedweb_removed_word_ratio"),
    )


def _is_kept(settings: RefinedWebSettings) -> pl.Expr:
    size = LINE.str.len_chars().clip(1)
    capitals = LINE.str.count_matches(r"\p{Lu}") / size
    digits = LINE.str.count_matches("[0-9]") / size
    is_kept = (capitals <= settings.max_uppercase_ratio) & (digits <= settings.max_digit_ratio)
    is_kept &= _words("line") >= settings.min_words_per_line
    if settings.remove_counters:
        is_kept &= ~LINE.str.contains(COUNTER)
    return (LINE == "") | is_kept


def _taken_out(settings: RefinedWebSettings) -> pl.Expr:
    """The line without the three phrases, null if nothing else is in it."""
    rest = LINE.str.replace_all(r"\s?items in cart\s?", " ")
    rest = rest.str.replace(r"\s?Read more\.\.\.$", "").str.replace(r"^Sign-in\s?", "")
    rest = pl.when(rest.str.strip_chars() != "").then(rest)
    return pl.when((LINE == "") | (_words("line") > settings.max_words_of_short_line)).then(LINE).otherwise(rest)


def _words(column: str) -> pl.Expr:
    return pl.col(column).str.count_matches(WORD).cast(pl.Int64)
