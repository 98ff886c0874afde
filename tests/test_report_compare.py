"""`curate compare`: what changed sides between two runs is what the two ledgers say, and a page shows it escaped."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.report.compare import Comparison

PROSE = "It was the best of times, it was the worst of times, and we had everything before us. "
RECIPE = """
name = "{name}"
[[source]]
name = "{source}"
read = "tables"
paths = ["{file}"]
steps = [{{ use = "gopher_quality", min_words = {min_words}, min_stop_words = 0 }}{more}]
[dedup]
method = "exact"
[tokenize]
tokenizer = "bytes"
"""


def write_rows(file: Path, numbers: range) -> None:
    """Rows of 18 words times their number; every third repeats the one before it. One URL is a script."""
    with file.open("w") as lines:
        for number in numbers:
            same = number - (number % 3 == 2)
            text = f"{PROSE * (1 + same % 4)} Row {same}."
            url = "https://a.test/<script>alert(1)</script>" if number == 4 else f"https://a.test/{number}"
            row = {"id": f"row {number}", "url": url, "text": text, "language": "en", "shade": number % 5}
            lines.write(json.dumps(row) + "\n")


def made(
    folder: Path, name: str, *, min_words: int, more: str = "", source: str = "rows", file: str = "a"
) -> curate.Run:
    recipe = folder / f"{name}.toml"
    values = {"name": name, "source": source, "file": f"{file}.jsonl", "min_words": min_words, "more": more}
    recipe.write_text(RECIPE.format(**values))
    return curate.run(recipe, out=folder / name, workers=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[curate.Run, curate.Run, curate.Run]:
    """One run, a stricter one of the same rows, and one of other rows that share some URLs, under another name."""
    folder = tmp_path_factory.mktemp("compare")
    write_rows(folder / "a.jsonl", range(40))
    write_rows(folder / "b.jsonl", range(20, 60))
    return (
        made(folder, "loose", min_words=1),
        made(folder, "strict", min_words=40, more=', { where = "shade != 3" }'),
        made(folder, "later", min_words=1, source="others", file="b"),
    )


@pytest.fixture(scope="module")
def found(runs: tuple[curate.Run, ...]) -> Comparison:
    return curate.compare(runs[0], runs[1].folder)


def ledger(run: curate.Run) -> dict[str, tuple[str, str | None, str | None]]:
    rows = run.ledger().select("id", "outcome", "step", "reason").collect()
    return {row[0]: row[1:] for row in rows.iter_rows()}


def test_the_moves_are_the_differences_of_the_two_ledgers(runs: tuple[curate.Run, ...], found: Comparison) -> None:
    one, other = ledger(runs[0]), ledger(runs[1])
    changed = [id for id in one if one[id] != other[id]]
    assert len(changed) > 10
    assert sum(move.documents for move in found.moves) == len(changed)
    assert (found.matched_by, found.in_both, found.unchanged) == ("id", 40, 40 - len(changed))
    for move in found.moves:
        same = [
            id
            for id in changed
            if (one[id][1:], other[id][1:]) == ((move.step, move.reason), (move.step_then, move.reason_then))
        ]
        assert len(same) == move.documents
        assert [example.id for example in move.examples] == sorted(same)[:3]


def test_a_move_says_both_reasons_and_the_values_that_decided(found: Comparison) -> None:
    move = next(move for move in found.moves if (move.side, move.reason_then) == ("kept", "min_words"))
    assert (move.side_then, move.step_then, move.step) == ("dropped", "gopher_quality", None)
    assert all(example.value is None for example in move.examples)
    assert all(int(str(example.value_then)) < 40 for example in move.examples)
    assert {move.side for move in found.moves if move.step == "dedup"} == {"duplicate"}


def test_a_run_compared_with_itself_has_not_moved(runs: tuple[curate.Run, ...]) -> None:
    found = curate.compare(runs[0], runs[0])
    assert (found.moves, found.unchanged) == ((), 40)
    assert all(row.share == row.share_then for row in (*found.sources, *found.languages))
    assert {row.shift for row in found.signals} == {0.0}


def test_other_inputs_are_matched_by_their_urls(runs: tuple[curate.Run, ...]) -> None:
    found = curate.compare(runs[0], runs[2])
    assert (found.matched_by, found.in_both) == ("url", 20)
    absent = {move.side_then: move.documents for move in found.moves if move.side == "absent"}
    assert sum(absent.values()) == 20
    assert sum(move.documents for move in found.moves if move.side_then == "absent") == 20
    assert {row.source: (row.documents, row.documents_then) for row in found.sources} == {
        "rows": (runs[0].manifest["counts"]["rows"]["kept"], 0),
        "others": (0, runs[2].manifest["counts"]["others"]["kept"]),
    }


def test_shares_and_medians_are_those_of_the_tables(runs: tuple[curate.Run, ...], found: Comparison) -> None:
    totals = [run.documents().select(pl.col("token_count").sum()).collect().item() for run in runs[:2]]
    [language] = found.languages
    assert (language.language, language.tokens, language.tokens_then) == ("en", *totals)
    assert (language.share, language.share_then) == (1.0, 1.0)
    [words] = [row for row in found.signals if row.signal == "word_count"]
    medians = [
        run.ledger().filter(outcome="kept").select(pl.col("word_count").median()).collect().item() for run in runs[:2]
    ]
    assert [words.median, words.median_then] == medians
    assert words.shift is not None
    assert words.shift > 0


def test_passages_that_were_cut_are_a_side_of_their_own(tmp_path: Path) -> None:
    shared = "".join(f"This sentence number {number} stands in two documents of the set. " for number in range(30))
    rows = [{"id": f"{name}", "text": f"{name * 40}\n{shared}\n{name} ends."} for name in ("one ", "two ")]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = RECIPE.format(name="n", source="rows", file="a.jsonl", min_words=1, more="")
    (tmp_path / "a.toml").write_text(recipe)
    (tmp_path / "b.toml").write_text(recipe.replace('"exact"', '"substring"'))
    one, other = (curate.run(tmp_path / f"{name}.toml", out=tmp_path / name, workers=0) for name in "ab")
    [move] = curate.compare(one, other).moves
    assert (move.side, move.side_then, move.documents) == ("kept", "cut", 1)


def test_runs_that_share_nothing_to_match_by_say_so(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": name, "text": PROSE * 3}) + "\n")
        text = RECIPE.format(name=name, source=name, file=f"{name}.jsonl", min_words=1, more="")
        (tmp_path / f"{name}.toml").write_text(text)
    one, other = (curate.run(tmp_path / f"{name}.toml", out=tmp_path / name, workers=0) for name in "ab")
    with pytest.raises(UsageError, match="has a URL to match by"):
        curate.compare(one, other)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.data.append(data)


def test_the_page_needs_no_network_and_escapes_what_documents_say(
    runs: tuple[curate.Run, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "compared.html"
    with pytest.raises(SystemExit) as ended:
        main(["compare", *(str(run.folder) for run in runs[:2]), "--examples", "50", "--html", str(page)])
    assert ended.value.code == 0
    shown = capsys.readouterr()
    assert "dropped by gopher_quality, min_words" in shown.out
    assert str(page) in shown.err
    read = Tags()
    read.feed(page.read_text(encoding="utf-8"))
    assert "script" not in read.tags
    assert read.links == []
    assert "https://a.test/<script>alert(1)</script>" in read.data


def test_json_has_all_of_it(runs: tuple[curate.Run, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compare", *(str(run.folder) for run in runs[:2]), "--json"])
    values = json.loads(capsys.readouterr().out)
    assert {"moves", "sources", "languages", "signals", "matched_by"} <= values.keys()
    assert values["moves"][0]["examples"][0]["id"].startswith("rows/")
