"""The account of every record read: one row each, and counts that must close.

read == kept + dropped + quarantined, per source and per split, checked at every commit
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from curate.errors import CheckFailed

OUTCOMES = ("kept", "dropped", "quarantined")
ROW_GROUP = 65_536


def count_outcomes(ledger: pl.DataFrame) -> dict[str, Any]:
    """Counts of a ledger with the columns `outcome, step, reason, byte_count`, for the commit.

    `steps` counts what left by "step/reason"; bytes are those of extracted text, where there is any.
    """
    counts = dict.fromkeys(OUTCOMES, 0) | dict(ledger["outcome"].value_counts().iter_rows())
    left = ledger.filter(pl.col("outcome") != "kept")
    keys = pl.concat_str([pl.col("outcome"), pl.col("step"), pl.col("reason")], separator="/", ignore_nulls=False)
    grouped = left.group_by(keys.alias("key")).agg(pl.len().alias("documents"), pl.col("byte_count").sum())
    steps = {key: [documents, size or 0] for key, documents, size in grouped.sort("key").iter_rows()}
    kept = ledger.filter(pl.col("outcome") == "kept")["byte_count"].sum()
    return {
        "read": ledger.height,
        **counts,
        "kept_bytes": kept,
        "read_bytes": ledger["byte_count"].sum(),
        "steps": steps,
    }


def check_account(counts: Mapping[str, Any], place: str) -> None:
    """Nothing disappears.

    Raises:
        CheckFailed: the counts do not close.
    """
    total = sum(counts[name] for name in OUTCOMES)
    left = sum(documents for documents, _ in counts["steps"].values())
    if counts["read"] != total or left != counts["dropped"] + counts["quarantined"]:
        raise CheckFailed(f"the account of {place} does not close: {dict(counts)}")


def add_counts(total: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add the counts of one split to those of its source, in place."""
    for name, value in more.items():
        if name == "steps":
            steps = total.setdefault("steps", {})
            for key, (documents, size) in value.items():
                before = steps.setdefault(key, [0, 0])
                steps[key] = [before[0] + documents, before[1] + size]
        else:
            total[name] = total.get(name, 0) + value


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Parquet with fixed options: equal rows are equal bytes on every machine with these versions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path, compression="zstd", compression_level=3, statistics=True, row_group_size=ROW_GROUP)
