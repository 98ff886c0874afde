"""What the page asks for, by name, as values that JSON can say: each question is one function of a browser.

name, parameters ─▶ ANSWERS ─▶ rows, counts, one document, what a threshold moves ─▶ dict, every text as it may be shown
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from curate.browse.browser import ROW, Browser, Scope
from curate.browse.changes import changes_of
from curate.browse.counts import counts_of
from curate.browse.document import blocks_of, document_text
from curate.browse.query import Parameters, Query, parse_query
from curate.browse.table import LedgerTable, is_signal
from curate.errors import UsageError
from curate.finite import finite
from curate.printable import printable
from curate.report.why import story_of

PAGE = 50
MAX_PAGE = 500
RUNS = ("0", "1")


class Key(str):
    """A text that the page sends back, and never shows."""

    __slots__ = ()


def answer(browser: Browser, name: str, parameters: Parameters) -> dict[str, Any]:
    """
    Raises:
        UsageError: there is no such question, or a parameter of it cannot be.
    """
    if name not in ANSWERS:
        raise UsageError(f'there is nothing called "{name}" here')
    answered: dict[str, Any] = shown(finite(ANSWERS[name](browser, parameters)))
    return answered


def shown(value: Any) -> Any:
    """A value with every text in it as it may be shown; keys stay as they are."""
    if isinstance(value, Key):
        return str(value)
    if isinstance(value, str):
        return printable(value, keep="\n\t")
    if isinstance(value, Mapping):
        return {name: shown(item) for name, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list | tuple) else value


def run_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """What the page shows before anything is asked for."""
    table = browser.tables[0]
    names = [name for name in table.signals if is_signal(name)]
    return {
        "name": browser.names[0],
        "other": browser.names[1] if len(browser.names) > 1 else None,
        "records": table.height,
        "documents": len(browser.found(Query(), Scope())),
        "signals": [{"name": Key(name), "shown": name} for name in names],
        "rules": [asdict(rule) | {"key": Key(rule.key)} for rule in browser.rules],
        "facets": _facets(browser, Query(), Scope()),
    }


def facets_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """How many of the documents that are found have which value."""
    scope = _scope(parameters, browser)
    return {"facets": _facets(browser, parse_query(parameters, browser.tables[scope.of]), scope)}


def documents_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """A page of the documents that are found, and how many there are."""
    scope = _scope(parameters, browser)
    query = parse_query(parameters, browser.tables[scope.of])
    found, offset = browser.found(query, scope), _number(parameters, "offset", 0)
    page = found.slice(offset, _page_size(parameters))
    return {"total": len(found), "offset": offset, "documents": _rows(browser, scope, page, query)}


def texts_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """Some of the kept documents whose texts hold some words: the same question goes on with the search, until it
    `is_over` or the page is full."""
    scope = _scope(parameters, browser)
    query = parse_query({**parameters, "search": [""], "sort": [""]}, browser.tables[scope.of])
    words = tuple(parameters.get("search", [""])[-1].split())
    hits = browser.text_search(words, query, scope).hits(_number(parameters, "offset", 0), _page_size(parameters))
    return {"documents": _rows(browser, scope, hits.rows, query), "is_over": hits.is_over, "done": hits.done}


def document_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """One document: its story, as `curate why` tells it, and its text."""
    table = browser.tables[_run_number(parameters, browser)]
    number = _row_number(parameters, table)
    row, file_number = table.row(number), int(table.file_of(number).stem)
    story = story_of(table.run, row)
    text = document_text(table.run, row, file_number, reveal=parameters.get("reveal", [""])[-1] == "1")
    source = table.run.recipe.source(story.source)
    return {
        "story": asdict(story) | {"key": Key(story.id)},
        "text": {"parts": [part._asdict() for part in text.parts], "note": text.note, "is_final": text.is_final},
        "has_blocks": "curate" in source.extractors and source.read == "warc",
        "signals": {name: row[name].item() for name in row.columns if row.schema[name].is_numeric()},
    }


def blocks_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """The blocks of a page, as curate's extractor judged them."""
    table = browser.tables[_run_number(parameters, browser)]
    id = str(table.row(_row_number(parameters, table))["id"].item())
    return {"blocks": [block._asdict() for block in blocks_of(table.run, id)]}


