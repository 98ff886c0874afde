"""Any fastText classifier as a filter: quality, educational value, spam, whatever the model was trained for.

text ─▶ one line ─▶ model ─▶ probability of the label ─▶ <name>_score
"""

from __future__ import annotations

import re

import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError
from curate.filters.fasttext_model import FastTextModel, load_model
from curate.recipe_path import RecipePath
from curate.typed import Share


def fasttext(
    *,
    model: RecipePath,
    label: str,
    name: str = "fasttext",
    min_score: Share | None = None,
    max_score: Share | None = None,
) -> Filter:
    """Score documents by the probability of `label` under a supervised fastText model, and decide on it.

    Signal: `<name>_score` (Float32, 0–1; null for an empty text). With neither threshold the step only measures, for
    a later `where`. Two classifiers in one source need two names. DCLM's filter, for example, keeps the top tenth of
    its pool by such a score (label "__label__hq", at least 0.018112).

    Raises:
        UsageError: the model cannot be loaded or has no such label; `name` cannot be the name of a column.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f'name is "{name}"; it becomes a column: small letters, digits and "_", a letter first')
    classifier = load_model(model)
    target = classifier.find_label(label)
    signal = f"{name}_score"
    score = pl.col(signal)
    rules = []
    if min_score is not None:
        rules.append(Rule("min_score", signal, score >= min_score, threshold=min_score))
    if max_score is not None:
        rules.append(Rule("max_score", signal, score <= max_score, threshold=max_score))
    return Filter(
        tuple(rules),
        measure=lambda batch: batch.with_columns(label_scores(batch["text"], classifier, target).alias(signal)),
        files=(classifier.file,),
    )


def label_scores(texts: pl.Series, model: FastTextModel, label: str) -> pl.Series:
    """The probability of one label for every text, Float32; null where there is no text."""
    chances = model.probabilities(texts)[:, model.labels.index(label)].tolist()
    scores = [chance if text and not text.isspace() else None for text, chance in zip(texts, chances, strict=True)]
    return pl.Series(scores, dtype=pl.Float32)
