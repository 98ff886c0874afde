"""What the page asks for, by name, as values that JSON can say: each question is one function of a browser.

name, parameters ─▶ Browser ─▶ rows, counts, one document, what a threshold moves ─▶ dict, every text as it may be shown
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import polars as pl

from curate.browse.changes import Comparing, MovedThresholds, changes_of
from curate.browse.counts import counts_of
from curate.browse.document import blocks_of, document_text
from curate.browse.query import SEARCHED, Parameters, Query, found_rows, parse_query
from curate.browse.rules import movable_rules
from curate.browse.table import LedgerTable, is_signal
from curate.browse.texts import TextSearch
from curate.errors import UsageError
from curate.finite import finite
from curate.printable import printable
from curate.report.why import story_of
from curate.run_folder import RunFolder

ROW = ("id", "url", "source", "outcome", "step", "reason", "value", "language", "page_type", "word_count", "byte_count")
"""Columns of a row on a page, as far as a ledger has them."""
PAGE = 50
MAX_PAGE = 500
REMEMBERED = 24
"""Queries whose rows are kept, so that the next page is only looked up."""
SEARCHES = 4
"""Searches in texts that can be gone on with."""
OTHER = {"0": 0, "1": 1}


class Key(str):
    """A text that the page sends back, and never shows."""

    __slots__ = ()


class Browser:
    """One finished run, or two, open in memory; it only reads, and every answer may be asked for by several threads."""

    def __init__(self, run: RunFolder, other: RunFolder | None = None) -> None:
        """
        Raises:
            UsageError: a run is not complete.
        """
        self.manifests = [each.manifest for each in (run, other) if each is not None]
        self.tables = [LedgerTable(each) for each in (run, other) if each is not None]
        self.rules = movable_rules(run.recipe)
        self._found = lru_cache(maxsize=REMEMBERED)(self._find)
        self._searches = lru_cache(maxsize=SEARCHES)(self._search)
        self._thresholds = lru_cache(maxsize=1)(lambda: MovedThresholds(self.tables[0]))
        self._comparing = lru_cache(maxsize=1)(lambda: Comparing(self.tables[0], self.tables[1]))
        for table in self.tables:
            table.columns(name for name in (*ROW, *SEARCHED) if table.has(name))

    def answer(self, name: str, parameters: Parameters) -> dict[str, Any]:
        """
        Raises:
            UsageError: there is no such question, or a parameter of it cannot be.
        """
        if name not in ANSWERS:
            raise UsageError(f'there is nothing called "{name}" here')
        answered: dict[str, Any] = shown(finite(ANSWERS[name](self, parameters)))
        return answered

    def _find(self, query: Query, of: int, among: tuple[tuple[str, ...], str] | None) -> pl.Series:
        rows = self._moved(of, *among)["number"] if among is not None else None
        return found_rows(self.tables[of], query, rows)

    def _search(
        self, words: tuple[str, ...], query: Query, of: int, among: tuple[tuple[str, ...], str] | None
    ) -> TextSearch:
        return TextSearch(self.tables[of], words, self._found(query, of, among))

    def _moved(self, of: int, changes: tuple[str, ...], move: str) -> pl.DataFrame:
        """Rows that change sides, by thresholds or between the runs."""
        return self._thresholds().rows(changes, move) if changes else self._comparing().rows(move, of)


def run_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """What the page shows before anything is asked for."""
    table = browser.tables[0]
    names = [name for name in table.signals if is_signal(name)]
    return {
        "name": browser.manifests[0]["name"],
        "other": browser.manifests[1]["name"] if len(browser.manifests) > 1 else None,
        "records": table.height,
        "documents": len(browser._found(Query(), 0, None)),
        "signals": [{"name": Key(name), "shown": name} for name in names],
        "rules": [asdict(rule) | {"key": Key(rule.key)} for rule in browser.rules],
        "facets": _facets(browser, Query(), 0, None),
    }


def facets_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """How many of the documents that are found have which value."""
    of, among = _among(parameters, browser)
    query = parse_query(parameters, browser.tables[of])
    return {"facets": _facets(browser, query, of, among)}


def documents_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """A page of the documents that are found, and how many there are."""
    of, among = _among(parameters, browser)
    query = parse_query(parameters, browser.tables[of])
    found = browser._found(query, of, among)
    offset, limit = _number(parameters, "offset", 0), min(_number(parameters, "limit", PAGE), MAX_PAGE)
    rows = _rows(browser, of, found.slice(offset, limit), query)
    if among is not None:
        rows = _with_change(rows, browser._moved(of, *among))
    return {"total": len(found), "offset": offset, "documents": rows}


def texts_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """Some of the kept documents whose texts hold some words: the same question goes on with the search, until it
    `is_over` or the page is full."""
    of, among = _among(parameters, browser)
    words = tuple(parameters.get("search", [""])[-1].split())
    query = parse_query({**parameters, "search": [""], "sort": [""]}, browser.tables[of])
    search = browser._searches(words, query, of, among)
    limit = min(_number(parameters, "limit", PAGE), MAX_PAGE)
    hits = search.hits(_number(parameters, "offset", 0), limit)
    rows = _rows(browser, of, hits.rows, query)
    if among is not None:
        rows = _with_change(rows, browser._moved(of, *among))
    return {"documents": rows, "is_over": hits.is_over, "done": hits.done}


def document_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """One document: its story, as `curate why` tells it, and its text."""
    of = _of(parameters, browser)
    table, number = browser.tables[of], _row_number(parameters, browser.tables[of])
    row = table.row(number)
    story = story_of(table.run, row)
    file = next(file for file in table.files if number < table.rows_of_file(file)[1])
    text = document_text(table.run, row, int(file.stem), reveal=parameters.get("reveal", ["0"])[-1] == "1")
    source = table.run.recipe.source(story.source)
    return {
        "story": asdict(story) | {"key": Key(story.id)},
        "text": {"parts": [part._asdict() for part in text.parts], "note": text.note, "is_final": text.is_final},
        "has_blocks": "curate" in source.extractors and source.read == "warc",
        "signals": {name: row[name].item() for name in row.columns if row.schema[name].is_numeric()},
    }


def blocks_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """The blocks of a page, as curate's extractor judged them."""
    table = browser.tables[_of(parameters, browser)]
    id = str(table.row(_row_number(parameters, table))["id"].item())
    return {"blocks": [block._asdict() for block in blocks_of(table.run, id)]}


