"""The account of every record read: one row each, and counts that must close.

read == kept + dropped + quarantined, per source and per split, checked at every commit
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
from polars.io.plugins import register_io_source

from curate.engine.sizes import Sizes, sizes
from curate.errors import CheckFailed

OUTCOMES = ("kept", "dropped", "quarantined")
ROW_GROUP = 65_536


def count_outcomes(ledger: pl.DataFrame, steps: Sequence[str]) -> dict[str, Any]:
    """Counts of a ledger of a source with these steps, for the commit.

    `steps` counts what left by "outcome/step/reason", `cut` by step what was cut out of documents that stayed, both in
    documents and bytes. Bytes are those of the text at that moment: `read_bytes` as extracted, `kept_bytes` as kept.
    """
    size = sizes(ledger.columns, steps)
    groups = _count_groups(ledger, size).rows(named=True)  # one for each reason: a few dozen
    kept = [group for group in groups if group["outcome"] == "kept"]
    left = sorted((group for group in groups if group["outcome"] != "kept"), key=_why)
    by_outcome = {name: sum(group["documents"] for group in groups if group["outcome"] == name) for name in OUTCOMES}
    return {
        "read": ledger.height,
        **by_outcome,
        "kept_bytes": sum(group["left"] for group in kept),
        "read_bytes": sum(group["came"] for group in groups),
        "steps": {"/".join(_why(group)): [group["documents"], group["left"]] for group in left},
        "cut": _sum_cuts(groups, size.cuts),
    }


def _why(group: Mapping[str, Any]) -> tuple[str, str, str]:
    return group["outcome"], group["step"], group["reason"]


def _count_groups(ledger: pl.DataFrame, size: Sizes) -> pl.DataFrame:
    """In one pass, of the rows with one outcome, step and reason: `documents`, and `came` and `left` in bytes; of each
    cut <number> how many documents it cut, `cut_<number>`, and `bytes_<number>`."""
    came, left = size.came.sum().alias("came"), size.left.sum().alias("left")
    cuts = [
        counted
        for number, cut in enumerate(size.cuts.values())
        for counted in (cut.count().alias(f"cut_{number}"), cut.sum().alias(f"bytes_{number}"))
    ]
    return ledger.group_by("outcome", "step", "reason").agg(pl.len().alias("documents"), came, left, *cuts)


def _sum_cuts(groups: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, list[int]]:
    """Documents and bytes by step; none that cut nothing."""
    sums = {
        name: [sum(group[f"{of}_{number}"] for group in groups) for of in ("cut", "bytes")]
        for number, name in enumerate(names)
    }
    return {name: [documents, size] for name, (documents, size) in sums.items() if documents}


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


def write_rows(frames: Iterator[pl.DataFrame], target: BinaryIO) -> None:
    """What `write_table` writes of these frames, one at least, as one, with a few of them in memory."""
    first = next(frames)

    def generate(*_: object) -> Iterator[pl.DataFrame]:
        yield first.rechunk()
        yield from (frame.rechunk() for frame in frames)

    # The engine by which a frame is written whole, too: it cuts row groups by itself, however the rows come.
    rows = register_io_source(generate, schema=first.schema)
    rows.sink_parquet(
        target, compression="zstd", compression_level=3, statistics=True, row_group_size=ROW_GROUP, engine="streaming"
    )
