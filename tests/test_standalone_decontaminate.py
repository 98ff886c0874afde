"""`curate decontaminate` on plain tables: the report, what is left, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from curate.cli import main

QUESTION = " ".join(f"question{number}" for number in range(30))
FILLER = " ".join(f"filler{number}" for number in range(80))
TEXTS = [f"{FILLER} {QUESTION} {FILLER}", FILLER, QUESTION]


def write(folder: Path) -> list[str]:
    rows, sets = folder / "rows.jsonl", folder / "quiz.jsonl"
    rows.write_text("".join(json.dumps({"name": str(n), "body": text}) + "\n" for n, text in enumerate(TEXTS)))
    sets.write_text(json.dumps({"task_id": "t/1", "prompt": QUESTION}) + "\n" + json.dumps({"prompt": "Short."}) + "\n")
    out, kept = folder / "report.parquet", folder / "kept.parquet"
    files = [str(rows), "--against", str(sets), "--out", str(out), "--kept", str(kept)]
    return ["decontaminate", *files, "--text", "body", "--id", "name"]


def test_the_report_names_documents_and_items_and_the_rest_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(write(tmp_path))
    said = capsys.readouterr().out
    assert "quiz.jsonl: 2 items, 1 of them too short to be found; 1 found, in 2 documents" in said
    assert "Contaminated: 1 documents cut, 1 dropped" in said
    report = pl.read_parquet(tmp_path / "report.parquet")
    assert report.select("id", "item", "share", "outcome").rows() == [
        ("0", "t/1", 1.0, "cut"),
        ("2", "t/1", 1.0, "dropped"),
    ]
    kept = pl.read_parquet(tmp_path / "kept.parquet")
    assert kept["name"].to_list() == ["0", "1"]
    assert kept["body"][1] == FILLER
    assert "question" not in kept["body"][0]


def test_documents_with_most_of_an_item_go_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*write(tmp_path), "--method", "sampled", "--json", "--set", "sampled.sample_every=5"])
    counts = json.loads(capsys.readouterr().out)
    assert (counts["documents"], counts["cut"], counts["dropped"]) == (3, 0, 2)
    assert pl.read_parquet(tmp_path / "kept.parquet")["body"].to_list() == [FILLER]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--method", "sample"], '--method: "sample" is not known; did you mean "sampled"?'),
        (["--set", "ngrams.windows=3"], '--ngrams.windows: unknown key "windows"; did you mean "window"'),
        (["--set", "ngrams"], "--set ngrams: expected NAME=VALUE"),
        (["--columns", "promt"], 'there is no column "promt"; did you mean "prompt"'),
        (["--set", "ngrams.ngram=40"], "none of the 2 evaluation items has 40 words or more"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], words: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*write(tmp_path), *extra])
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
