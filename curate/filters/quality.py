"""Any classifier as a filter: quality, educational value, spam, whatever the model was trained for.

text ─▶ model ─▶ probability of the label ─▶ <name>_score ─┬▶ high enough, low enough?
                         id ─▶ keyed hash ─▶ <name>_draw ──┼▶ lucky enough for its score?
          scores of all, once all are there ─▶ <name>_rank ┴▶ among the best?
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import polars as pl

from curate.batch import Filter, Ranking, Rule
from curate.errors import UsageError
from curate.filters.classifiers import Classifier, files_of, label_scores, load_classifier, wanted_label
from curate.filters.fasttext_model import load_model
from curate.filters.onnx_model import is_onnx, load_onnx
from curate.filters.onnx_session import Scale
from curate.filters.pareto import draws, pareto_rule
from curate.filters.shipped_models import shipped_model
from curate.recipe_path import RecipePath
from curate.typed import Amount, Share

By = Literal["source", "language"]


def fasttext(
    *,
    model: RecipePath,
    label: str,
    name: str = "fasttext",
    min_score: Share | None = None,
    max_score: Share | None = None,
    top: Share | None = None,
    top_by: By = "source",
) -> Filter:
    """Score documents by the probability of `label` under a supervised fastText model, and decide on it.

    Signal: `<name>_score` (Float32, 0–1; null for an empty text). With no threshold the step only measures, for
    a later `where`. Two classifiers in one source need two names. DCLM's filter, for example, keeps the top tenth of
    its pool by such a score (label "__label__hq", at least 0.018112). `top` and `top_by` are those of the step
    `classifier`.

    Raises:
        UsageError: the model cannot be loaded or has no such label; `name` cannot be the name of a column.
    """
    classifier = load_model(model)
    return _scoring(classifier, classifier.find_label(label), name, ScoreLimits(min_score, max_score, top, top_by))


def classifier(
    *,
    model: RecipePath,
    label: str = "",
    name: str = "classifier",
    min_score: Share | None = None,
    max_score: Share | None = None,
    pareto: Amount | None = None,
    top: Share | None = None,
    top_by: By = "source",
    output: str = "",
    scale: Scale = "auto",
) -> Filter:
    """Score documents by a classifier of one's own, linear, fastText or ONNX, and decide on the probability of `label`.

    Signal: `<name>_score` (Float32, 0–1; null for an empty text, which stays). `label` may be left out for a linear
    model, where it is the one that the model was trained to find, and for an ONNX model with one number. With no
    threshold the step only measures, for a later `where`. `curate classifier train` makes linear and fastText models.

    `output` and `scale` are for ONNX models (`.onnx`, with the extra `onnx`), which take texts, or ids of tokens with
    their `tokenizer.json` beside them: which output counts, where several could, and whether it is made a probability
    (`softmax` over labels, `sigmoid` of each) or taken `as_is`; `auto` does so with outputs that are called logits, but
    for those of a regression. Of a text its first 512 tokens count. docs/classifier.md says more.

    `pareto`: instead of, or beside, a threshold, the choice that GPT-3 made with 9: a document of the score s stays
    with a probability of (2 − s) ** −`pareto`, by a hash of its id (signal `<name>_draw`, Float64, 0–1), so that the
    same documents stay in each run.

    `top`: the share that stays of the documents of the source that come to this step, 0.1 for the tenth with the
    highest scores (as DCLM), with `top_by = "language"` of each language by itself. It is decided once all of them have
    their score, exactly: of n documents ⌈`top` × n⌉ stay, and which of those with one score is said by a hash of
    their ids. Signal: `<name>_rank` (Float64, 0–1; null for an empty text), the share that stands above.
    No step behind it may change texts, and the source has one extractor.

    Raises:
        UsageError: the model cannot be loaded, has no such label, or needs one; `name` cannot be a column's.
    """
    found = load_onnx(model, output=output, scale=scale) if is_onnx(model) else load_classifier(model)
    return _scoring(found, wanted_label(found, label), name, ScoreLimits(min_score, max_score, top, top_by, pareto))


def quality(
    *,
    min_score: Share | None = 0.5,
    name: str = "quality",
    pareto: Amount | None = None,
    top: Share | None = None,
    top_by: By = "source",
) -> Filter:
    """Keep documents that the shipped model takes for edited prose with a probability of at least `min_score`.

    Signal: `<name>_score` (Float32, 0–1; null for an empty text, which stays). The model tells running text from lists
    of files, menus, keywords, garbled text and spam; it knows nothing of truth, style or usefulness, and languages
    other than those in its card (docs/quality-card.md) by their layout only. `pareto`, `top` and `top_by` are those of
    the step `classifier`.
    """
    found = shipped_model("quality")
    scoring = _scoring(found, found.labels[1], name, ScoreLimits(min_score, None, top, top_by, pareto))
    return replace(scoring, is_cheap=top is None)  # what does not come to the step has no rank


class ScoreLimits(NamedTuple):
    """By what documents stay, as the recipe has it."""

    min_score: float | None
    max_score: float | None
    top: float | None
    top_by: By
    pareto: float | None = None


def _scoring(classifier: Classifier, label: str, name: str, limits: ScoreLimits) -> Filter:
    """
    Raises:
        UsageError: `name` cannot be the name of a column, or nothing at all would stay.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f'name is "{name}"; it becomes a column: small letters, digits and "_", a letter first')
    signal, draw, rank = (f"{name}_{what}" for what in ("score", "draw", "rank"))

    def measure(batch: pl.DataFrame) -> pl.DataFrame:
        batch = batch.with_columns(label_scores(batch["text"], classifier, label).alias(signal))
        if limits.pareto is not None:
            batch = batch.with_columns(draws(batch["id"], name=name, seed=0).alias(draw))
        return batch if limits.top is None else batch.with_columns(pl.lit(None, pl.Float64).alias(rank))

    ranking = None if limits.top is None else Ranking(signal, rank, "language" if limits.top_by == "language" else "")
    return Filter(
        tuple(_rules(limits, signal, draw, rank)), measure=measure, files=files_of(classifier), ranking=ranking
    )


def _rules(limits: ScoreLimits, signal: str, draw: str, rank: str) -> Iterator[Rule]:
    score = pl.col(signal)
    if limits.min_score is not None:
        yield Rule("min_score", signal, score >= limits.min_score, threshold=limits.min_score)
    if limits.max_score is not None:
        yield Rule("max_score", signal, score <= limits.max_score, threshold=limits.max_score)
    if limits.pareto is not None:
        if not limits.pareto:
            raise UsageError("pareto is 0: nothing would be chosen; 9, as GPT-3 had it, or another number above 0")
        yield pareto_rule(signal, draw, limits.pareto)
    if limits.top is not None:
        if not limits.top:
            raise UsageError("top is 0: nothing would stay; 0.1 for the best tenth, or another share above 0")
        yield Rule("top", rank, pl.col(rank) < limits.top, threshold=limits.top)
