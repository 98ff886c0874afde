"""A share of a source's documents by a score: who stands how high among all that came to the step, and who stays.

    ledgers of a source ─▶ who came to the step, with a score ─▶ best first, by source or language ─▶ <name>_rank
    ledger of a split with its ranks ─▶ the rule on the rank, in the place that its step has among the others

A rank is a signal as any other, though only all documents together can tell it: so `why` shows it, and `retune` can say
what becomes of another share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import Ranking
from curate.errors import UsageError
from curate.recipe import Recipe, Source, Step
from curate.steps.bind import BoundStep, at_line, bind
from curate.steps.columns import BEFORE_STEPS, empty_batch
from curate.steps.decide import apply_rules
from curate.steps.reach import ALIVE
from curate.tokenize.choose import hash_ids

RANKING = frozenset({"fasttext", "classifier", "quality"})
"""The steps that know `top`."""
SHARE, GROUP = "top", "top_by"
"""Parameters of theirs that decide nothing until all documents are measured."""
NEEDED = ("id", "step")


def ranks(step: Step) -> bool:
    """Whether a step of a recipe keeps a share of the documents; no model is opened for that."""
    return step.use in RANKING and step.parameters.get(SHARE) is not None


def has_ranks(source: Source) -> bool:
    return any(ranks(step) for step in source.steps)


def ranked_sources(recipe: Recipe) -> list[str]:
    return [source.name for source in recipe.sources if has_ranks(source)]


def check_ranks(source: Source, recipe: Recipe) -> None:
    """
    Raises:
        RecipeError: a step keeps a share of documents where nobody can say which, with file and line.
    """
    if not has_ranks(source):
        return
    batch, bound = empty_batch(source), bind(source, recipe)
    for number, (step, each) in enumerate(zip(source.steps, bound, strict=True)):
        if each.filter.ranking is not None:
            at_line(step, recipe, lambda at=number, seen=batch: _check(source, bound, at, seen.columns))  # type: ignore[misc]
        if each.filter.measure is not None and not each.filter.changes_text:
            batch = each.filter.measure(batch)


def _check(source: Source, steps: Sequence[BoundStep], number: int, columns: Sequence[str]) -> None:
    ranking = steps[number].filter.ranking
    if len(source.extractors) > 1:
        raise UsageError(
            "top: of a page with several extractors' texts nobody knows which is ranked; name one extractor"
        )
    if changing := next((step.name for step in steps[number + 1 :] if step.filter.changes_text), None):
        raise UsageError(f'top: the step "{changing}" behind it changes texts; put it before this one')
    if ranking is not None and ranking.by and ranking.by not in columns:
        raise UsageError(f'{GROUP}: no step before this one, and no column of the source, gives "{ranking.by}"')


def without_ranks(batch: pl.DataFrame, steps: Sequence[BoundStep]) -> pl.DataFrame:
    """What steps and signatures can go by: ranks are known when all of them have been."""
    return batch.drop([each.filter.ranking.rank for each in steps if each.filter.ranking is not None], strict=False)


def columns_of_ranks(steps: Sequence[BoundStep]) -> set[str]:
    """What of a ledger `rank_source` asks for."""
    rankings = [step.filter.ranking for step in steps if step.filter.ranking is not None]
    return {*NEEDED, *(name for ranking in rankings for name in (ranking.score, ranking.by) if name)}


def rank_source(ledger: pl.DataFrame, steps: Sequence[BoundStep]) -> pl.DataFrame:
    """Of the rows of a source's whole ledger, the column that each ranking step asks for, Float64; null for documents
    that did not come to the step or have no score. A second such step ranks what the first one leaves."""
    places, gone, columns = _places(ledger, steps), np.zeros(ledger.height, dtype=np.bool_), list[pl.Series]()
    for index, step in enumerate(steps):
        if (ranking := step.filter.ranking) is not None:
            columns.append(rank_rows(ledger, ranking, pl.Series((places >= index) & ~gone)))
            (keep,) = (rule.keep for rule in step.filter.rules if rule.signal == ranking.rank)
            fails = columns[-1].to_frame().select(~keep.fill_null(True)).to_series()
            gone |= fails.to_numpy() & (places > index)
    return pl.DataFrame(columns)


def rank_rows(rows: pl.DataFrame, ranking: Ranking, came: pl.Series) -> pl.Series:
    """The share of those that `came`, and have a score, which stands above each; of one score by a hash of the id."""
    luck = pl.Series("_luck", hash_ids(rows["id"], seed=0, purpose=ranking.rank), dtype=pl.UInt64)
    group = pl.col(ranking.by) if ranking.by else pl.lit(None, pl.String)
    each = rows.select(pl.col(ranking.score).alias("_score"), group.alias("_group"), luck)
    numbered = each.with_row_index("_row")
    ranked = numbered.filter(came & each["_score"].is_not_null())
    best_first = ranked.sort("_score", "_luck", descending=[True, False], maintain_order=True)
    above = pl.int_range(pl.len()).over("_group") / pl.len().over("_group")
    told = best_first.select("_row", above.cast(pl.Float64).alias(ranking.rank))
    return numbered.select("_row").join(told, on="_row", how="left", maintain_order="left")[ranking.rank]


def decide_by_rank(ledger: pl.DataFrame, steps: Sequence[BoundStep]) -> pl.DataFrame:
    """A ledger that has its ranks, with the documents dropped that each ranking step does not keep: as if it had known
    the ranks when they came to it, so also those that a later step took."""
    for index, step in enumerate(steps):
        ranking = step.filter.ranking
        if ranking is not None:
            asked = pl.Series(_places(ledger, steps) > index)
            undecided = pl.when(asked).then(None).otherwise("outcome").alias("outcome")
            rules = tuple(rule for rule in step.filter.rules if rule.signal == ranking.rank)
            decided = apply_rules(ledger.with_columns(undecided), step.name, rules)
            ledger = decided.with_columns(pl.col("outcome").fill_null(ledger["outcome"]))
    return ledger


def is_unranked(batch: pl.DataFrame, steps: Sequence[BoundStep]) -> pl.Series:
    """Which documents of a batch that was decided on came to a step that would have ranked them, and did not."""
    places, found = _places(batch, steps), np.zeros(batch.height, dtype=np.bool_)
    for index, step in enumerate(steps):
        if (ranking := step.filter.ranking) is not None:
            lacks = pl.col(ranking.score).is_not_null() & pl.col(ranking.rank).is_null()
            found |= (places >= index) & batch.select(lacks).to_series().to_numpy()
    return pl.Series(found)


def with_sample_ranks(batch: pl.DataFrame, step: BoundStep) -> pl.DataFrame:
    """A batch that a step has measured, ranked as if it were all documents: for a look at a sample."""
    ranking = step.filter.ranking
    return batch if ranking is None else batch.with_columns(rank_rows(batch, ranking, batch.select(ALIVE).to_series()))


def count_ranked(ledger: pl.DataFrame, step: BoundStep) -> list[dict[str, object]]:
    """Of a step that ranks, by language where it is asked for: how many documents were ranked, how many of them `top`
    keeps, and the least score of those."""
    ranking = step.filter.ranking
    assert ranking is not None, "only asked of steps that rank"
    (keep,) = (rule.keep for rule in step.filter.rules if rule.signal == ranking.rank)
    group = pl.col(ranking.by) if ranking.by else pl.lit(None, pl.String)
    ranked = ledger.filter(pl.col(ranking.rank).is_not_null()).group_by(group.alias("group"))
    counts = [
        pl.len().alias("documents"),
        keep.sum().alias("kept"),
        pl.col(ranking.score).filter(keep).min().alias("least"),
    ]
    return ranked.agg(counts).sort("group", nulls_last=True).to_dicts()


def _places(ledger: pl.DataFrame, steps: Sequence[BoundStep]) -> npt.NDArray[np.int32]:
    """The number of the step that took each row; -1 for what came to none, their count for what all let pass."""
    numbers = {**dict.fromkeys(BEFORE_STEPS, -1), **{step.name: number for number, step in enumerate(steps)}}
    place = pl.col("step").replace_strict(numbers, default=len(steps), return_dtype=pl.Int32)
    return ledger.select(place).to_series().to_numpy()
