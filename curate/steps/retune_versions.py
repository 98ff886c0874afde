"""Pages with several texts under other thresholds: what the ledger, which has one row a page, can tell and what not.

row of the text that stayed, its new decision ─┐
what became of the other texts (`versions`) ──┴─▶ the page's new decision, or "unknown": another text may stay then
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from curate.recipe import Source
from curate.steps.bind import BoundStep
from curate.steps.columns import BEFORE_STEPS
from curate.steps.reach import ALIVE
from curate.steps.versions import hopeless, min_hope

DECISION = ("outcome", "step", "reason", "value")


def with_versions(
    rows: pl.DataFrame, steps: Sequence[BoundStep], changed: Collection[str], source: Source
) -> pl.DataFrame:
    """Rows with the new decisions on the texts that stayed (none: kept), which become decisions on their pages.

    A column `_left` has the bytes of the first text where that is the one that stays now, else null.

    | the text that stayed | its new decision | the page's |
    |---|---|---|
    | the first | kept | kept |
    | | dropped | unknown, if another text was not asked for and now would be, or was dropped by a step that changes |
    | a later | any | unknown, if one before it was dropped by a step that changes |
    | | kept | unknown, if the first may now be too hopeless for another to be asked for |
    | | dropped | that of the first, if no step before the one that dropped it changes, and no text is left to ask for |
    """
    is_first = pl.col("extractor") == source.extractors[0]
    is_dropped = pl.col("outcome") == "dropped"
    was_asked = pl.col("versions").is_not_null()
    may_be_asked = ~hopeless(steps, min_hope(source))
    later_returns, earlier_returns = _returns(changed, of_later=True), _returns(changed)
    falls = ~is_first & is_dropped & ~earlier_returns
    first = pl.col("versions").list.first().struct
    is_first_settled = ~first.field("step").is_in(_behind_first_of(changed, steps))
    is_last = pl.col("extractor") == source.extractors[-1]
    unknown = (
        (is_first & is_dropped & pl.when(was_asked).then(later_returns).otherwise(may_be_asked))
        | (~is_first & earlier_returns)
        | (~is_first & ALIVE & pl.lit(_may_lose_hope(steps, changed)))
        | (falls & ~(is_first_settled & is_last))
    ).fill_null(False)  # what is no page has one text
    return rows.with_columns(
        *(
            pl.when(unknown).then(pl.lit(new)).when(falls).then(first.field(name)).otherwise(name).alias(name)
            for name, new in zip(DECISION, ("unknown", None, None, None), strict=True)
        ),
        pl.when(falls & ~unknown).then(first.field("bytes").fill_null(0)).alias("_left"),
    )


def reopened(ledger: pl.DataFrame, changed: Collection[str]) -> pl.DataFrame:
    """Rows of pages that no step took, as the first text is empty or a later one broke its extractor, of which another
    text was dropped by a step that changes."""
    return ledger.filter(pl.col("step").is_in(BEFORE_STEPS) & _returns(changed))


def _returns(changed: Collection[str], *, of_later: bool = False) -> pl.Expr:
    """Whether a text of the page, `of_later` extractors than the first, was dropped by a step that changes."""
    one = pl.element().struct
    was_dropped = (one.field("outcome") == "dropped") & one.field("step").is_in([*changed])
    versions = pl.col("versions").list.slice(1) if of_later else pl.col("versions")
    return versions.list.eval(was_dropped).list.any().fill_null(False)


def _may_lose_hope(steps: Sequence[BoundStep], changed: Collection[str]) -> bool:
    """Whether a step changes that gives up pages by what it measures on their first text."""
    hopes = [step.filter.hope for step in steps if step.name in changed]
    return any(hope is not None and hope.meta.root_names() for hope in hopes)


def _behind_first_of(changed: Collection[str], steps: Sequence[BoundStep]) -> list[str]:
    """The steps behind the first that changes."""
    names = [step.name for step in steps]
    places = [names.index(name) for name in changed]
    return names[min(places) + 1 :] if places else []
