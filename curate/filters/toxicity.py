"""Toxic language: the share of listed words (LDNOOBW, 28 languages), or the probability that a model gives.

text, language ─┬▶ word list ─▶ toxic_word_count, toxic_word_ratio ─▶ toxicity_score ─┬▶ low enough?
                └▶ shipped model of the language, or one by path ───▶ toxicity_score ─┘
                └▶ neither ─▶ null: nobody can tell                   toxicity_by: "words", "model", null
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError, nearest
from curate.filters.classifiers import Classifier, files_of, load_classifier, scores_of
from curate.filters.expressions import Expressions, compile_expressions, count_expressions
from curate.filters.fasttext_model import file_sha256
from curate.filters.shipped_models import shipped_model, shipped_names
from curate.model_file import ModelFile
from curate.recipe_path import RecipePath
from curate.text.disguises import undo_disguises
from curate.typed import Share

WORD_LISTS = Path(__file__).parent / "wordlists"
LICENSE = "CC-BY-4.0"
LIST_OF_CODE = {"tl": "fil", "nb": "no", "nn": "no"}
"""Where the code of a list and the code that language identification gives differ."""

RATIO_OF_SCORE_1 = 0.05
JUDGE = "toxicity_by"
By = Literal["words", "model"]
Lines = npt.NDArray[np.int64]


def toxicity(
    *,
    max_score: Share = 0.4,
    by: By = "words",
    languages: tuple[str, ...] = (),
    disguises: bool = False,
    model: RecipePath | None = None,
    label: str = "__label__toxic",
) -> Filter:
    """Keep documents whose `toxicity_score` (Float32, 0–1) is at most `max_score`.

    By `words` the score is the share of listed words, 1 where one word in 20 is listed: 0.4 allows 2 words in
    100. Signals: `toxic_word_count` (Int64, listed words and phrases found) and `toxic_word_ratio` (Float32, the
    words they cover / all words). Whole words count, whatever their case; in scripts without spaces every character
    counts as a word, so a listed word is found anywhere. The list is that of the document's `language` column,
    English where there is no such column; `languages` names lists to use on every document instead, of which the
    highest result counts. The lists see swearing and sexual words, in medical and legal texts too, and no insult or
    threat without them. A text of fewer than 50 words does not survive a single one.

    By `model` it is the probability, passage by passage, that people would call a text offensive: the mean over the
    text's passages of some 500 bytes. Arabic, English, French, German, Korean and Portuguese have a model
    (docs/toxicity-card.md says how good each is, and what it is bad at); documents in other languages are judged by
    their word lists. `model` names a linear, fastText or ONNX classifier of one's own for all documents instead; then
    the score is its probability of `label`.

    `toxicity_by` (String) says what judged a document: "words", "model", or null where its language has neither; then
    the score is null, and the document stays. `curate check` counts them by language.

    `disguises` looks a second time at texts in which words hide ("sh1t", "s h i t", letters of another script, or
    with signs of no width between), with these undone; the higher score counts.

    Raises:
        UsageError: a language without a list, or a model that cannot be loaded or has no such label.
    """
    rule = Rule("max_score", "toxicity_score", pl.col("toxicity_score") <= max_score, threshold=max_score)
    if model is not None:
        return _by_classifier(rule, model, label, disguises)
    for code in languages:
        if not _has_list(code):
            raise UsageError(f'there is no word list for "{code}"{nearest(code, known_lists())}')
    files = tuple(_list_file(code) for code in languages or known_lists())
    if by == "model":
        models = {code: shipped_model(f"toxicity-{code}") for code in shipped_names("toxicity")}
        files += tuple(found.file for found in models.values())
        measure = partial(measure_models, models=models, disguises=disguises)
        return Filter((rule,), measure=measure, files=files, is_cheap=True, judge=JUDGE)
    words = partial(measure_words, languages=languages, disguises=disguises)
    return Filter((rule,), measure=words, files=files, is_cheap=True, judge=JUDGE)


def measure_words(batch: pl.DataFrame, languages: tuple[str, ...] = (), *, disguises: bool = False) -> pl.DataFrame:
    """Add `toxic_word_count`, `toxic_word_ratio`, `toxicity_score` and `toxicity_by` by the word lists."""
    count = np.full(batch.height, -1, dtype=np.int64)
    ratio = np.zeros(batch.height)
    for code, rows in _rows_by_list(batch, languages):
        for part, texts in _readings(batch["text"], rows, disguises):
            found = count_expressions(texts, load_word_list(code))
            count[part] = np.maximum(count[part], found.expressions)
            ratio[part] = np.maximum(ratio[part], found.covered / np.maximum(found.words, 1))
    measured = pl.Series(count >= 0)
    columns = pl.DataFrame({"toxic_word_count": count, "toxic_word_ratio": ratio}).with_columns(
        pl.col("toxic_word_ratio").cast(pl.Float32),
        (pl.col("toxic_word_ratio") / RATIO_OF_SCORE_1).clip(0, 1).cast(pl.Float32).alias("toxicity_score"),
        pl.lit("words").alias(JUDGE),
    )
    return batch.with_columns(columns.select(pl.when(measured).then(pl.all())))


def measure_models(batch: pl.DataFrame, models: Mapping[str, Classifier], *, disguises: bool = False) -> pl.DataFrame:
    """The same columns, by the model of a document's language where there is one."""
    by_words = measure_words(batch, disguises=disguises)
    chances, judged = np.full(batch.height, np.nan), np.zeros(batch.height, dtype=bool)
    for code, rows in _rows_by_language(batch, tuple(models)):
        chances[rows] = _highest(batch["text"], rows, models[code], models[code].labels[1], disguises)
        judged[rows] = True
    scores = scores_of(pl.Series(chances), is_empty=pl.Series(np.isnan(chances)))
    columns = pl.DataFrame({"toxicity_score": scores}).with_columns(pl.lit("model").alias(JUDGE))
    words = by_words.select("toxicity_score", JUDGE)
    chosen = [
        pl.when(pl.Series(judged)).then(columns[name]).otherwise(words[name]).alias(name) for name in columns.columns
    ]
    return by_words.with_columns(chosen)