def retune_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """How many documents change sides where thresholds are moved, and by which steps."""
    changes = changes_of(parameters.get("set", ()))
    thresholds = browser._thresholds()
    shifts = thresholds.shifts(changes)
    steps = [{"step": was, "then": then, "documents": count} for was, then, count in thresholds.by_step(changes)]
    return {"shifts": [asdict(shift) for shift in shifts], "steps": steps}


def rule_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """How the values are spread that a threshold was compared with."""
    key = parameters.get("key", [""])[-1]
    rule = next((rule for rule in browser.rules if rule.key == key), None)
    if rule is None:
        raise UsageError(f'the run has no threshold "{key}"')
    bins = browser._thresholds().spread(rule)
    return {"bins": None if bins is None else {"edges": bins.edges, "passed": bins.sides[0], "taken": bins.sides[1]}}


def compare_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """Which documents changed sides between the runs, and why."""
    if len(browser.tables) < 2:
        raise UsageError("there is one run here: curate browse RUN OTHER_RUN compares two")
    found = browser._comparing()
    matched = found.matched
    told = {name: getattr(matched, name) for name in ("by", "documents", "documents_then", "in_both", "unchanged")}
    return told | {"moves": [{k: v for k, v in asdict(move).items() if k != "examples"} for move in found.moves]}


ANSWERS: Mapping[str, Callable[[Browser, Parameters], dict[str, Any]]] = {
    "run": run_answer,
    "facets": facets_answer,
    "documents": documents_answer,
    "texts": texts_answer,
    "document": document_answer,
    "blocks": blocks_answer,
    "retune": retune_answer,
    "rule": rule_answer,
    "compare": compare_answer,
}


def shown(value: Any) -> Any:
    """A value with every text in it as it may be shown; keys stay as they are."""
    if isinstance(value, Key):
        return str(value)
    if isinstance(value, str):
        return printable(value, keep="\n\t")
    if isinstance(value, Mapping):
        return {name: shown(item) for name, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list | tuple) else value


def _facets(
    browser: Browser, query: Query, of: int, among: tuple[tuple[str, ...], str] | None
) -> dict[str, list[dict[str, Any]]]:
    counts = counts_of(browser.tables[of], query, lambda asked: browser._found(asked, of, among))
    return {
        name: [{"value": Key(value), "shown": value, "documents": count} for value, count in values]
        for name, values in counts.items()
    }


def _rows(browser: Browser, of: int, numbers: pl.Series, query: Query) -> list[dict[str, Any]]:
    table = browser.tables[of]
    names = [name for name in ROW if table.has(name)]
    more = [name for name in dict.fromkeys([query.sort, *(name for _, name, _ in query.bounds)]) if name]
    rows = table.rows(numbers, [*names, *(name for name in more if name not in names)])
    return [
        {name: row[name] for name in names}
        | {"key": Key(row["id"]), "number": number, "more": {name: row[name] for name in more if name not in ROW}}
        for number, row in zip(numbers, rows.iter_rows(named=True), strict=True)
    ]


def _with_change(rows: list[dict[str, Any]], moved: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows with what becomes of them: outcome, step, reason and value by the other thresholds, or in the other run."""
    some = moved.filter(pl.col("number").is_in([row["number"] for row in rows]))
    changes = {row["number"]: row for row in some.iter_rows(named=True)}
    return [row | {"change": changes[row["number"]]} for row in rows]


def _among(parameters: Parameters, browser: Browser) -> tuple[int, tuple[tuple[str, ...], str] | None]:
    """Which run is meant, and which moves, if any."""
    changes, move = changes_of(parameters.get("set", ())), parameters.get("move", [""])[-1]
    if changes:
        return 0, (changes, move)
    of = _of(parameters, browser)
    return of, ((), move) if move and len(browser.tables) > 1 else None


def _of(parameters: Parameters, browser: Browser) -> int:
    of = OTHER.get(parameters.get("of", ["0"])[-1], len(browser.tables))
    if of >= len(browser.tables):
        raise UsageError(f"there are {len(browser.tables)} runs here, counted from 0")
    return of


def _row_number(parameters: Parameters, table: LedgerTable) -> int:
    """By the record's id, or its row."""
    if "id" not in parameters:
        return _number(parameters, "number", table.height)
    id = parameters["id"][-1]
    number = table.number_of(id)
    if number is None:
        raise UsageError(f'{table.run.folder} read no record with the id "{id}"')
    return number


def _number(parameters: Mapping[str, Sequence[str]], name: str, otherwise: int) -> int:
    text = parameters.get(name, [str(otherwise)])[-1]
    if not (text.isdecimal() and text.isascii() and len(text) < 16):
        raise UsageError(f'"{name}" is a whole number, found "{text}"')
    return int(text)
