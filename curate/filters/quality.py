"""Any classifier as a filter: quality, educational value, spam, whatever the model was trained for.

text ─▶ model ─▶ probability of the label ─▶ <name>_score ─┬▶ high enough, low enough?
                         id ─▶ keyed hash ─▶ <name>_draw ──┴▶ lucky enough for its score?
"""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError
from curate.filters.classifiers import Classifier, label_scores, load_classifier
from curate.filters.fasttext_model import load_model
from curate.filters.linear_model import LinearModel
from curate.filters.pareto import draws, pareto_rule
from curate.filters.shipped_models import shipped_model
from curate.recipe_path import RecipePath
from curate.typed import Amount, Share


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
    classifier = load_model(model)
    return _scoring(classifier, classifier.find_label(label), name, min_score, max_score)


def classifier(
    *,
    model: RecipePath,
    label: str = "",
    name: str = "classifier",
    min_score: Share | None = None,
    max_score: Share | None = None,
    pareto: Amount | None = None,
) -> Filter:
    """Score documents by a classifier of one's own, linear or fastText, and decide on the probability of `label`.

    Signal: `<name>_score` (Float32, 0–1; null for an empty text, which stays). `label` may be left out for a linear
    model: then it is the one that the model was trained to find. With no threshold the step only measures, for a later
    `where`. `curate classifier train` makes such models.

    `pareto`: instead of, or beside, a threshold, the choice that GPT-3 made with 9: a document of the score s stays
    with a probability of (2 − s) ** −`pareto`, by a hash of its id (signal `<name>_draw`, Float64, 0–1), so that the
    same documents stay in each run.

    Raises:
        UsageError: the model cannot be loaded, has no such label, or needs one; `name` cannot be a column's.
    """
    found = load_classifier(model)
    if not label and not isinstance(found, LinearModel):
        raise UsageError(f"{model} is a fastText model: say which label counts, one of {', '.join(found.labels)}")
    target = found.find_label(label) if label else found.labels[1]
    return _scoring(found, target, name, min_score, max_score, pareto)


def quality(*, min_score: Share | None = 0.5, name: str = "quality", pareto: Amount | None = None) -> Filter:
    """Keep documents that the shipped model takes for edited prose with a probability of at least `min_score`.

    Signal: `<name>_score` (Float32, 0–1; null for an empty text, which stays). The model tells running text from lists
    of files, menus, keywords, garbled text and spam; it knows nothing of truth, style or usefulness, and languages
    other than those in its card (docs/quality-card.md) by their layout only. `pareto` is that of the step `classifier`.
    """
    found = shipped_model("quality")
    return replace(_scoring(found, found.labels[1], name, min_score, None, pareto), is_cheap=True)


def _scoring(
    classifier: Classifier,
    label: str,
    name: str,
    min_score: float | None,
    max_score: float | None,
    pareto: float | None = None,
) -> Filter:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f'name is "{name}"; it becomes a column: small letters, digits and "_", a letter first')
    signal, draw = f"{name}_score", f"{name}_draw"
    score = pl.col(signal)
    rules = []
    if min_score is not None:
        rules.append(Rule("min_score", signal, score >= min_score, threshold=min_score))
    if max_score is not None:
        rules.append(Rule("max_score", signal, score <= max_score, threshold=max_score))
    if pareto is not None:
        if not pareto:
            raise UsageError("pareto is 0: nothing would be chosen; 9, as GPT-3 had it, or another number above 0")
        rules.append(pareto_rule(signal, draw, pareto))

    def measure(batch: pl.DataFrame) -> pl.DataFrame:
        scores = label_scores(batch["text"], classifier, label).alias(signal)
        drawn = [] if pareto is None else [draws(batch["id"], name=name, seed=0).alias(draw)]
        return batch.with_columns(scores, *drawn)

    return Filter(tuple(rules), measure=measure, files=(classifier.file,))
