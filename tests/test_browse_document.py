"""A document in parts: what stands is the text at each stage, and what was taken out is marked where it stood."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.browse.answers import answer
from curate.browse.browser import Browser
from curate.browse.document import ONLY_FINAL, UNREADABLE
from curate.browse.parts import PartSpan, TextPart, byte_spans, standing, stripped, with_spans, with_step
from curate.printable import printable

LINES = st.lists(st.sampled_from(["a word", "many words here", "", "  set in", "ends.", "ü ñ 語"]), max_size=8)


@given(LINES, LINES)
def test_a_step_is_told_by_what_it_took_out_and_what_it_wrote(before: list[str], after: list[str]) -> None:
    old, new = "\n".join(before), "\n".join(after)
    parts = with_step([TextPart(old)], new, "c4")
    assert "".join(part.text for part in parts if part.kind in ("stays", "removed")) == old
    assert "".join(part.text for part in parts if part.kind in ("stays", "added")) == new
    assert all(part.text and part.by == (None if part.kind == "stays" else "c4") for part in parts)


@pytest.mark.parametrize("is_altered", [False, True])
def test_a_text_of_very_many_lines_is_compared_in_no_time(is_altered: bool) -> None:
    lines = [line for number in range(6_000) for line in (f"line {number % 500}", "")]
    left = [line for number, line in enumerate(lines) if number % 1000 > 20]
    left[-2] += "!" * is_altered
    old, new = "\n".join(lines), "\n".join(left)
    parts = with_step([TextPart(old)], new, "c4")
    assert standing(parts) == new
    assert "".join(part.text for part in parts if part.kind in ("stays", "removed")) == old


@given(LINES, LINES, LINES)
def test_what_stands_after_steps_is_the_text_of_the_last(first: list[str], second: list[str], third: list[str]) -> None:
    parts = [TextPart("\n".join(first))]
    for step, lines in (("one", second), ("two", third)):
        parts = with_step(parts, "\n".join(lines), step)
        assert standing(parts) == "\n".join(lines)


@given(st.text("ab語 \n", max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_spans_take_out_what_they_name_and_leave_all_else(text: str, places: list[int]) -> None:
    cuts = sorted({min(place, len(text)) for place in places})
    spans = [PartSpan(start, end, "cut") for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    parts = with_spans([TextPart(text[:7]), TextPart("gone", "removed"), TextPart(text[7:])], spans)
    gone = {place for span in spans for place in range(span.start, span.end)}
    assert standing(parts) == "".join(sign for place, sign in enumerate(text) if place not in gone)
    assert "".join(part.text for part in parts if part.kind == "cut") == "".join(text[place] for place in sorted(gone))
    assert [part.text for part in parts if part.kind == "removed"] == ["gone"]


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=4))
def test_places_in_bytes_become_places_in_characters(text: str, places: list[int]) -> None:
    cuts = sorted({min(place, len(text)) for place in places})
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    in_bytes = [(len(text[:start].encode()), len(text[:end].encode()), "lines") for start, end in pairs]
    assert [(span.start, span.end) for span in byte_spans(text, in_bytes)] == pairs


@given(st.lists(st.text(" \na", max_size=6).map(TextPart), max_size=4))
def test_white_space_at_the_ends_no_longer_stands(parts: Sequence[TextPart]) -> None:
    assert standing(stripped(parts)) == standing(parts).strip()


def test_a_mark_is_shown_once_where_something_lies_within_the_finding() -> None:
    parts = [TextPart("write to some"), TextPart("\nremoved\n", "removed", "c4"), TextPart("body@example.org")]
    shown = with_spans(parts, [PartSpan(9, 29, "personal", "EMAIL_ADDRESS", "<EMAIL_ADDRESS>")])
    assert [(part.text, part.kind) for part in shown] == [
        ("write to ", "stays"),
        ("<EMAIL_ADDRESS>", "personal"),
        ("\nremoved\n", "removed"),
    ]


@pytest.fixture(scope="module")
def browser(browsed_runs: tuple[curate.Run, curate.Run]) -> Browser:
    return Browser(*browsed_runs)


def text_of(browser: Browser, id: str, *, reveal: bool = False) -> dict[str, object]:
    text: dict[str, object] = answer(browser, "document", {"id": [id], "reveal": ["1" if reveal else "0"]})["text"]
    return text


def parts_of(browser: Browser, id: str, *, reveal: bool = False) -> list[tuple[str, str, str | None]]:
    return [(part["text"], part["kind"], part["by"]) for part in text_of(browser, id, reveal=reveal)["parts"]]  # type: ignore[attr-defined]


def test_what_stands_of_every_kept_document_is_its_final_text(
    browser: Browser, browsed_runs: tuple[curate.Run, curate.Run]
) -> None:
    kinds = set()
    some = [
        browsed_runs[0].documents(name).select("id", "text").gather_every(each)
        for name, each in (("web", 3), ("rows", 1))
    ]
    for row in pl.concat(some).collect().rows():
        text = text_of(browser, row[0])
        assert text["is_final"]
        assert text["note"] is None
        parts = parts_of(browser, row[0], reveal=True)
        kinds |= {kind for _, kind, _ in parts}
        marked = [
            (f"<{by}>" if kind == "personal" else part) for part, kind, by in parts if kind not in ("removed", "cut")
        ]
        assert "".join(marked) == printable(row[1], keep="\n\t")
    assert kinds >= {"stays", "removed", "cut", "personal", "masked"}


def test_a_repeated_line_is_cut_where_it_stood_and_says_who_keeps_it(browser: Browser) -> None:
    answered = answer(browser, "documents", {"source": ["rows"], "outcome": ["kept"], "search": ["page7"]})
    (id,) = [row["key"] for row in answered["documents"]]
    parts = parts_of(browser, id)
    (at,) = [place for place, part in enumerate(parts) if part[1] == "cut"]
    assert parts[at][0].startswith("This whole line stands in every second one")
    by = str(parts[at][2])
    assert by.startswith("lines: rows/rows.jsonl@")
    assert by.endswith(" keeps it")
    assert parts[at + 1][0].startswith("Write to ")


def test_personal_data_is_masked_until_it_is_asked_for(browser: Browser) -> None:
    answered = answer(browser, "documents", {"source": ["rows"], "search": ["page5"]})
    (id,) = [row["key"] for row in answered["documents"]]
    assert [part for part in parts_of(browser, id) if part[1] in ("personal", "masked")] == [
        ("<EMAIL_ADDRESS>", "personal", "EMAIL_ADDRESS"),
        ("<PHONE_NUMBER>", "masked", "PHONE_NUMBER"),
    ]
    assert [part for part in parts_of(browser, id, reveal=True) if part[1] in ("personal", "masked")] == [
        ("person5@example.org", "personal", "EMAIL_ADDRESS"),
        ("+1 212 555 0134", "masked", "PHONE_NUMBER"),
    ]


def test_a_dropped_document_is_read_again(browser: Browser) -> None:
    for chosen in ({"step": ["gopher_quality"], "source": ["rows"]}, {"reason": ["min_words"]}, {"step": ["dedup"]}):
        for row in answer(browser, "documents", chosen)["documents"]:
            assert parts_of(browser, row["key"]), row
            assert not text_of(browser, row["key"])["is_final"]


def test_a_copy_says_what_it_repeats_and_a_damaged_record_that_it_was_no_text(browser: Browser) -> None:
    copy = answer(browser, "documents", {"step": ["dedup"], "source": ["rows"]})["documents"][0]
    story = answer(browser, "document", {"id": [copy["key"]]})["story"]
    assert story["duplicate_of"] == copy["value"]
    damaged = answer(browser, "documents", {"outcome": ["quarantined"]})["documents"][0]
    answered = answer(browser, "document", {"number": [str(damaged["number"])]})
    assert (answered["story"]["id"], answered["text"]["parts"]) == (damaged["id"], [])
    assert "never a text" in answered["text"]["note"]


def test_the_blocks_of_a_page_are_those_that_why_judges(
    browser: Browser, browsed_runs: tuple[curate.Run, curate.Run]
) -> None:
    id = answer(browser, "documents", {"source": ["web"], "outcome": ["kept"]})["documents"][3]["key"]
    shown = answer(browser, "blocks", {"id": [id]})["blocks"]
    blocks = browsed_runs[0].blocks(id)
    assert [(each["is_kept"], each["element"]) for each in shown] == [(each.is_kept, each.element) for each in blocks]
    assert {each["is_kept"] for each in shown} == {True, False}


def test_of_an_input_that_has_changed_only_final_texts_are_shown(
    browsed_runs: tuple[curate.Run, curate.Run], tmp_path: Path
) -> None:
    source = browsed_runs[0].folder.parent / "rows.jsonl"
    before, saved = source.stat(), tmp_path / "rows.jsonl"
    shutil.copy(source, saved)
    browser = Browser(browsed_runs[0])
    chosen = answer(browser, "documents", {"source": ["rows"]})["documents"]
    kept = next(row["key"] for row in chosen if row["outcome"] == "kept")
    dropped = next(row["key"] for row in chosen if row["step"] == "gopher_quality")
    try:
        with source.open("a") as file:
            file.write("\n")
        texts = [text_of(browser, id) for id in (kept, dropped)]
        parts = parts_of(browser, kept)
    finally:
        shutil.copy(saved, source)
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (texts[0]["note"], texts[0]["is_final"]) == (ONLY_FINAL, True)
    assert {kind for _, kind, _ in parts} == {"stays", "personal", "masked"}
    assert UNREADABLE in str(texts[1]["note"])
    assert texts[1]["parts"] == []
