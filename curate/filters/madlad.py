"""MADLAD-400's rules on sentences: a page goes if too many of its sentences look like lists or like known rubbish.

text ─▶ sentences ─▶ rule 2: written like a list of names? ─┐
                └──▶ rule 5: one of the patterns? ──────────┴▶ questionable sentences / sentences
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.model_file import ModelFile
from curate.recipe_path import RecipePath
from curate.typed import Count, Share

END = r"[.!?]+\s+"
CUT = "\x00"
WORD = r"\b\w+(?:['’.]\w+)*"
CAPITALISED_WORD = r"\b\p{Lu}\w*(?:['’.]\w+)*"
SENTENCE = pl.col("sentence")


class MadladSettings(NamedTuple):
    min_list_words: int
    max_capitalised_ratio: float
    patterns: tuple[str, ...]


def madlad(
    *,
    min_sentences: Count = 5,
    max_questionable_ratio: Share = 0.2,
    min_list_words: Count = 12,
    max_capitalised_ratio: Share = 0.5,
    patterns: RecipePath = "",
) -> Filter:
    """Drop pages of few sentences, and of many questionable ones; a value on a threshold is kept.

    Rule 2: of a sentence of `min_list_words` or more, over `max_capitalised_ratio` of the words begin with a capital.
    Rule 5: a sentence has one of the regular expressions in the file `patterns`, one a line (Rust's syntax; lines that
    begin with "# " are comments). The publication's own list ("cursed regexes", its appendix) does not ship: without a
    file only rule 2 counts. Sentences end at ".", "!" or "?" before white space.

    Source: MADLAD-400 (Kudugunta et al. 2023, arXiv:2309.04662, section 2.3) as OLMo 3's recipe uses it, which runs
    rules 2 and 5 alone, drops pages of under five sentences, and drops at 20 % exactly, too.

    Signals: `madlad_sentence_count` (UInt32), `madlad_questionable_ratio` (Float64).

    Raises:
        UsageError: the file cannot be read, or a pattern is no regular expression.
    """
    files = (_pattern_file(patterns),) if patterns else ()
    settings = MadladSettings(
        min_list_words, max_capitalised_ratio, tuple(_read_patterns(patterns)) if patterns else ()
    )
    rules = (
        Rule(
            "min_sentences",
            "madlad_sentence_count",
            pl.col("madlad_sentence_count") >= min_sentences,
            min_sentences,
        ),
        Rule(
            "max_questionable_ratio",
            "madlad_questionable_ratio",
            pl.col("madlad_questionable_ratio") <= max_questionable_ratio,
            max_questionable_ratio,
        ),
    )
    return Filter(rules, measure=partial(question_sentences, settings=settings), files=files)


def question_sentences(batch: pl.DataFrame, settings: MadladSettings) -> pl.DataFrame:
    """Add the two signals to a batch with a column `text`."""
    texts = pl.col("text").fill_null("").str.replace_all(CUT, " ", literal=True).str.replace_all(END, CUT)
    sentences = batch.select(texts.str.split(CUT).alias("sentence")).with_row_index("document").explode("sentence")
    sentences = sentences.filter(SENTENCE.str.strip_chars() != "")
    counted = sentences.group_by("document").agg(
        pl.len().cast(pl.UInt32).alias("madlad_sentence_count"),
        _is_questionable(settings).mean().alias("madlad_questionable_ratio"),
    )
    all_documents = pl.DataFrame({"document": pl.arange(batch.height, eager=True, dtype=pl.UInt32)})
    joined = all_documents.join(counted, on="document", how="left", maintain_order="left")
    return batch.with_columns(*joined.drop("document").fill_null(0))


def _is_questionable(settings: MadladSettings) -> pl.Expr:
    words = SENTENCE.str.count_matches(WORD)
    capitalised = SENTENCE.str.count_matches(CAPITALISED_WORD)
    is_list = (words >= settings.min_list_words) & (capitalised > words * settings.max_capitalised_ratio)
    return pl.any_horizontal(is_list, *(SENTENCE.str.contains(pattern) for pattern in settings.patterns))


def _pattern_file(path: str) -> ModelFile:
    return ModelFile(Path(path).name, path, file_sha256(path, what="list of patterns"))


def _read_patterns(path: str) -> list[str]:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("# ")]
    for number, line in enumerate(lines, start=1):
        if line in patterns:
            _check_pattern(line, f"{path}:{number}")
    return patterns


def _check_pattern(pattern: str, place: str) -> None:
    try:
        pl.Series(["a"]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise UsageError(f'{place}: "{pattern}" is no regular expression: {reason}') from None
