"""What becomes of the texts: personal data found in them, the mixture that is drawn, and what a token stands for.

manifest ─▶ findings by kind         mixture.json ─▶ requested │ drawn, epochs         documents/ ─▶ bytes per token
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curate.report.html.account import Account
from curate.report.html.markup import Content
from curate.report.html.section import PageSection, note, part
from curate.report.html.tables import Cell, Figure, Meter, count, size, table
from curate.report.tokens import source_tokens

MAX_KINDS = 200


def personal(account: Account) -> PageSection:
    """Findings in the documents that were kept."""
    rows: list[list[Cell]] = [
        [source, name.removeprefix("pii_").upper(), count(found)]
        for source, counts in account.manifest["counts"].items()
        for name, found in counts.get("pii", {}).items()
        if found
    ]
    scrub = account.recipe.scrub
    told = f"Found in documents that were kept; mode “{scrub.mode}”." if scrub else ""
    body = [note(told), table(("source", "kind", "found"), rows)] if scrub else None
    return PageSection("pii", "Personal data", body)


def mixture(account: Account) -> PageSection:
    rows: list[list[Cell]] = []
    for each in source_tokens(account.run):
        share = each.share
        rows.append(
            [
                each.source,
                count(each.documents),
                size(each.bytes),
                count(each.train),
                count(each.validation),
                Meter(f"{share.requested:.1%}", share.requested, share.requested) if share else "–",
                Meter(f"{share.drawn:.1%}", share.drawn, share.drawn) if share else "–",
                Figure(f"{share.epochs:.2f}", share.epochs) if share else "–",
            ]
        )
    heads = ("source", "documents", "text", "train", "validation", "requested", "drawn", "epochs")
    notes = [note(told) for told in account.run.mixture["mixture"]["notes"]]
    return PageSection("mixture", "Tokens and mixture", [table(heads, rows), notes, _fertility(account)])


def _fertility(account: Account) -> Content:
    """By source and language, from the counts beside every document; end-of-text counts as a token."""
    if not {"byte_count", "token_count"} <= account.documents.keys():
        return None
    rows = list(_costs(account))
    best = max((row[4] / max(row[3], 1) for row in rows), default=1.0)
    cells: list[list[Cell]] = [
        [source, language, count(documents), count(tokens), _meter(read / max(tokens, 1), best)]
        for source, language, documents, tokens, read in rows
    ]
    told = "More bytes to a token are better: a text is fewer tokens. The end of a text counts as a token."
    return part(
        "what a token stands for",
        note(told),
        table(("source", "language", "documents", "tokens", "bytes per token"), cells),
    )


def _meter(value: float, best: float) -> Meter:
    return Meter(f"{value:.2f}", value, value / best if best else 0.0)


def _costs(account: Account) -> Iterator[tuple[str, str, int, int, int]]:
    known = "language" in account.documents
    language = pl.col("language").fill_null("–") if known else pl.lit("–")
    counts = (
        account.run.documents()
        .group_by("source", language.alias("language"))
        .agg(
            pl.len().cast(pl.Int64),
            pl.col("token_count").sum().cast(pl.Int64),
            pl.col("byte_count").sum().cast(pl.Int64),
        )
    )
    order = {name: number for number, name in enumerate(account.sources)}
    rows = counts.sort("token_count", "language", descending=[True, False]).collect().head(MAX_KINDS)
    yield from sorted(rows.iter_rows(), key=lambda row: order.get(row[0], len(order)))
