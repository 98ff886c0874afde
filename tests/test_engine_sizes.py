"""The sizes of texts in a ledger: what came, what left and what was cut close, for any way a document can take."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.engine.ledger import check_account, count_outcomes
from curate.engine.sizes import AFTER, BEFORE, LATER, sizes

STEPS = ("c4", "gopher", "trim")
CHANGING = ("c4", "trim")
"""Steps that change texts: the ledger has what was measured before each."""
WAYS = (*STEPS, "sign", *LATER, "encode")


@dataclass(frozen=True)
class Way:
    """A document's: how large its text came and what each changing step and stage leaves of it; `left_at` is where it
    leaves, None if it stays."""

    came: int
    changes: tuple[int | None, ...]
    left_at: str | None
    outcome: str = "kept"


@st.composite
def ways(draw: st.DrawFn) -> Way:
    came = draw(st.integers(0, 1000))
    changes = tuple(draw(st.none() | st.integers(0, 1000)) for _ in (*CHANGING, *LATER))
    left_at = draw(st.none() | st.sampled_from(WAYS))
    outcome = "kept" if left_at is None else draw(st.sampled_from(["dropped", "quarantined"]))
    return Way(came, changes, left_at, outcome)


def walked(way: Way) -> tuple[dict[str, object], int, dict[str, int]]:
    """The document's row, its size when it left, and what was cut by what it has passed."""
    row: dict[str, object] = {"outcome": way.outcome, "step": way.left_at, "reason": way.left_at}
    size, cuts = way.came, dict[str, int]()
    left = way.came if way.left_at is None else None
    changes = dict(zip((*CHANGING, *LATER), way.changes, strict=True))
    for name in WAYS:
        if name == way.left_at:
            left = size
        changed = changes.get(name)
        if changed is None:
            continue
        if name in CHANGING:
            row[f"{BEFORE}{name}"] = {"byte_count": size}  # measured on all that it changes, also on those it drops
        else:
            row[f"{AFTER}{name}"] = changed
        if left is None and changed != size:
            cuts[name] = size - changed
        if way.left_at is None and changed != size:
            cuts[name] = size - changed
        size = changed
        if name == CHANGING[-1] or name in STEPS:
            row["byte_count"] = size
    row.setdefault("byte_count", way.came)
    return row, size if way.left_at is None else (left if left is not None else size), cuts


SCHEMA = {
    **dict.fromkeys(("outcome", "step", "reason"), pl.String),
    **{f"{BEFORE}{name}": pl.Struct({"byte_count": pl.UInt32}) for name in CHANGING},
    "byte_count": pl.UInt32,
    **{f"{AFTER}{name}": pl.Int64 for name in LATER},
}


def ledger_of(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA)


@settings(deadline=None, max_examples=150)
@given(st.lists(ways(), min_size=1, max_size=6))
def test_what_came_is_what_left_and_what_was_cut_on_the_way(documents: list[Way]) -> None:
    told = [walked(way) for way in documents]
    size = sizes(list(SCHEMA), STEPS)
    found = ledger_of([row for row, _, _ in told]).select(
        size.came.alias("came"), size.left.alias("left"), *(cut.alias(f"cut_{name}") for name, cut in size.cuts.items())
    )
    for way, (_, left, cuts), row in zip(documents, told, found.iter_rows(named=True), strict=True):
        assert row["came"] == way.came
        assert row["left"] == left
        assert {name: row[f"cut_{name}"] for name in size.cuts if row[f"cut_{name}"] is not None} == cuts


@settings(deadline=None, max_examples=100)
@given(st.lists(ways(), max_size=8))
def test_the_account_of_any_ledger_closes(documents: list[Way]) -> None:
    counts = count_outcomes(ledger_of([walked(way)[0] for way in documents]), STEPS)
    check_account(counts, "here")
    assert counts["read"] == len(documents)
    assert counts["read_bytes"] == sum(way.came for way in documents)
    for outcome in ("kept", "dropped", "quarantined"):
        assert counts[outcome] == sum(way.outcome == outcome for way in documents)


def test_a_source_whose_steps_change_nothing_has_one_size() -> None:
    ledger = pl.DataFrame({"outcome": ["kept", "dropped"], "step": [None, "gopher"], "byte_count": [10, 20]})
    size = sizes(ledger.columns, ("gopher",))
    assert not size.cuts
    assert ledger.select(size.came.alias("came"), size.left.alias("left")).rows() == [(10, 10), (20, 20)]
