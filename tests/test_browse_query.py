"""What the page of `curate browse` is answered: rows, counts and moves, against the ledger read by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.browse.answers import answer
from curate.browse.browser import Browser
from curate.browse.texts import TextSearch
from curate.errors import UsageError
from curate.report.compare import REASON
from curate.report.funnel import NO_DOCUMENTS
from curate.steps.retune import parse_change, retune

Row = dict[str, Any]


@pytest.fixture(scope="module")
def run(browsed_runs: tuple[curate.Run, curate.Run]) -> curate.Run:
    return browsed_runs[0]


@pytest.fixture(scope="module")
def browser(browsed_runs: tuple[curate.Run, curate.Run]) -> Browser:
    return Browser(*browsed_runs)


@pytest.fixture(scope="module")
def ledger(run: curate.Run) -> list[Row]:
    """In the order of the recipe's sources."""
    return [row for source in ("web", "rows") for row in run.ledger(source).collect().iter_rows(named=True)]


def documents(ledger: list[Row]) -> list[Row]:
    return [row for row in ledger if not (row["step"] == "read" and row["reason"] in NO_DOCUMENTS)]


def all_pages(browser: Browser, limit: int = 7, **asked: Any) -> list[str]:
    """Ids, page by page."""
    parameters = {name: value if isinstance(value, list) else [value] for name, value in asked.items()}
    found: list[str] = []
    while True:
        page = {"offset": [str(len(found))], "limit": [str(limit)]}
        answered = answer(browser, "documents", parameters | page)
        found += [row["key"] for row in answered["documents"]]
        if len(found) == answered["total"]:
            return found
        assert answered["documents"]


def ids(rows: Iterator[Row] | list[Row]) -> list[str]:
    return [row["id"] for row in rows]


def test_every_document_is_on_one_page_in_the_order_of_reading(browser: Browser, ledger: list[Row]) -> None:
    assert all_pages(browser) == ids(documents(ledger))
    assert all_pages(browser, apart="1") == ids(ledger)
    assert len(ledger) > len(documents(ledger))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("outcome", "dropped"),
        ("step", "gopher_quality"),
        ("reason", "min_words"),
        ("source", "rows"),
        ("language", "fr"),
    ],
)
def test_a_choice_finds_the_rows_that_have_the_value(
    browser: Browser, ledger: list[Row], name: str, value: str
) -> None:
    asked: Row = {name: value}
    found = all_pages(browser, **asked)
    assert found == ids(row for row in documents(ledger) if row[name] == value)
    assert found


def test_nothing_chosen_of_a_column_is_no_value(browser: Browser, ledger: list[Row]) -> None:
    assert all_pages(browser, step="") == ids(row for row in ledger if row["step"] is None)


def test_hosts_are_those_of_urls_without_www(browser: Browser, ledger: list[Row]) -> None:
    assert all_pages(browser, url_host="host1.example") == ids(
        row for row in ledger if "//www.host1.example/" in (row["url"] or "")
    )


def test_bounds_are_inclusive_and_come_together(browser: Browser, ledger: list[Row]) -> None:
    found = all_pages(browser, min=["word_count:50", "digit_ratio:0.001"], max=["word_count:200"], outcome="kept")
    expected = [
        row
        for row in ledger
        if row["outcome"] == "kept" and 50 <= row["word_count"] <= 200 and row["digit_ratio"] >= 0.001
    ]
    assert found == ids(expected)
    assert found


@pytest.mark.parametrize("chosen", [{}, {"step": "c4"}, {"language": "fr"}, {"search": "page1"}])
def test_an_order_is_that_of_the_values_and_those_without_one_come_last(
    browser: Browser, ledger: list[Row], chosen: Row
) -> None:
    values = {row["id"]: row["language_score"] for row in ledger}
    for sign, factor in (("", 1), ("-", -1)):
        found = [values[id] for id in all_pages(browser, sort=f"{sign}language_score", **chosen)]
        known = [value for value in found if value is not None]
        assert known == sorted(known, key=lambda value: factor * value)
        assert found[len(known) :] == [None] * (len(found) - len(known))
        assert Counter(all_pages(browser, **chosen)) == Counter(all_pages(browser, sort=f"{sign}word_count", **chosen))


