"""What the documents are, before the steps and after them: languages, lengths, hosts, kinds of pages.

ledger (all that had a text) ─▶ counted by column, came in │ kept ─▶ tables and a histogram
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curate.report.html.account import Account
from curate.report.html.charts import histogram
from curate.report.html.excerpts import masked
from curate.report.html.histogram import Bins, bins_of
from curate.report.html.markup import Content
from curate.report.html.section import PageSection, note, part
from curate.report.html.tables import Meter, bytes_of, count, share, table
from curate.steps.columns import BEFORE_STEPS

MAX_HOSTS = 50
MAX_LANGUAGES = 100
MAX_LENGTHS = 2_000_000
HOST = r"^<?\w+://(?:[^/@?#]*@)?(?:www\.)?([^/:?#>]+)"
HAD_TEXT = ~pl.col("step").is_in([*BEFORE_STEPS]).fill_null(False)
IS_KEPT = pl.col("outcome") == "kept"


def corpus(account: Account) -> PageSection:
    parts = [_languages(account), _lengths(account), _page_types(account), _hosts(account)]
    return PageSection("corpus", "What the documents are", [each for each in parts if each])


def _languages(account: Account) -> Content:
    if "language" not in account.ledger:
        return None
    rows = list(_counted(account, pl.col("language").fill_null("unknown"), MAX_LANGUAGES))
    return part(
        "languages",
        _sides(account, "language", rows),
        note("Known where a step or a table says it. Tokens by language are below, with what a token stands for."),
    )


def _page_types(account: Account) -> Content:
    if "page_type" not in account.ledger:
        return None
    known = pl.col("page_type")
    rows = [row for row in _counted(account, known, MAX_HOSTS) if row[0] is not None]
    return part("kinds of pages", _sides(account, "kind", rows)) if rows else None


def _hosts(account: Account) -> Content:
    """Before and after: those that were most frequent, and those that are."""
    rows = [row for row in _counted(account, pl.col("url").str.extract(HOST).str.to_lowercase(), MAX_HOSTS) if row[0]]
    told = f"The {len(rows):,} hosts with most documents, before or after."
    return part("domains", _sides(account, "host", rows), note(told)) if rows else None


Counted = tuple[str | None, int, int, int]
"""A value, documents that came in with a text, documents kept, bytes kept."""


def _counted(account: Account, value: pl.Expr, most: int) -> Iterator[Counted]:
    """The most frequent before, and the most frequent after."""
    size = pl.when(IS_KEPT).then("byte_count").otherwise(0).sum().cast(pl.Int64)
    counts = (
        account.run.ledger()
        .filter(HAD_TEXT)
        .group_by(value.alias("value"))
        .agg(pl.len().cast(pl.Int64).alias("before"), IS_KEPT.sum().cast(pl.Int64).alias("after"), size.alias("bytes"))
        .collect()
    )
    orders = [["before", "after"], ["after", "before"]]
    tops = [counts.sort([*order, "value"], descending=[True, True, False]).head(most) for order in orders]
    yield from pl.concat(tops).unique("value").sort("before", "value", descending=[True, False]).iter_rows()


def _sides(account: Account, name: str, rows: list[Counted]) -> Content:
    most = max((row[1] for row in rows), default=1)
    cells = [
        (
            value or "unknown",
            Meter(f"{before:,}", before, before / most),
            Meter(f"{after:,}", after, after / most),
            share(after, before),
            Meter(bytes_of(size), size, size / max(1, *(row[3] for row in rows))),
        )
        for value, (_, before, after, size) in zip(masked(account, [row[0] for row in rows]), rows, strict=True)
    ]
    return table((name, "came in", "kept", "of them kept", "text kept"), cells)


def _lengths(account: Account) -> Content:
    """Words of a document, by source."""
    if "word_count" not in account.ledger:
        return None
    columns = account.run.ledger().filter(HAD_TEXT).select("source", "word_count", IS_KEPT.alias("kept"))
    rows = columns.head(MAX_LENGTHS).collect()
    drawn = []
    cells = []
    for source in account.sources:
        some = rows.filter(source=source).drop_nulls("word_count")
        bins = bins_of(some["word_count"], ~some["kept"])
        if bins is None:
            continue
        drawn.append(_drawn(source, bins))
        kept = some.filter("kept")["word_count"]
        middle = [int(each.quantile(0.5) or 0) if len(each) else 0 for each in (some["word_count"], kept)]
        cells.append((source, count(some.height), count(len(kept)), count(middle[0]), count(middle[1])))
    heads = ("source", "documents", "kept", "median words before", "median words after")
    return part("lengths in words", drawn, table(heads, cells)) if drawn else None


def _drawn(source: str, bins: Bins) -> Content:
    return histogram(bins, about=f"words of a document of {source}", unit="words", names=("kept", "not kept"))
