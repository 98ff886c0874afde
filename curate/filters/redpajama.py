"""RedPajama-Data-v2's quality signals under their own names: they measure, and a `where` or a reader decides.

text ─┬▶ as it is: words, symbols, sentences, lines                       ─▶ rps_doc_…, rps_lines_…
      └▶ lower case, no ASCII punctuation, NFD ─▶ words ─▶ kernel: n-grams ─▶ rps_doc_frac_chars_…
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from curate.batch import Filter
from curate.text.information import FRACTION
from curate.text.ngrams import DUPLICATE_SIZES, TOP_SIZES
from curate.text.repeats import COUNTS, count_repeats

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
PUNCTUATION = r"[!-/:-@\[-`{-~]"
RAW_WORD = r"\w+|[^\w\s]+"
SENTENCE = r"\b[^.!?]+[.!?]*"
BULLETS = "^[•‣▶◀◦■□▪▫–]"
TEXT, LINE, NORMAL_LINE = pl.col("text").fill_null(""), pl.col("line"), pl.col("normal_line")


def redpajama_v2(*, stop_words: tuple[str, ...] = STOP_WORDS) -> Filter:
    """Measure `rps_doc_*` and `rps_lines_*` as RedPajama does, in Float32; nothing is dropped.

    Words of most signals are those of the normalized text (lower case, ASCII punctuation out, NFD) between white space;
    of `symbol_to_word_ratio`, `frac_no_alph_words`, `frac_all_caps_words` and `stop_word_fraction` runs of word
    characters or of marks (nltk's WordPunctTokenizer). A duplicate n-gram counts with its first occurrence, and each
    word once. Where RedPajama keeps a value a line (`rps_lines_*`), this is the mean over the lines. Null where a text
    has no words.

    Not here: `ccnet_*` beside what the ledger has (language score, lengths), KenLM's perplexity, the importance weights
    and the classifier scores (the step "fasttext" with such a model), `rps_doc_ldnoobw_words` (the step "toxicity"),
    `rps_doc_ut1_blacklist` (the step "url"). `stop_words`: RedPajama has a list a language; the default is Gopher's.

    Source: Weber et al. 2024, arXiv:2411.12372, and the code in togethercomputer/RedPajama-Data.
    """
    return Filter((), measure=partial(measure_redpajama, stop_words=stop_words))


def measure_redpajama(batch: pl.DataFrame, stop_words: tuple[str, ...] = STOP_WORDS) -> pl.DataFrame:
    """Add the signals to a batch with a column `text`."""
    texts = batch.select(TEXT.alias("text"), _normal(TEXT).alias("normal"))
    signals = texts.select(*_content(), *_raw_words(stop_words)).hstack(_normal_words(texts["normal"]))
    signals = signals.hstack(_lines(texts))
    return batch.with_columns(*signals.cast(pl.Float32))


def _normal(text: pl.Expr) -> pl.Expr:
    lowered = text.str.replace_all(PUNCTUATION, "").str.to_lowercase().str.strip_chars()
    return lowered.str.replace_all(r"\s+", " ").str.normalize("NFD")


def _content() -> list[pl.Expr]:
    length = TEXT.str.len_chars().clip(1)
    normal = pl.col("normal")
    lorem = normal.str.count_matches("lorem ipsum", literal=True) / normal.str.len_chars().clip(1)
    return [
        (TEXT.str.count_matches(r"[{}]") / length).alias("rps_doc_curly_bracket"),
        lorem.alias("rps_doc_lorem_ipsum"),
        TEXT.str.count_matches(SENTENCE).alias("rps_doc_num_sentences"),
    ]


def _raw_words(stop_words: tuple[str, ...]) -> list[pl.Expr]:
    words = TEXT.str.extract_all(RAW_WORD)
    count = pl.when(words.list.len() > 0).then(words.list.len())
    symbols = TEXT.str.count_matches("#") + TEXT.str.count_matches(r"\.\.\.") + TEXT.str.count_matches("…")
    each = pl.element()
    is_capital = each.str.contains(r"\p{Lu}") & ~each.str.contains(r"\p{Ll}")
    return [
        (symbols / count).alias("rps_doc_symbol_to_word_ratio"),
        (1 - words.list.eval(each.str.contains("[a-zA-Z]")).list.sum() / count).alias("rps_doc_frac_no_alph_words"),
        (words.list.eval(is_capital).list.sum() / count).alias("rps_doc_frac_all_caps_words"),
        (words.list.eval(each.is_in(list(stop_words))).list.sum() / count).alias("rps_doc_stop_word_fraction"),
        (TEXT.str.count_matches(r"(?m)(?:\.\.\.|…)\s*$") / TEXT.str.count_matches(r"[^\n]*\n|[^\n]+$").clip(1)).alias(
            "rps_doc_frac_lines_end_with_ellipsis"
        ),
    ]


def _normal_words(normal: pl.Series) -> pl.DataFrame:
    counts = dict(zip(COUNTS, count_repeats(normal).T, strict=True))
    words, characters = counts["words"].astype(np.float64), counts["characters"].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "rps_doc_word_count": words,
            "rps_doc_mean_word_length": characters / words,
            "rps_doc_frac_unique_words": counts["distinct"] / words,
            "rps_doc_unigram_entropy": (np.log2(words) - counts["bits"] / FRACTION / words) * np.log(2),
            **{f"rps_doc_frac_chars_top_{n}gram": counts[f"top_{n}"] / characters for n in TOP_SIZES},
            **{f"rps_doc_frac_chars_dupe_{n}grams": counts[f"dupe_{n}"] / characters for n in DUPLICATE_SIZES},
        }
    return pl.DataFrame(columns).fill_nan(None)


def _lines(texts: pl.DataFrame) -> pl.DataFrame:
    """Means over the lines of each text; a text without lines has none."""
    lines = texts.with_row_index("document").select("document", TEXT.str.extract_all(r"[^\n]*\n|[^\n]+$").alias("line"))
    lines = lines.explode("line").with_columns(_normal(LINE).alias("normal_line"))
    size, normal_size = LINE.str.len_chars(), NORMAL_LINE.str.len_chars()
    means = lines.group_by("document", maintain_order=True).agg(
        LINE.str.contains(r"[.!?”]\s*$").mean().alias("rps_lines_ending_with_terminal_punctution_mark"),
        NORMAL_LINE.str.count_matches(r"\bjavascript\b").mean().alias("rps_lines_javascript_counts"),
        NORMAL_LINE.str.count_matches(r"\S+").mean().alias("rps_lines_num_words"),
        (NORMAL_LINE.str.count_matches(r"\p{N}") / normal_size.clip(1))
        .mean()
        .alias("rps_lines_numerical_chars_fraction"),
        LINE.str.strip_chars_start().str.contains(BULLETS).mean().alias("rps_lines_start_with_bulletpoint"),
        (LINE.str.count_matches(r"\p{Lu}") / size.clip(1)).mean().alias("rps_lines_uppercase_letter_fraction"),
    )
    every = pl.DataFrame({"document": pl.arange(texts.height, eager=True, dtype=pl.UInt32)})
    return every.join(means, on="document", how="left", maintain_order="left").drop("document")
