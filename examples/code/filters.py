"""Which source files somebody wrote for others to read."""

import polars as pl

import curate


@curate.filter(batch=True)
def written_by_hand(batch: pl.DataFrame, markers: tuple[str, ...] = ("@generated",)) -> pl.Series:
    """True keeps what lies in no folder of tests and has none of the markers of a generator in its text."""
    is_test = batch["id"].str.contains(r"/tests?/")
    is_generated = batch["text"].str.contains_any(list(markers))
    return ~(is_test | is_generated)