def retune_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """How many documents change sides where thresholds are moved, and by which steps."""
    changes, thresholds = changes_of(parameters.get("set", ())), browser.thresholds()
    steps = [{"step": was, "then": then, "documents": count} for was, then, count in thresholds.by_step(changes)]
    return {"shifts": [asdict(shift) for shift in thresholds.shifts(changes)], "steps": steps}


def rule_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """How the values are spread that a threshold was compared with."""
    key = parameters.get("key", [""])[-1]
    rule = next((rule for rule in browser.rules if rule.key == key), None)
    if rule is None:
        raise UsageError(f'the run has no threshold "{key}"')
    bins = browser.thresholds().spread(rule)
    return {"bins": None if bins is None else {"edges": bins.edges, "passed": bins.sides[0], "taken": bins.sides[1]}}


def compare_answer(browser: Browser, parameters: Parameters) -> dict[str, Any]:
    """Which documents changed sides between the runs, and why."""
    if len(browser.tables) < 2:
        raise UsageError("there is one run here: curate browse RUN OTHER_RUN compares two")
    found = browser.comparing()
    told = {name: getattr(found.matched, name) for name in ("by", "in_both", "unchanged")}
    return told | {"moves": [{**asdict(move), "examples": None} for move in found.moves]}


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


def _facets(browser: Browser, query: Query, scope: Scope) -> dict[str, list[dict[str, Any]]]:
    counts = counts_of(browser.tables[scope.of], query, lambda asked: browser.found(asked, scope))
    return {
        name: [{"value": Key(value), "shown": value, "documents": count} for value, count in values]
        for name, values in counts.items()
    }


def _rows(browser: Browser, scope: Scope, numbers: pl.Series, query: Query) -> list[dict[str, Any]]:
    """What the page lists, with what was asked about besides, and in a scope of moves with what becomes of each."""
    table = browser.tables[scope.of]
    names = [name for name in ROW if table.has(name)]
    asked = [name for name in dict.fromkeys([query.sort, *(name for _, name, _ in query.bounds)]) if name]
    more = [name for name in asked if name not in names]
    rows = [
        {name: row[name] for name in names}
        | {"key": Key(row["id"]), "number": number, "more": {name: row[name] for name in more}}
        for number, row in zip(numbers, table.rows(numbers, [*names, *more]).iter_rows(named=True), strict=True)
    ]
    return rows if scope.is_whole else _with_change(rows, browser.moved(scope))


def _with_change(rows: list[dict[str, Any]], moved: pl.DataFrame) -> list[dict[str, Any]]:
    some = moved.filter(pl.col("number").is_in([row["number"] for row in rows]))
    changes = {row["number"]: row for row in some.iter_rows(named=True)}
    return [row | {"change": changes[row["number"]]} for row in rows]


def _scope(parameters: Parameters, browser: Browser) -> Scope:
    changes, move = changes_of(parameters.get("set", ())), parameters.get("move", [""])[-1]
    if changes:
        return Scope(0, changes, move)
    return Scope(_run_number(parameters, browser), (), move if len(browser.tables) > 1 else "")


def _run_number(parameters: Parameters, browser: Browser) -> int:
    text = parameters.get("of", ["0"])[-1]
    if text not in RUNS[: len(browser.tables)]:
        raise UsageError(f"there are {len(browser.tables)} runs here, counted from 0")
    return int(text)


def _row_number(parameters: Parameters, table: LedgerTable) -> int:
    """By the record's id, or its row."""
    if "id" not in parameters:
        return _number(parameters, "number", table.height)
    id = parameters["id"][-1]
    number = table.number_of(id)
    if number is None:
        raise UsageError(f'{table.run.place} read no record with the id "{id}"')
    return number


def _page_size(parameters: Parameters) -> int:
    return min(_number(parameters, "limit", PAGE), MAX_PAGE)


def _number(parameters: Mapping[str, Sequence[str]], name: str, otherwise: int) -> int:
    text = parameters.get(name, [str(otherwise)])[-1]
    if not (text.isdecimal() and text.isascii() and len(text) < 16):
        raise UsageError(f'"{name}" is a whole number, found "{text}"')
    return int(text)
