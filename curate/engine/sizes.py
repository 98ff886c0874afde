"""How many bytes of text each row of a ledger had when it came, when it left, and what was cut out of it in between.

before_<step> (signals before a step changed the text), byte_count, after_<stage> (bytes after a later stage did)
    ─▶ the sizes one after the other ─▶ came │ left with │ cut by each, of what stayed
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

BEFORE, AFTER = "before_", "after_"
LATER = ("dedup", "decontaminate", "scrub")
"""The stages after the steps that can change a text, in their order."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Expressions over the rows of a ledger. `came` and `left` close with the `cuts`, which are null where there is
    none: came = left + cuts. A cut may be negative: a step may write more than it found."""

    came: pl.Expr
    left: pl.Expr
    cuts: Mapping[str, pl.Expr]


def sizes(columns: Collection[str], steps: Sequence[str]) -> Sizes:
    """For a ledger with these columns, of a source with these steps. What takes a document takes its text as it came to
    it; what later steps would have cut counts for nothing."""
    order = (*steps, "sign", *LATER, "encode")  # every name under which a document can leave
    places = {name: number for number, name in enumerate(order)}
    place = pl.col("step").replace_strict(places, default=-1, return_dtype=pl.Int32)
    # What stays is past all of them; what left before the first step, in reading, has the place -1.
    place = pl.when(pl.col("outcome") == "kept").then(len(order)).otherwise(place)
    changed = [name for name in steps if f"{BEFORE}{name}" in columns]
    came = left = size = _size_before(changed)
    cuts = {}
    for number, name in enumerate(changed):
        # The ledger has sizes before steps alone: after one is before the next that changes something.
        after, is_past = _size_before(changed[number + 1 :]), place > places[name]
        cuts[name], left = _cut(size, after, is_past), pl.when(is_past).then(after).otherwise(left)
        size = after
    for name in LATER:
        if f"{AFTER}{name}" in columns:
            after, is_past = pl.coalesce(f"{AFTER}{name}", size), place > places[name]
            cuts[name], left = _cut(size, after, is_past), pl.when(is_past).then(after).otherwise(left)
            size = after
    return Sizes(came, left, cuts)


def _size_before(changed: Sequence[str]) -> pl.Expr:
    """Of the text that came to the first of these steps."""
    before = [pl.col(f"{BEFORE}{name}").struct.field("byte_count").cast(pl.Int64) for name in changed]
    return pl.coalesce(*before, pl.col("byte_count").cast(pl.Int64))


def _cut(size: pl.Expr, after: pl.Expr, is_past: pl.Expr) -> pl.Expr:
    return pl.when(is_past & (size != after)).then(size - after)
