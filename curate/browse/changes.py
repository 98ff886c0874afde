"""Documents that change sides: by thresholds that are moved, or between two runs.

changes ─▶ Retuner ─▶ rows that move: from side to side, how many, numbers of rows
other run ─▶ matched (what `curate compare` does) ─▶ moves with reasons, numbers of rows in either ledger
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from curate.browse.rules import MovableRule
from curate.browse.table import LedgerTable
from curate.errors import UsageError
from curate.report.compare import REASON, Matched, Move, matched, moves
from curate.report.html.histogram import Bins, bins_of
from curate.steps.retune import parse_change
from curate.steps.retuner import Retuner

REMEMBERED = 32
"""Moves of thresholds whose rows are kept."""
MAX_TIMES = 8
"""Values that are so many times the threshold are one to whoever moves it."""
GROUPS = (*REASON, *(f"{name}_then" for name in REASON))


@dataclass(frozen=True, slots=True)
class Shift:
    """Documents that go from one outcome to another, or to another step that drops them."""

    was: str
    then: str
    documents: int


class MovedThresholds:
    """Of one run, moved."""

    def __init__(self, table: LedgerTable) -> None:
        self._retuner = Retuner(table.run, table.offsets)
        self._lock = threading.Lock()
        self.moved = lru_cache(maxsize=REMEMBERED)(self._move)
        """By changes, as `curate retune --set` has them: what `Retuner.moved` gives."""

    def spread(self, rule: MovableRule) -> Bins | None:
        """Of the values that a threshold was compared with: of documents that passed its step, and of those that it
        took. None where they are no numbers, or nobody has any. What is read for it stays for the moves."""
        if isinstance(rule.value, str) or rule.signal is None:
            return None
        other = rule.value + 1 if isinstance(rule.value, int) else rule.value * 0.99 or 1e-6
        with self._lock:
            seen = [rows for rows in self._retuner.seen(parse_change(f"{rule.key}={other}")) if rule.signal in rows]
        if not seen or not seen[0].schema[rule.signal].is_numeric():
            return None
        values = pl.concat([rows.select(pl.col(rule.signal).cast(pl.Float64), "is_taken") for rows in seen])
        near = values[rule.signal].clip(upper_bound=MAX_TIMES * rule.value if rule.value > 0 else None)
        return bins_of(near, values["is_taken"], float(rule.value))

    def _move(self, changes: tuple[str, ...]) -> pl.DataFrame:
        with self._lock:  # the columns that are held are those of one question
            return self._retuner.moved([parse_change(change) for change in changes])

    def shifts(self, changes: tuple[str, ...]) -> list[Shift]:
        """The greatest first."""
        counts = self.moved(changes).group_by("old_outcome", "new_outcome").len()
        return [Shift(*row) for row in counts.sort("len", "old_outcome", "new_outcome", descending=True).iter_rows()]

    def by_step(self, changes: tuple[str, ...]) -> list[tuple[str | None, str | None, int]]:
        """Which step had taken documents, and which takes them then, None being none."""
        counts = self.moved(changes).group_by("old_step", "new_step").len()
        return list(counts.sort("len", "old_step", "new_step", descending=True, nulls_last=True).iter_rows())

    def rows(self, changes: tuple[str, ...], move: str) -> pl.DataFrame:
        """The rows of one shift, "kept>dropped", or all that move.

        Raises:
            UsageError: it is none.
        """
        moved = self.moved(changes)
        if not move:
            return moved
        was, sign, then = move.partition(">")
        if not sign:
            raise UsageError(f'a move is like kept>dropped, found "{move}"')
        return moved.filter(old_outcome=was, new_outcome=then)


class Comparing:
    """Two runs, whose documents are matched once."""

    def __init__(self, first: LedgerTable, second: LedgerTable) -> None:
        self.tables = (first, second)
        self.matched: Matched = matched(first.run, second.run)
        self.moves: tuple[Move, ...] = tuple(moves(self.matched.changed, 0))

    def rows(self, move: str, of: int) -> pl.DataFrame:
        """The documents of the move with this number, by their rows in the first ledger (of = 0) or in the second:
        number, and side, step, reason and value in both.

        Raises:
            UsageError: there is no such move.
        """
        if not (move.isdecimal() and int(move) < len(self.moves)):
            raise UsageError(f'there are {len(self.moves)} moves, counted from 0, found "{move}"')
        wanted = self.moves[int(move)]
        same = [pl.col(name).eq_missing(pl.lit(getattr(wanted, name), pl.String)) for name in GROUPS]
        rows = self.matched.changed.filter(*same).rename({"id" if of == 0 else "id_then": "_id"})
        numbers = self.tables[of].columns(["id"]).with_row_index("number").rename({"id": "_id"})
        return rows.join(numbers, on="_id", how="inner").select("number", *GROUPS, "value", "value_then").sort("number")


def changes_of(texts: Sequence[str]) -> tuple[str, ...]:
    """In one order, so that what is remembered is found."""
    return tuple(sorted(texts))
