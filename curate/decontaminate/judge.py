"""Which documents hold which evaluation items, and what becomes of them.

documents, Evaluation ─▶ matches ─▶ without those of many documents ─▶ judged: report, texts that are left
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curate.decontaminate.ngrams import Evaluation
from curate.decontaminate.overlap import common_grams, cut_around, match_ngrams
from curate.decontaminate.sampled import find_items
from curate.recipe import Decontaminate

ITEMS_A_DOCUMENT = 20
"""In the report; a document with a whole benchmark in it needs no more."""
EXCERPT = 200
REPORT = {
    "id": pl.String,
    "set": pl.String,
    "item": pl.String,
    "ngrams": pl.UInt32,
    "share": pl.Float64,
    "outcome": pl.String,
    "excerpt": pl.String,
}
LEFT = {"id": pl.String, "text": pl.String, "outcome": pl.String, "value": pl.String}


class Judged(NamedTuple):
    """`report`: a row a document and item: `ngrams` that both have (with "sampled": that the item has), `share` of the
    item's (with "sampled": the score), `outcome` ("cut" or "dropped") and `excerpt`, the first place of it in the text.
    `left`: a row a document: `text`, `outcome` and `value`, the item that it holds most of."""

    report: pl.DataFrame
    left: pl.DataFrame


def find_matches(documents: pl.DataFrame, evaluation: Evaluation, decontaminate: Decontaminate) -> pl.DataFrame:
    """Of documents (`id, text`): a row a shared n-gram (`id, gram, start, end`), with "sampled" a row an item
    (`id, row, score, start, end`)."""
    if decontaminate.method == "sampled":
        found = find_items(documents["text"], evaluation, decontaminate.sampled)
    else:
        found = match_ngrams(documents["text"], evaluation)
    ids = documents["id"].gather(found["document"])
    return found.select(ids.alias("id"), pl.exclude("document"))


def without_common(matches: pl.DataFrame, decontaminate: Decontaminate) -> pl.DataFrame:
    """Without the n-grams that too many documents have."""
    if decontaminate.method == "sampled" or matches.is_empty():
        return matches
    documents = matches["id"].rank("dense").cast(pl.Int64).to_numpy()
    common = common_grams(documents, matches["gram"].cast(pl.Int64).to_numpy(), decontaminate.ngrams.max_documents)
    return matches.filter(~pl.col("gram").cast(pl.Int64).is_in(common.to_list()))


def judge(
    documents: pl.DataFrame, matches: pl.DataFrame, evaluation: Evaluation, decontaminate: Decontaminate
) -> Judged:
    """Of the documents (`id, text`) that have matches."""
    is_sampled = decontaminate.method == "sampled"
    items = _items_found(matches, evaluation) if is_sampled else _items_of_ngrams(matches, evaluation)
    texts = dict(documents.select("id", "text").iter_rows())
    rows = []
    for id, starts, ends in matches.group_by("id", maintain_order=True).agg("start", "end").iter_rows():
        spans = list(zip(starts, ends, strict=True))
        rows.append({"id": id} | _outcome(texts[id], spans, decontaminate))
    told = pl.DataFrame(rows, schema=dict.fromkeys(("id", "text", "outcome"), pl.String))
    places = items.select("id", "start", "end").iter_rows()
    excerpts = [texts[id].encode()[start:end].decode()[:EXCERPT] for id, start, end in places]
    items = items.with_columns(pl.Series("excerpt", excerpts, dtype=pl.String))
    most = items.unique("id", keep="first", maintain_order=True)
    value = most.select("id", pl.format("{}: {}", "set", "item").alias("value"))
    report = items.join(told, on="id", maintain_order="left")
    return Judged(report.select(list(REPORT)), told.join(value, on="id", maintain_order="left").select(list(LEFT)))


def apply_changes(documents: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """Documents (`id, text` and others) without those that `changed`, rows of `Judged.left`, drops, and with the texts
    that it leaves."""
    dropped = changed.filter(pl.col("outcome") == "dropped")
    documents = documents.join(dropped, on="id", how="anti", maintain_order="left")
    texts = changed.select("id", pl.col("text").alias("_left"))
    documents = documents.join(texts, on="id", how="left", maintain_order="left")
    return documents.with_columns(pl.coalesce("_left", "text").alias("text")).drop("_left")


def _outcome(text: str, spans: list[tuple[int, int]], decontaminate: Decontaminate) -> dict[str, str]:
    if decontaminate.method == "sampled":
        return {"text": "", "outcome": "dropped"}
    pieces = cut_around(text, spans, decontaminate.ngrams)
    return {"text": pieces.text, "outcome": "dropped" if pieces.reason else "cut"}


def _items_of_ngrams(matches: pl.DataFrame, evaluation: Evaluation) -> pl.DataFrame:
    """By document and item the n-grams that both have."""
    sizes = np.diff(evaluation.bounds)
    grams = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    owners = pl.DataFrame({"gram": grams, "row": evaluation.members})
    pairs = matches.join(owners, on="gram")
    count = pl.col("gram").n_unique().cast(pl.UInt32).alias("ngrams")
    first = [pl.col(name).sort_by("start").first() for name in ("start", "end")]
    shared = pairs.group_by("id", "row").agg(count, *first)
    share = (pl.col("ngrams") / pl.col("all")).alias("share")
    return _most(shared.join(_items(evaluation, "all"), on="row").with_columns(share))


def _items_found(matches: pl.DataFrame, evaluation: Evaluation) -> pl.DataFrame:
    return _most(matches.join(_items(evaluation, "ngrams"), on="row").rename({"score": "share"}))


def _items(evaluation: Evaluation, name: str) -> pl.DataFrame:
    """`row`, `set`, `item` and, by this name, how many n-grams it has."""
    rows = pl.Series("row", range(evaluation.items.height), dtype=pl.Int32)
    return evaluation.items.select(rows, "set", "item", pl.col("ngrams").cast(pl.UInt32).alias(name))


def _most(told: pl.DataFrame) -> pl.DataFrame:
    """Of each document the items that it holds most of."""
    order = told.sort("id", "share", "set", "item", descending=[False, True, False, False])
    first = order.group_by("id", maintain_order=True).head(ITEMS_A_DOCUMENT)
    return first.select("id", "set", "item", "ngrams", "share", "start", "end")


def count_sets(report: pl.DataFrame, evaluation: Evaluation) -> dict[str, Any]:
    """By set: its items, those that are too short to be found, those that were, and in how many documents."""
    distinct = [pl.col("item").n_unique().alias("found"), pl.col("id").n_unique().alias("documents")]
    too_short = (pl.col("ngrams") == 0).sum().alias("too_short")
    sizes = evaluation.items.group_by("set").agg(pl.len().alias("items"), too_short)
    rows = sizes.join(report.group_by("set").agg(distinct), on="set", how="left")
    rows = rows.with_columns(pl.col("found", "documents").fill_null(0)).sort("set")
    sets = {row.pop("set"): row for row in rows.iter_rows(named=True)}
    outcomes = report.unique("id").group_by("outcome").len()
    return {"sets": sets, "cut": 0, "dropped": 0} | dict(outcomes.iter_rows())