@functools.cache
def known_lists() -> tuple[str, ...]:
    """The codes of the word lists that ship."""
    return tuple(sorted(path.stem for path in WORD_LISTS.glob("*.txt")))


@functools.cache
def load_word_list(code: str) -> Expressions:
    """One list, ready to search with."""
    return compile_expressions(_list_path(code).read_text(encoding="utf-8").splitlines())


def _by_classifier(rule: Rule, model: str, label: str, disguises: bool) -> Filter:
    classifier = load_classifier(model)
    target = classifier.find_label(label)

    def measure(batch: pl.DataFrame) -> pl.DataFrame:
        chances = pl.Series(_highest(batch["text"], np.arange(batch.height), classifier, target, disguises))
        is_empty = batch["text"].fill_null("").str.strip_chars() == ""
        scores = scores_of(chances, is_empty=is_empty).alias("toxicity_score")
        return batch.with_columns(scores, pl.lit("model").alias(JUDGE))

    return Filter((rule,), measure=measure, files=files_of(classifier), judge=JUDGE)


def _highest(
    texts: pl.Series, rows: Lines, classifier: Classifier, label: str, disguises: bool
) -> npt.NDArray[np.float64]:
    """float64[rows]: the probability of the label, NaN for a text without words."""
    column = classifier.labels.index(label)
    highest = np.zeros(len(texts))
    for part, readings in _readings(texts, rows, disguises):
        highest[part] = np.maximum(highest[part], classifier.probabilities(readings)[:, column])
    is_blank = (texts.gather(rows).fill_null("").str.strip_chars() == "").to_numpy()
    return np.where(is_blank, np.nan, highest[rows])


def _readings(texts: pl.Series, rows: Lines, disguises: bool) -> Iterator[tuple[Lines, pl.Series]]:
    """The texts of some rows as they are; then those with something hidden in them, without the disguise."""
    chosen = texts.gather(rows)
    yield rows, chosen
    if disguises:
        undone = undo_disguises(chosen)
        yield rows[undone.rows], undone.texts


def _rows_by_list(batch: pl.DataFrame, languages: tuple[str, ...]) -> Iterator[tuple[str, Lines]]:
    """Which documents are searched with which list."""
    if languages:
        yield from ((code, np.arange(batch.height)) for code in languages)
        return
    yield from ((code, rows) for code, rows in _rows_by_language(batch, None) if _has_list(code))


def _rows_by_language(batch: pl.DataFrame, wanted: tuple[str, ...] | None) -> Iterator[tuple[str, Lines]]:
    """The documents of each language, all English where nothing says otherwise; of those wanted, or of all."""
    if "language" not in batch.columns:
        yield "en", np.arange(batch.height)
        return
    codes = batch["language"]
    for code in codes.drop_nulls().unique().sort():
        if wanted is None or code in wanted:
            yield code, np.flatnonzero((codes == code).fill_null(False).to_numpy())


def _has_list(code: str) -> bool:
    return LIST_OF_CODE.get(code, code) in known_lists()


def _list_path(code: str) -> Path:
    return WORD_LISTS / f"{LIST_OF_CODE.get(code, code)}.txt"


def _list_file(code: str) -> ModelFile:
    path = str(_list_path(code))
    return ModelFile(f"wordlists/{_list_path(code).name}", path, file_sha256(path, what="word list"), LICENSE)
