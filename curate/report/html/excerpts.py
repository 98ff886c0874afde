"""The beginnings of documents that a page may show: of kept ones from documents/, of others from the run's inputs,
where one record can be read by itself; with personal data masked, whatever the run does with it.

ids ─▶ documents/*.parquet │ the input's record at the id's offset ─▶ masked by one scan ─▶ Excerpt each
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from curate.report.html.account import Account
from curate.report.personal import mask
from curate.report.records import read_again
from curate.steps.extract import extract_text, page_extractor

READ = "read"
SHOWN_CHARACTERS = 400
READ_CHARACTERS = 2_000
"""Of a text, masked before it is cut: so that no half of an address is left."""
MAX_READ_AGAIN = 90
"""Records of a source that are read from its inputs once more."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`text` is None where the document was not kept and its input does not give one record by itself."""

    url: str | None
    text: str | None


def read_excerpts(account: Account, ids: Iterable[str]) -> dict[str, Excerpt]:
    """What may be shown of some documents, by id."""
    wanted: dict[str, list[str]] = {}
    for id in dict.fromkeys(ids):
        wanted.setdefault(id.partition("/")[0], []).append(id)
    rows = [row for source, some in wanted.items() for row in _rows(account, source, some)]
    urls = masked(account, [url for _, url, _ in rows])
    texts = masked(account, [text for _, _, text in rows])
    return {
        id: Excerpt(url, _cut(text) if text is not None else None)
        for (id, _, _), url, text in zip(rows, urls, texts, strict=True)
    }


def _rows(account: Account, source: str, ids: list[str]) -> Iterator[tuple[str, str | None, str | None]]:
    """Id, URL and the beginning of the text, as they are."""
    known = account.run.ledger(source).filter(pl.col("id").is_in(ids)).select("id", "url", "outcome", "step").collect()
    is_page = pl.col("step").is_null() | (pl.col("step") != READ)  # of what the reader turned away nobody made a text
    outcomes = dict(known.filter(is_page).select("id", "outcome").iter_rows())
    texts = _kept_texts(account, source, [id for id in ids if outcomes.get(id) == "kept"])
    texts |= _texts_again(account, source, [id for id in ids if outcomes.get(id) == "dropped"][:MAX_READ_AGAIN])
    urls = dict(known.select("id", "url").iter_rows())
    return ((id, urls.get(id), texts.get(id)) for id in ids)


def _kept_texts(account: Account, source: str, ids: list[str]) -> dict[str, str]:
    if not ids or "text" not in account.documents:
        return {}
    found = account.run.documents(source).filter(pl.col("id").is_in(ids))
    return dict(found.select("id", pl.col("text").str.head(READ_CHARACTERS)).collect().iter_rows())


def _texts_again(account: Account, source: str, ids: list[str]) -> dict[str, str]:
    """Of records that were not kept."""
    if not ids:
        return {}
    asked = account.recipe.source(source)
    extract = page_extractor(asked, account.recipe)
    texts: dict[str, str] = {}
    for record in read_again(account.plan.of(source), account.recipe, asked, ids):
        text = extract_text(record, extract).get("text")
        texts |= {record.id: text[:READ_CHARACTERS]} if isinstance(text, str) else {}
    return texts


def masked(account: Account, texts: Sequence[str | None]) -> list[str | None]:
    return mask(texts, account.recipe)


def _cut(text: str) -> str:
    shown = text[:SHOWN_CHARACTERS].rstrip()
    return f"{shown} …" if len(text) > len(shown) else shown
