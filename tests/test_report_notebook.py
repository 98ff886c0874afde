"""What a notebook shows of a run: the numbers of the terminal, and no mark-up but its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lxml.html
import pytest

import curate

PROSE = "It was the best of times, it was the worst of times, and we had everything before us. "


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    folder = tmp_path_factory.mktemp("<b>&run")
    rows = [{"text": f"{PROSE * 3}Number {n}."} for n in range(8)] + [{"text": "short"}, {"text": None}]
    source: dict[str, Any] = {
        "read": "tables",
        "data": rows,
        "steps": [{"where": "word_count > 3 AND word_count < 1e6"}],
    }
    table = {"name": "toy", "source": [source | {"name": "notes"}, source | {"name": "mail"}]}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return curate.run(table | {"tokenize": {"tokenizer": "bytes"}}, workers=0, out=folder / "run")


def cells(table: Any) -> list[list[str]]:
    return [[cell.text_content() for cell in row.iter("td")] for row in table.iter("tr")][1:]


def test_the_funnel_and_the_tokens_are_those_of_the_account(ran: curate.Run) -> None:
    funnel, tokens = lxml.html.fromstring(ran._repr_html_()).iter("table")
    assert [row[:3] for row in cells(funnel)] == [
        ["notes", "read", "10"],
        ["", "reading", "-1"],
        ["", "where", "-1"],
        ["", "kept", "8"],
        ["mail", "read", "10"],
        ["", "reading", "-1"],
        ["", "where", "-1"],
        ["", "kept", "8"],
        ["all", "read", "20"],
        ["", "dropped", "-4"],
        ["", "kept", "16"],
    ]
    assert [row[3] for row in cells(funnel)[:4]] == ["", "10.0%", "10.0%", "80.0%"]
    counts = ran.manifest["counts"]
    assert {row[0]: int(row[3].replace(",", "")) for row in cells(tokens)} == {
        name: counts[name]["tokens"]["train"] for name in counts
    }


def test_names_are_text(ran: curate.Run) -> None:
    shown = ran._repr_html_()
    assert "<b>&amp;run" not in shown
    assert lxml.html.fromstring(shown).find(".//p").text_content() == str(ran.folder)
    assert {element.tag for element in lxml.html.fromstring(shown).iter()} == {
        *("div", "p", "b", "table", "caption", "thead", "tbody", "tr", "th", "td")
    }


def test_concerns_stand_below(ran: curate.Run) -> None:
    told = [p.text_content() for p in lxml.html.fromstring(ran._repr_html_()).iter("p")]
    assert [concern.sentence for concern in ran.concerns] == told[1 + len(ran.show().notes) :]


def test_a_run_that_is_not_finished_says_so(ran: curate.Run, tmp_path: Path) -> None:
    for name in ("plan.json", "splits.jsonl", "recipe.toml"):
        (tmp_path / name).write_bytes((ran.folder / name).read_bytes())
    assert "not finished: curate.run with the same recipe goes on" in curate.Run(tmp_path)._repr_html_()
