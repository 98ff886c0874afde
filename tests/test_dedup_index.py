"""Indexes of earlier documents: later files are deduplicated against them without their texts."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from curate.cli import main
from curate.dedup.index import open_index
from curate.errors import UsageError
from curate.recipe_dedup import Dedup
from curate.standalone.dedup import dedup_files

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
PAGES = [" ".join(WORDS[start : start + 120]) for start in range(0, 600, 120)]
FIRST = {"a": PAGES[0], "b": PAGES[1], "b2": PAGES[1]}
SECOND = {"a": PAGES[0], "c": PAGES[1] + " And more.", "d": PAGES[2], "d2": PAGES[2] + " The end.", "e": ""}
THIRD = {"x": PAGES[2] + " The end", "y": PAGES[3], "z": ""}


def write(folder: Path, name: str, texts: dict[str, str]) -> Path:
    path = folder / f"{name}.parquet"
    pl.DataFrame({"id": list(texts), "text": list(texts.values())}).write_parquet(path)
    return path


def test_each_file_is_compared_with_all_that_came_before_it(tmp_path: Path) -> None:
    index = tmp_path / "index"

    def add(name: str, texts: dict[str, str]) -> list[tuple[object, ...]]:
        verdicts = dedup_files([write(tmp_path, name, texts)], Dedup(), index=index).verdicts
        return verdicts.select("id", "duplicate_of", "method", "earlier").rows()

    assert add("first", FIRST) == [("a", None, None, False), ("b", None, None, False), ("b2", "b", "exact", False)]
    assert add("second", SECOND) == [
        ("a", "a", "known", True),
        ("c", "b", "minhash", True),
        ("d", "d2", "minhash", False),
        ("d2", None, None, False),
        ("e", None, None, False),
    ]
    assert add("third", THIRD) == [("x", "d2", "minhash", True), ("y", None, None, False), ("z", None, None, False)]
    held = pl.concat([pl.read_parquet(file) for file in open_index(index, Dedup())])
    assert held["id"].to_list() == ["a", "b", "d2", "e", "y", "z"]


def test_against_reads_an_index_and_leaves_it_as_it_is(tmp_path: Path) -> None:
    index = tmp_path / "index"
    dedup_files([write(tmp_path, "first", FIRST)], Dedup(), index=index)
    before = sorted(path.name for path in index.iterdir())
    for verify in (0.7, 0.0):
        second = write(tmp_path, "second", SECOND)
        verdicts = dedup_files([second], Dedup(verify=verify), against=[index]).verdicts
        assert verdicts["duplicate_of"].to_list() == ["a", "b", "d2", None, None]
        assert verdicts["method"].to_list() == ["known", "minhash", "minhash", None, None]
        assert verdicts["similarity"].is_not_null().sum() == 2
    assert sorted(path.name for path in index.iterdir()) == before


def test_an_index_of_other_parameters_is_refused_with_both(tmp_path: Path) -> None:
    index = tmp_path / "index"
    path = write(tmp_path, "first", FIRST)
    dedup_files([path], Dedup(), index=index)
    words = "was made with .*ngram 5, unit words.*bands 14, rows 8.* and this is .*ngram 7, unit words.*bands 14"
    with pytest.raises(UsageError, match=words):
        dedup_files([path], Dedup(ngram=7), against=[index])
    with pytest.raises(UsageError, match="holds no index"):
        dedup_files([path], Dedup(), against=[tmp_path])


def test_the_command_says_what_repeats_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, index = tmp_path / "v.parquet", tmp_path / "index"
    for name, texts in (("first", FIRST), ("second", SECOND)):
        command = ["dedup", write(tmp_path, name, texts), "--out", out, "--index", index, "--json"]
        with pytest.raises(SystemExit, match="0"):
            main([str(word) for word in command])
        counts = json.loads(capsys.readouterr().out)
    assert counts["known"] == 1
    assert counts["copies_of_earlier"] == 1
    assert counts["copies"] == {"minhash": 2}
