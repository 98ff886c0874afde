"""Which records of a run are meant to be forgotten, and what became of them, as values: `curate forget`.

URLs, domains, ids, patterns ─▶ rows of the ledger ─▶ pipeline.forget ─▶ Forgotten
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from curate.errors import RunConflict, UsageError
from curate.pipeline.forget import forget_documents, is_begun
from curate.report.holdings import HOST
from curate.run_folder import RunFolder

if TYPE_CHECKING:
    from curate.engine.progress import Show


@dataclass(frozen=True, slots=True)
class Forgotten:
    """`records` of the ledger say nothing any more but that they were forgotten; `documents` of them were kept, and
    are in no table and no shard now. `went_on`: with what an interrupted call had begun."""

    records: int
    documents: int
    went_on: bool


def forgotten(
    run: RunFolder,
    *,
    urls: Sequence[str] = (),
    domains: Sequence[str] = (),
    ids: Sequence[str] = (),
    patterns: Sequence[str] = (),
    workers: int | None = None,
    show: Show | None = None,
) -> Forgotten:
    """What `Run.forget` does, which says what all of this means."""
    went_on = is_begun(run.store)
    if went_on and not (urls or domains or ids or patterns):
        gone = forget_documents(run, None, workers=workers, show=show)
        return Forgotten(gone.height, int((gone["outcome"] == "kept").sum()), went_on)
    if went_on:
        told = "other documents are being forgotten, and that is not done: the same call without a choice goes on"
        raise RunConflict(told)
    _check_complete(run)
    asked = run.ledger().filter(_is_meant(run, urls, domains, ids, patterns)).select("id", "outcome")
    try:
        rows = asked.sort("id").collect()
    except pl.exceptions.ComputeError as error:
        raise UsageError(f"a pattern is no regular expression: {str(error).splitlines()[0]}") from None
    if rows.is_empty():
        raise UsageError(f"{run.place} has read no record that is meant: {_asked(urls, domains, ids, patterns)}")
    forget_documents(run, rows, workers=workers, show=show)
    return Forgotten(rows.height, int((rows["outcome"] == "kept").sum()), went_on)


def _check_complete(run: RunFolder) -> None:
    """Raises what opening the manifest raises."""
    run.manifest.keys()


def _is_meant(
    run: RunFolder, urls: Sequence[str], domains: Sequence[str], ids: Sequence[str], patterns: Sequence[str]
) -> pl.Expr:
    url = pl.col("url").str.strip_chars("<>")
    host = url.str.extract(HOST).str.to_lowercase()
    names = [name for name in ("id", "original_id") if name in run.ledger().collect_schema()]
    choices = [
        url.is_in([each.strip("<>") for each in urls]),
        *(pl.col(name).is_in(list(ids)) for name in names),
        *(_in_domain(host, domain.lower().removeprefix("www.")) for domain in domains),
        *(url.str.contains(pattern) for pattern in patterns),
    ]
    return pl.any_horizontal(choice.fill_null(False) for choice in choices)


def _in_domain(host: pl.Expr, domain: str) -> pl.Expr:
    """Its own pages, and those of domains below it."""
    return (host == domain) | host.str.ends_with(f".{domain}")


def _asked(*choices: Sequence[str]) -> str:
    return ", ".join(each for choice in choices for each in choice) or "name a URL, a domain, an id or a pattern"
