"""What `filter` and `dedup` leave of the documents of one split: no copies, and texts without the parts that are cut.

documents of `filter` ─▶ without copies ─▶ parts cut ─▶ too few words left? ─▶ contaminated? ─▶ documents │ gone
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from curate.batch import HAS_TEXT
from curate.decontaminate.judge import LEFT, apply_changes
from curate.dedup.cuts import Cuts, cut_texts
from curate.dedup.exact import EXACT
from curate.dedup.find import KNOWN
from curate.dedup.methods import cuts_texts, document_methods
from curate.engine.records import intact
from curate.engine.sizes import AFTER
from curate.engine.store import Store
from curate.pipeline.dedup import cuts_among, rows_among, verdicts_among
from curate.recipe import Recipe
from curate.recipe_dedup import Dedup
from curate.run_files import BROKEN_TEXTS, CHANGED_TEXTS, CUTS, DUPLICATES

TOLD = dict.fromkeys(("id", "step", "reason", "value"), pl.String)


class Left(NamedTuple):
    """`documents`: those that stay, in their order, with `cluster_size` (how many each stands for, itself among them)
    and, where the recipe cuts texts, `cut_bytes`. `gone`: id, and outcome, step, reason and value for the ledger.
    `changed`: id, and after_dedup or after_decontaminate, the bytes of a text that was changed and went on."""

    documents: pl.DataFrame
    gone: pl.DataFrame
    changed: tuple[pl.DataFrame, ...] = ()


def what_is_left(store: Store, recipe: Recipe, documents: pl.DataFrame, *, decontaminated: bool = True) -> Left:
    """Of documents as `filter` wrote them, with the columns `id, text` and any others; `decontaminated` asks for
    them as they are after that, too."""
    left = _deduplicated(store, recipe, documents)
    return _decontaminated(store, left) if decontaminated and recipe.decontaminate else left


def _deduplicated(store: Store, recipe: Recipe, documents: pl.DataFrame) -> Left:
    if recipe.dedup is not None:  # looked at here, since what follows reads row groups of them and not the whole
        intact(store, "dedup", "all", DUPLICATES)
        intact(store, "dedup", "all", CUTS)
    verdicts = verdicts_among(store, documents["id"])
    sizes = verdicts.select("id", pl.col("size").alias("cluster_size"))
    documents = documents.join(sizes, on="id", how="left", maintain_order="left")
    documents = documents.with_columns(pl.col("cluster_size").fill_null(1))  # a document without a row stands alone
    copies = verdicts.filter(pl.col("duplicate_of").is_not_null())
    documents = documents.join(copies, on="id", how="anti", maintain_order="left")
    gone = as_gone(_copies(copies, recipe.dedup), "dropped")
    if recipe.dedup is None or not cuts_texts(recipe.dedup):
        return Left(documents, gone)
    documents, emptied = cut_documents(documents, cuts_among(store, documents["id"]), recipe.dedup.min_words_left)
    gone = pl.concat([gone, as_gone(emptied, "dropped")])
    return Left(documents, gone, (_sizes(documents.filter(pl.col("cut_bytes") > 0), "dedup"),))


def _decontaminated(store: Store, left: Left) -> Left:
    """Documents that hold evaluation items are gone, or have the text that was left of them."""
    for name in (CHANGED_TEXTS, BROKEN_TEXTS):
        intact(store, "contamination", "all", name)
    changed = rows_among(store, CHANGED_TEXTS, left.documents["id"], LEFT)
    outcome = pl.when(_has_text()).then("outcome").otherwise(pl.lit("dropped")).alias("outcome")
    changed = changed.with_columns(outcome)  # a text of which nothing was left is no document
    dropped = changed.filter(pl.col("outcome") == "dropped")
    gone = dropped.select("id", pl.lit("decontaminate").alias("step"), pl.lit("contaminated").alias("reason"), "value")
    broken = rows_among(store, BROKEN_TEXTS, left.documents["id"], TOLD)
    documents = apply_changes(left.documents.join(broken, on="id", how="anti", maintain_order="left"), changed)
    sizes = _sizes(documents.join(changed, on="id", how="semi", maintain_order="left"), "decontaminate")
    gone = pl.concat([left.gone, as_gone(gone, "dropped"), as_gone(broken)])
    return Left(documents, gone, (*left.changed, sizes))


def as_gone(rows: pl.DataFrame, outcome: str = "quarantined") -> pl.DataFrame:
    """Rows of `Left.gone` from id, step, reason and value."""
    return rows.select("id", pl.lit(outcome).alias("outcome"), "step", "reason", "value")


def _sizes(documents: pl.DataFrame, stage: str) -> pl.DataFrame:
    return documents.select("id", pl.col("text").str.len_bytes().cast(pl.Int64).alias(f"{AFTER}{stage}"))


def _copies(copies: pl.DataFrame, dedup: Dedup | None) -> pl.DataFrame:
    methods = document_methods(dedup) if dedup else ()
    is_equal = pl.col("similarity").fill_null(0) >= 1.0
    is_text = pl.col("method").is_in([method.name for method in methods if method.is_of_text])
    reasons = {method.name: method.reason for method in methods} | {KNOWN: KNOWN}
    by_method = pl.col("method").replace_strict(reasons, return_dtype=pl.String)
    # A similarity of 1 between n-grams may still hide another order: only methods of the text itself can say "exact".
    reason = pl.when(is_equal & is_text).then(pl.lit(EXACT.reason)).otherwise(by_method)
    return copies.select(
        "id", pl.lit("dedup").alias("step"), reason.alias("reason"), pl.col("duplicate_of").alias("value")
    )


def cut_documents(
    documents: pl.DataFrame, cuts: pl.DataFrame, min_words_left: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Documents without the parts of their `text` that `cuts` (`id, start, end, method`) names, with `cut_bytes`; and
    those that were cut and have too few words left, which are not among them: id, step, reason and value."""
    places = documents.select("id").with_row_index("document")
    rows = cuts.join(places, on="id", how="inner", maintain_order="left").sort("document", "start")
    columns = (rows[name].cast(pl.Int64).to_numpy() for name in ("document", "start", "end"))
    zeros = np.zeros(rows.height, dtype=np.int64)
    parts = Cuts._make([*columns, zeros.astype(np.int8), zeros])  # which method cut, and who holds it, is not asked
    text = cut_texts(documents["text"], parts, np.arange(documents.height)).str.strip_chars()
    size = (pl.col("end") - pl.col("start")).sum().alias("cut_bytes")
    sizes = rows.group_by("id").agg(size, pl.col("method").first().alias("_method"))
    documents = documents.join(sizes, on="id", how="left", maintain_order="left")
    is_cut = pl.col("cut_bytes").is_not_null()
    documents = documents.with_columns(pl.when(is_cut).then(text).otherwise("text").alias("text"))
    is_gone = is_cut & ((_words(pl.col("text")) < min_words_left) | ~_has_text())
    value = pl.format("{}: {} bytes", "_method", "cut_bytes").alias("value")
    reason = pl.lit("too_short_after_cuts").alias("reason")
    emptied = documents.filter(is_gone).select("id", pl.lit("dedup").alias("step"), reason, value)
    return documents.filter(~is_gone).drop("_method").with_columns(pl.col("cut_bytes").fill_null(0)), emptied


def _has_text() -> pl.Expr:
    return pl.col("text").fill_null("").str.contains(HAS_TEXT)


def _words(text: pl.Expr) -> pl.Expr:
    """Runs between white space."""
    return text.str.count_matches(r"\S+")
