"""The account of every record read: one row each, and counts that must close.

read == kept + dropped + quarantined, per source and per split, checked at every commit
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from curate.engine.sizes import sizes
from curate.errors import CheckFailed

OUTCOMES = ("kept", "dropped", "quarantined")
ROW_GROUP = 65_536


def count_outcomes(ledger: pl.DataFrame, steps: Sequence[str]) -> dict[str, Any]:
    """Counts of a ledger of a source with these steps, for the commit.

    `steps` counts what left by "outcome/step/reason", `cut` by step what was cut out of documents that stayed, both in
    documents and bytes. Bytes are those of the text at that moment: `read_bytes` as extracted, `kept_bytes` as kept.
    """
    size = sizes(ledger.columns, steps)
    ledger = ledger.with_columns(size.came.alias("_came"), size.left.alias("_left"))
    counts = dict.fromkeys(OUTCOMES, 0) | dict(ledger["outcome"].value_counts().iter_rows())
    left = ledger.filter(pl.col("outcome") != "kept")
    keys = pl.concat_str([pl.col("outcome"), pl.col("step"), pl.col("reason")], separator="/", ignore_nulls=False)
    grouped = left.group_by(keys.alias("key")).agg(pl.len().alias("documents"), pl.col("_left").sum())
    left_by = {key: [documents, lost or 0] for key, documents, lost in grouped.sort("key").iter_rows()}
    return {
        "read": ledger.height,
        **counts,
        "kept_bytes": ledger.filter(pl.col("outcome") == "kept")["_left"].sum(),
        "read_bytes": ledger["_came"].sum(),
        "steps": left_by,
        "cut": _count_cuts(ledger, size.cuts),
    }


def _count_cuts(ledger: pl.DataFrame, cuts: Mapping[str, pl.Expr]) -> dict[str, list[int]]:
    """Documents and bytes by step; none that cut nothing."""
    found = {name: ledger.select(cut.alias("cut"))["cut"].drop_nulls() for name, cut in cuts.items()}
    return {name: [len(cut), int(cut.sum())] for name, cut in found.items() if len(cut)}


def check_account(counts: Mapping[str, Any], place: str) -> None:
    """Nothing disappears.

    Raises:
        CheckFailed: the counts do not close.
    """
    total = sum(counts[name] for name in OUTCOMES)
    left = sum(documents for documents, _ in counts["steps"].values())
    if counts["read"] != total or left != counts["dropped"] + counts["quarantined"]:
        raise CheckFailed(f"the account of {place} does not close: {dict(counts)}")
    gone = sum(size for group in ("steps", "cut") for _, size in counts[group].values())
    if counts["read_bytes"] != counts["kept_bytes"] + gone:
        raise CheckFailed(f"the account of bytes of {place} does not close: {dict(counts)}")


def add_counts(total: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add the counts of one split to those of its source, in place."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            group = total.setdefault(name, {})
            for key, (documents, size) in value.items():
                before = group.setdefault(key, [0, 0])
                group[key] = [before[0] + documents, before[1] + size]
        else:
            total[name] = total.get(name, 0) + value


def write_table(frame: pl.DataFrame, target: Path | BinaryIO) -> None:
    """Parquet with fixed options: equal rows are equal bytes on every machine with these versions."""
    if isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)
    whole = frame.rechunk()  # the writer sees of how many chunks a frame consists, and rows come in any number of them
    whole.write_parquet(target, compression="zstd", compression_level=3, statistics=True, row_group_size=ROW_GROUP)