@given(st.lists(st.text(st.sampled_from("pageHOST12?.[(*\\debian/"), min_size=1, max_size=6), min_size=1, max_size=2))
def test_all_words_stand_in_the_url_or_the_id_whatever_their_case(
    browser: Browser, ledger: list[Row], words: list[str]
) -> None:
    def holds(row: Row, word: str) -> bool:
        return any(word.lower() in (row[name] or "").lower() for name in ("url", "id", "original_id"))

    expected = [row for row in documents(ledger) if all(holds(row, word) for word in words)]
    assert all_pages(browser, limit=500, search=" ".join(words)) == ids(expected)


def test_counts_are_those_of_the_other_choices(browser: Browser, ledger: list[Row]) -> None:
    facets = answer(browser, "facets", {"step": ["gopher_quality"], "source": ["web"]})["facets"]
    rows = documents(ledger)
    by_step = Counter(row["step"] or "" for row in rows if row["source"] == "web")
    by_source = Counter(row["source"] for row in rows if row["step"] == "gopher_quality")
    by_reason = Counter(
        row["reason"] or "" for row in rows if (row["step"], row["source"]) == ("gopher_quality", "web")
    )
    for name, expected in (("step", by_step), ("source", by_source), ("reason", by_reason)):
        assert {each["value"]: each["documents"] for each in facets[name]} == expected
        assert [each["documents"] for each in facets[name]] == sorted(expected.values(), reverse=True)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"sort": ["nonsense"]}, 'no column "nonsense"'),
        ({"min": ["word_counts:3"]}, 'did you mean "word_count"'),
        ({"max": ["word_count:many"]}, 'found "many"'),
        ({"offset": ["-1"]}, "whole number"),
        ({"of": ["2"]}, "2 runs"),
        ({"set": ["gopher_quality.min_wrods=3"]}, "min_wrods"),
        ({"set": ["gopher_quality.min_words=3"], "move": ["up"]}, "kept>dropped"),
        ({"move": ["99"]}, "moves"),
    ],
)
def test_what_cannot_be_asked_is_told(browser: Browser, parameters: dict[str, list[str]], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        answer(browser, "documents", parameters)


def test_texts_are_searched_to_their_end_in_pages(browser: Browser, run: curate.Run) -> None:
    texts = [row for source in ("web", "rows") for row in run.documents(source).collect().iter_rows(named=True)]
    for words, chosen in (("THE", {}), ("worst address", {"source": "rows"}), ("[x]", {}), ("nowhere-at-all", {})):
        expected = [
            row["id"]
            for row in texts
            if all(word.lower() in row["text"].lower() for word in words.split())
            and row["source"] == chosen.get("source", row["source"])
        ]
        found: list[str] = []
        while True:
            asked = {name: [value] for name, value in chosen.items()}
            page = {"search": [words], "offset": [str(len(found))], "limit": ["5"]}
            answered = answer(browser, "texts", asked | page)
            found += [row["key"] for row in answered["documents"]]
            if answered["is_over"]:
                break
        assert found == expected
    assert answered["done"] == 1.0


def test_a_search_in_texts_answers_when_its_time_is_up_and_goes_on(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.browse.texts.MAX_SECONDS", 0.0)
    search = TextSearch(browser.tables[0], ["the"], pl.int_range(browser.tables[0].height, dtype=pl.UInt32, eager=True))
    first = search.hits(0, 10)
    assert (len(first.rows), first.is_over, first.done) == (0, False, 0.0)
    monkeypatch.undo()
    assert len(search.hits(0, 10).rows) == 10


@pytest.mark.parametrize(
    "changes",
    [
        ["gopher_quality.min_words=120"],
        ["gopher_quality.min_words=20", "c4.min_sentences=9"],
        ["language.min_score=0.9"],
        ['where.expression="word_count > 200"'],
        ['language.keep=["fr"]'],
    ],
)
def test_a_moved_threshold_moves_what_retune_says(browser: Browser, run: curate.Run, changes: list[str]) -> None:
    rows = retune(run, [parse_change(change) for change in changes]).rows
    differs = pl.col("old_outcome").ne(pl.col("new_outcome")) | pl.col("old_step").ne_missing(pl.col("new_step"))
    moved = rows.filter(differs)
    assert moved.height
    answered = answer(browser, "retune", {"set": changes})
    shifts = {(each["was"], each["then"]): each["documents"] for each in answered["shifts"]}
    assert shifts == dict(Counter(moved.select("old_outcome", "new_outcome").iter_rows()))
    assert sum(each["documents"] for each in answered["steps"]) == moved.height
    for was, then in shifts:
        expected = set(moved.filter(old_outcome=was, new_outcome=then)["id"])
        assert set(all_pages(browser, set=changes, move=f"{was}>{then}")) == expected
    shown = answer(browser, "documents", {"set": changes, "limit": ["500"]})["documents"]
    decisions = {row["id"]: (row["new_step"], row["new_reason"], row["new_value"]) for row in moved.to_dicts()}
    assert {
        row["key"]: (row["change"]["new_step"], row["change"]["new_reason"], row["change"]["new_value"])
        for row in shown
    } == decisions


def test_every_threshold_of_the_run_is_offered_once(browser: Browser) -> None:
    rules = {each["key"]: each for each in answer(browser, "run", {})["rules"]}
    assert rules["gopher_quality.min_words"]["value"] == 80
    assert rules["gopher_quality.min_words"]["sources"] == ["web", "rows"]
    assert rules["where.expression"]["value"] == "word_count != 63"
    for key, rule in rules.items():
        value = f"'{rule['value']}'" if isinstance(rule["value"], str) else rule["value"]
        if key != "gopher_quality.min_words":  # 40 in the other source
            assert answer(browser, "retune", {"set": [f"{key}={value}"]})["shifts"] == []


def test_the_spread_of_a_signal_counts_every_document_once_that_came_to_the_step(
    browser: Browser, run: curate.Run, ledger: list[Row]
) -> None:
    for key, step in (("c4.min_sentences", "c4"), ("language.min_score", "language")):
        bins = answer(browser, "rule", {"key": [key]})["bins"]
        names = [each.use for each in run.recipe.source("web").steps]
        places = {name: number for number, name in enumerate(names)} | {"read": -1}
        came = [places.get(row["step"], len(names)) for row in ledger if row["source"] == "web"]
        assert sum(bins["taken"]) == sum(place == places[step] for place in came)
        assert sum(bins["passed"]) == sum(place > places[step] for place in came)


def test_the_spread_is_of_the_values_that_the_step_saw(browser: Browser, ledger: list[Row]) -> None:
    """A step behind it has cut lines out of the texts."""
    bins = answer(browser, "rule", {"key": ["gopher_quality.min_words"]})["bins"]
    below = sum(edge <= 80 for edge in bins["edges"]) - 1  # the least words that the source with the fewest lets pass
    assert sum(bins["passed"][:below]) == 0
    cut = [row["word_count"] for row in ledger if row["outcome"] == "kept" and row["word_count"] < bins["edges"][below]]
    assert cut


def test_moves_between_runs_are_those_of_compare(browser: Browser, browsed_runs: tuple[curate.Run, curate.Run]) -> None:
    compared = curate.compare(*browsed_runs, examples=1000)
    answered = answer(browser, "compare", {})
    assert answered["unchanged"] == compared.unchanged
    assert [each["documents"] for each in answered["moves"]] == [move.documents for move in compared.moves]
    assert len(compared.moves) > 2
    for number, move in enumerate(compared.moves):
        assert all_pages(browser, move=str(number)) == sorted(
            (each.id or "" for each in move.examples), key=all_pages(browser).index
        )
        shown = answer(browser, "documents", {"move": [str(number)]})["documents"][0]["change"]
        assert [shown[f"{name}_then"] for name in REASON] == [move.side_then, move.step_then, move.reason_then]


def test_documents_of_the_second_run_alone_are_listed_from_it(run: curate.Run, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "one of its own", "url": "https://own.example/"}\n')
    recipe = '[[source]]\nname = "own"\nread = "tables"\npaths = ["rows.jsonl"]\n[tokenize]\ntokenizer = "bytes"\n'
    (tmp_path / "own.toml").write_text(f'name = "own"\n{recipe}')
    browser = Browser(run, curate.run(tmp_path / "own.toml", out=tmp_path / "run", workers=0))
    moves = answer(browser, "compare", {})["moves"]
    (number,) = [number for number, move in enumerate(moves) if move["side"] == "absent"]
    assert all_pages(browser, move=str(number), of="1") == ["own/rows.jsonl@0"]


def test_pages_with_several_texts_move_as_retune_says(
    browsed_runs: tuple[curate.Run, curate.Run], tmp_path: Path
) -> None:
    (tmp_path / "web.warc.gz").symlink_to(browsed_runs[0].folder.parent / "web.warc.gz")
    source = '[[source]]\nname = "web"\nread = "warc"\npaths = ["web.warc.gz"]\nextract = ["curate", "resiliparse"]\n'
    steps = 'steps = [{ use = "language", keep = ["en"] }, "gopher_quality"]\n[tokenize]\ntokenizer = "bytes"\n'
    (tmp_path / "two.toml").write_text(f'name = "two"\n{source}{steps}')
    run = curate.run(tmp_path / "two.toml", out=tmp_path / "run", workers=0)
    browser = Browser(run)
    for change in ("gopher_quality.min_words=150", "gopher_quality.min_words=10", "language.min_score=0.99"):
        rows = retune(run, [parse_change(change)]).rows
        differs = pl.col("old_outcome").ne(pl.col("new_outcome")) | pl.col("old_step").ne_missing(pl.col("new_step"))
        expected = rows.filter(differs)
        assert expected.height
        assert sorted(all_pages(browser, set=change, apart="1")) == sorted(expected["id"])
        counts = Counter(expected.select("old_outcome", "new_outcome").iter_rows())
        shifts = answer(browser, "retune", {"set": [change]})["shifts"]
        assert {(each["was"], each["then"]): each["documents"] for each in shifts} == counts
    assert answer(browser, "rule", {"key": ["gopher_quality.min_words"]})["bins"] is None


def test_runs_that_keep_nothing_or_read_nothing_have_pages(tmp_path: Path) -> None:
    source = (
        '[[source]]\nname = "own"\nread = "tables"\npaths = ["{}.jsonl"]\nsteps = [{{ where = "word_count > 9" }}]\n'
    )
    (tmp_path / "some.jsonl").write_text('{"text": "too short"}\n')
    (tmp_path / "none.jsonl").write_text("")
    for name, total in (("some", 1), ("none", 0)):
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\n{source.format(name)}[tokenize]\ntokenizer = "bytes"\n'
        )
        browser = Browser(curate.run(tmp_path / f"{name}.toml", out=tmp_path / name, workers=0))
        assert answer(browser, "run", {})["documents"] == total
        assert len(all_pages(browser, sort="word_count", search="own")) == total
        assert answer(browser, "texts", {"search": ["too"]}) == {"documents": [], "is_over": True, "done": 1.0}
        change = {"set": ['where.expression="word_count > 1"']}
        shifts = [{"was": "dropped", "then": "kept", "documents": 1}] if total else []
        assert answer(browser, "retune", change)["shifts"] == shifts
