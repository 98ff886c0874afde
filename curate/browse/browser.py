"""One finished run, or two, open in memory: tables, and what was found in them, so that a next page is looked up.

Query, Scope ─▶ rows (remembered)      words ─▶ TextSearch (goes on)      changes ─▶ MovedThresholds │ Comparing
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import polars as pl

from curate.browse.changes import Comparing, MovedThresholds
from curate.browse.query import SEARCHED, Query, found_rows
from curate.browse.rules import movable_rules
from curate.browse.table import LedgerTable
from curate.browse.texts import TextSearch
from curate.run_folder import RunFolder

ROW = ("id", "url", "source", "outcome", "step", "reason", "value", "language", "page_type", "word_count", "byte_count")
"""Columns of a row on a page, as far as a ledger has them."""
REMEMBERED = 24
"""Queries whose rows are kept."""
SEARCHES = 4
"""Searches in texts that can be gone on with."""


class Scope(NamedTuple):
    """Which documents a question is about: all of a run (0, or 1 for the second), those that move to another side if
    thresholds are changed ("kept>dropped", or all of them: ""), or those of a numbered move between the runs."""

    of: int = 0
    changes: tuple[str, ...] = ()
    move: str = ""

    @property
    def is_whole(self) -> bool:
        return not (self.changes or self.move)


class Browser:
    """It only reads, and several threads may ask it."""

    def __init__(self, run: RunFolder, other: RunFolder | None = None) -> None:
        """
        Raises:
            UsageError: a run is not complete.
        """
        runs = [each for each in (run, other) if each is not None]
        self.names = [str(each.manifest["name"]) for each in runs]
        self.tables = [LedgerTable(each) for each in runs]
        self.rules = movable_rules(run.recipe)
        self.found = lru_cache(maxsize=REMEMBERED)(self._found)
        """The numbers of the rows that a query finds in a scope."""
        self.text_search = lru_cache(maxsize=SEARCHES)(self._text_search)
        """A search for words in the texts of what a query finds in a scope."""
        self.thresholds = lru_cache(maxsize=1)(lambda: MovedThresholds(self.tables[0]))
        self.comparing = lru_cache(maxsize=1)(lambda: Comparing(self.tables[0], self.tables[1]))
        for table in self.tables:
            table.columns(name for name in (*ROW, *SEARCHED) if table.has(name))

    def moved(self, scope: Scope) -> pl.DataFrame:
        """The rows of a scope that is not whole, with what becomes of them.

        Raises:
            UsageError: there is no such change or move.
        """
        if scope.changes:
            return self.thresholds().rows(scope.changes, scope.move)
        return self.comparing().rows(scope.move, scope.of)

    def _found(self, query: Query, scope: Scope) -> pl.Series:
        among = None if scope.is_whole else self.moved(scope)["number"]
        return found_rows(self.tables[scope.of], query, among)

    def _text_search(self, words: tuple[str, ...], query: Query, scope: Scope) -> TextSearch:
        return TextSearch(self.tables[scope.of], words, self.found(query, scope))
