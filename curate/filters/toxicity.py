"""Toxic language: the share of listed words (LDNOOBW, 28 languages), or the probability that a classifier gives.

text, language ─▶ word list ─▶ toxic_word_count, toxic_word_ratio ─▶ toxicity_score ─▶ low enough?
text ─▶ fastText model ───────────────────────────────────────────▶ toxicity_score ─▶ low enough?
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError, nearest
from curate.filters.expressions import Expressions, compile_expressions, count_expressions
from curate.filters.fasttext_model import file_sha256, load_model
from curate.filters.quality import label_scores
from curate.model_file import ModelFile
from curate.recipe_path import RecipePath
from curate.typed import Share

WORD_LISTS = Path(__file__).parent / "wordlists"
LICENSE = "CC-BY-4.0"
LIST_OF_CODE = {"tl": "fil", "nb": "no", "nn": "no"}
"""Where the code of a list and the code that language identification gives differ."""

RATIO_OF_SCORE_1 = 0.05


def toxicity(
    *,
    max_score: Share = 0.4,
    languages: tuple[str, ...] = (),
    model: RecipePath | None = None,
    label: str = "__label__toxic",
) -> Filter:
    """Keep documents whose `toxicity_score` (Float32, 0–1) is at most `max_score`.

    Without `model` the score is the share of listed words, 1 where one word in 20 is listed: 0.4 allows 2 words in
    100. Signals: `toxic_word_count` (Int64, listed words and phrases found) and `toxic_word_ratio` (Float32, the
    words they cover / all words). Whole words count, whatever their case; in scripts without spaces every character
    counts as a word, so a listed word is found anywhere. The list is that of the document's `language` column,
    English where there is no such column; `languages` names lists to use on every document instead, of which the
    highest result counts. A document in a language without a list has null, and stays.

    With `model`, a supervised fastText classifier by its path, the score is its probability of `label`.

    The lists see swearing and sexual words, in medical and legal texts too, and no insult or threat without them. A
    text of fewer than 50 words does not survive a single one.

    Raises:
        UsageError: a language without a list, or a model that cannot be loaded or has no such label.
    """
    rule = Rule("max_score", "toxicity_score", pl.col("toxicity_score") <= max_score, threshold=max_score)
    if model is not None:
        return _by_classifier(rule, model, label)
    for code in languages:
        if not _has_list(code):
            raise UsageError(f'there is no word list for "{code}"{nearest(code, known_lists())}')
    files = tuple(_list_file(code) for code in languages or known_lists())
    return Filter((rule,), measure=lambda batch: measure_words(batch, languages), files=files, is_cheap=True)


def measure_words(batch: pl.DataFrame, languages: tuple[str, ...] = ()) -> pl.DataFrame:
    """Add `toxic_word_count`, `toxic_word_ratio` and `toxicity_score` by the word lists."""
    count = np.full(batch.height, -1, dtype=np.int64)
    ratio = np.zeros(batch.height)
    for code, rows in _rows_by_list(batch, languages):
        found = count_expressions(batch["text"].gather(rows), load_word_list(code))
        count[rows] = np.maximum(count[rows], found.expressions)
        ratio[rows] = np.maximum(ratio[rows], found.covered / np.maximum(found.words, 1))
    measured = pl.Series(count >= 0)
    columns = pl.DataFrame({"toxic_word_count": count, "toxic_word_ratio": ratio}).with_columns(
        pl.col("toxic_word_ratio").cast(pl.Float32),
        (pl.col("toxic_word_ratio") / RATIO_OF_SCORE_1).clip(0, 1).cast(pl.Float32).alias("toxicity_score"),
    )
    return batch.with_columns(columns.select(pl.when(measured).then(pl.all())))


@functools.cache
def known_lists() -> tuple[str, ...]:
    """The codes of the word lists that ship."""
    return tuple(sorted(path.stem for path in WORD_LISTS.glob("*.txt")))


@functools.cache
def load_word_list(code: str) -> Expressions:
    """One list, ready to search with."""
    return compile_expressions(_list_path(code).read_text(encoding="utf-8").splitlines())


def _by_classifier(rule: Rule, model: str, label: str) -> Filter:
    classifier = load_model(model)
    target = classifier.find_label(label)

    def measure(batch: pl.DataFrame) -> pl.DataFrame:
        return batch.with_columns(label_scores(batch["text"], classifier, target).alias("toxicity_score"))

    return Filter((rule,), measure=measure, files=(classifier.file,))


def _rows_by_list(batch: pl.DataFrame, languages: tuple[str, ...]) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Which documents are searched with which list."""
    every_row = np.arange(batch.height)
    if languages or "language" not in batch.columns:
        yield from ((code, every_row) for code in languages or ("en",))
        return
    codes = batch["language"]
    for code in codes.drop_nulls().unique().sort():
        if _has_list(code):
            yield code, np.flatnonzero((codes == code).fill_null(False).to_numpy())


def _has_list(code: str) -> bool:
    return LIST_OF_CODE.get(code, code) in known_lists()


def _list_path(code: str) -> Path:
    return WORD_LISTS / f"{LIST_OF_CODE.get(code, code)}.txt"


def _list_file(code: str) -> ModelFile:
    path = str(_list_path(code))
    return ModelFile(f"wordlists/{_list_path(code).name}", path, file_sha256(path, what="word list"), LICENSE)
