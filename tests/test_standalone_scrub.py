"""`curate scrub`: plain tables without personal data, all else as it was; and what a run has left of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.recipe import Scrub
from curate.scrub.pii import scrub_texts

ROWS: list[dict[str, Any]] = [
    {"text": "Write to jane@firma.de from 8.8.8.8.", "id": "a", "tags": ["x"], "n": 1},
    {"text": None, "id": "b", "tags": [], "n": 2},
    {"text": "Nothing here.", "id": "c", "tags": ["y"], "n": None},
    {"text": "a@firma.de b@firma.de c@firma.de", "id": "d", "tags": None, "n": 4},
]


def lines(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    return said


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("mode", ["mask", "pseudonym", "hash", "remove"])
def test_texts_are_clean_and_all_else_stays(tmp_path: Path, mode: Any) -> None:
    path = lines(tmp_path / "rows.jsonl", ROWS)
    found = curate.scrub_files([path], Scrub(mode=mode), out=tmp_path / "out.jsonl", columns={"id": "id"})
    rows = read(tmp_path / "out.jsonl")
    texts, ids = (pl.Series([row[name] for row in ROWS], dtype=pl.String) for name in ("text", "id"))
    clean = scrub_texts(texts, entities=Scrub().entities, mode=mode, ids=ids)["text"]
    assert rows == [row | {"text": text} for row, text in zip(ROWS, clean, strict=True)]
    assert (found.rows, found.changed, found.dropped) == (4, 2, 0)
    assert found.findings == {"EMAIL_ADDRESS": 4, "IP_ADDRESS": 1}
    assert found.outputs == (tmp_path / "out.jsonl",)


def test_rows_with_too_many_findings_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = lines(tmp_path / "rows.jsonl", ROWS)
    assert run("scrub", path, "--out", tmp_path / "out.parquet", "--max-findings", 2, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["changed"], told["dropped"], told["unreadable"]) == (4, 1, 1, 0)
    assert pl.read_parquet(tmp_path / "out.parquet")["id"].to_list() == ["a", "b", "c"]
    assert run("scrub", path, "--out", tmp_path / "out.parquet", "--max-findings", 2) == 0
    assert "1 rows were dropped, as they had more than max_findings" in capsys.readouterr().out


def test_columns_of_parquet_keep_their_types_and_files_that_differ_are_united(tmp_path: Path) -> None:
    text = pa.array([row["text"] for row in ROWS])
    table = pa.table({"body": text, "n": pa.array([1, 2, None, 4], pa.int32()), "raw": [b"\xff", None, b"", b"x"]})
    pq.write_table(table, tmp_path / "a.parquet")
    lines(tmp_path / "b.jsonl", [{"body": "x@y.org", "more": {"deep": 1}}])
    out = tmp_path / "out.parquet"
    curate.scrub_files([tmp_path / "a.parquet", tmp_path / "b.jsonl"], out=out, columns={"text": "body"})
    found = pq.read_table(out)
    assert found.column_names == ["body", "n", "raw", "more"]
    assert found.schema.field("body").type == pa.string()
    assert found.schema.field("n").type == pa.int32()
    assert found.column("body").to_pylist()[::4] == ["Write to <EMAIL_ADDRESS> from <IP_ADDRESS>.", "<EMAIL_ADDRESS>"]
    assert found.column("raw").to_pylist() == [b"\xff", None, b"", b"x", None]
    pq.write_table(pa.table({"text": text.dictionary_encode()}), tmp_path / "c.parquet")
    curate.scrub_files([tmp_path / "c.parquet"], out=out)
    assert pq.read_schema(out).field("text").type == text.dictionary_encode().type


def test_into_a_folder_each_file_gets_one_of_its_own_name(tmp_path: Path) -> None:
    data = tmp_path / "in"
    lines(data / "a.jsonl", ROWS[:1])
    lines(data / "deep" / "a.jsonl", ROWS[2:])
    lines(data / "b.ndjson", ROWS[:2])
    pl.DataFrame(ROWS).write_parquet(data / "c.pq")
    pl.DataFrame(ROWS).write_parquet(data / "d.parquet", row_group_size=1)
    found = curate.scrub_files([data], out=tmp_path / "out")
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in found.outputs)
    assert names == ["a.jsonl", "b.jsonl", "c.parquet", "d.parquet", "deep/a.jsonl"]
    assert [len(read(tmp_path / "out" / name)) for name in names if name.endswith("l")] == [1, 2, 2]
    assert pl.read_parquet(tmp_path / "out" / "d.parquet")["n"].to_list() == [1, 2, None, 4]
    again = tmp_path / "again"
    curate.scrub_files([tmp_path / "out"], out=again)
    assert (again / "a.jsonl").read_bytes() == (tmp_path / "out" / "a.jsonl").read_bytes(), "what is clean stays"


def test_an_input_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(tmp_path / "in" / "rows.jsonl", ROWS)
    before = path.read_bytes()
    assert "is an input" in refused(capsys, "scrub", path, "--out", path)
    assert "is an input" in refused(capsys, "scrub", path, "--out", path.parent)
    assert "lies among the inputs" in refused(capsys, "scrub", path.parent, "--out", path.parent / "clean.jsonl")
    assert "lies among the inputs" in refused(capsys, "scrub", path.parent, "--out", path.parent / "clean")
    lines(tmp_path / "in" / "rows.ndjson", ROWS)
    said = refused(capsys, "scrub", path, path.with_suffix(".ndjson"), "--out", tmp_path / "out")
    assert "would both be written to" in said
    other = tmp_path / "table.csv"
    other.write_text("x")
    assert "the format follows the suffix" in refused(capsys, "scrub", path, "--out", other)
    assert path.read_bytes() == before


def test_what_cannot_be_read_is_named_and_the_rest_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(tmp_path / "rows.jsonl", [*ROWS, '{"text": 7}', "{"])
    assert run("scrub", path, "--out", tmp_path / "out.jsonl") == 3
    said = capsys.readouterr().err
    assert "bad_json" in said
    assert "2 rows could not be read; the rest is done" in said
    assert len(read(tmp_path / "out.jsonl")) == 4
    (tmp_path / "table.csv").write_text("text\nhello\n")
    assert "nothing could be read" in refused(capsys, "scrub", tmp_path / "table.csv", "--out", tmp_path / "o.jsonl")
    assert "nothing could be read" in refused(capsys, "scrub", tmp_path / "table.csv", "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_a_text_that_cannot_be_scrubbed_is_in_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text("def number(text):\n    return [(0, 1)] if 'x' not in text else 1 / 0\n")
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "rows.jsonl", [{"text": text} for text in ("one", "six", "two")])
    assert run("scrub", "rows.jsonl", "--out", "out.jsonl", "--entities", "own:number") == 3
    assert "rows.jsonl@16 could not be read: scrub: text 0 of 3 characters" in capsys.readouterr().err
    assert [row["text"] for row in read(tmp_path / "out.jsonl")] == ["<NUMBER>ne", "<NUMBER>wo"]


def test_options_that_mean_nothing_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(tmp_path / "rows.jsonl", ROWS)
    out = ["--out", tmp_path / "out.jsonl"]
    assert "needs --out" in refused(capsys, "scrub", path)
    assert 'did you mean "mask"' in refused(capsys, "scrub", path, *out, "--mode", "msak")
    assert 'did you mean "EMAIL_ADDRESS"' in refused(capsys, "scrub", path, *out, "--entities", "EMAIL_ADRESS")
    assert "expected a whole number" in refused(capsys, "scrub", path, *out, "--max-findings", "-1")
    assert "asks no model" in refused(capsys, "scrub", path, *out, "--model", "en_core_web_sm")
    assert '"boddy"' in refused(capsys, "scrub", path, *out, "--text", "boddy")
    assert "--audit writes nothing, so --mode says nothing" in refused(
        capsys, "scrub", path, "--audit", "--mode", "hash"
    )
    assert "is not a run's folder" in refused(capsys, "scrub", tmp_path, "--audit")
    assert "looks at one run, found 2" in refused(capsys, "scrub", path, path, "--audit")
    assert not (tmp_path / "out.jsonl").exists()


RECIPE = """\
name = "toy"
[[source]]
name = "one"
read = "tables"
paths = ["one.jsonl"]
[[source]]
name = "two"
read = "tables"
paths = ["two.jsonl"]
[scrub]
{scrub}
[tokenize]
tokenizer = "bytes"
validation = 0
"""
TEXTS = {
    "one": ["Mail jane@firma.de.\x1b[31m", "token = '8sK2jd93mXq0Lw7fZpT4' of bob@firma.de", "host 8.8.8.8 8.8.4.4"],
    "two": ["nothing", "from 91.200.3.4"],
}


def toy(folder: Path, scrub: str) -> curate.Run:
    for name, texts in TEXTS.items():
        lines(folder / f"{name}.jsonl", [{"text": text} for text in texts])
    (folder / "toy.toml").write_text(RECIPE.format(scrub=scrub))
    return curate.run(folder / "toy.toml", out=folder / "run", workers=0)


def test_an_audit_counts_by_source_and_entity_what_a_run_has_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = toy(tmp_path, 'entities = ["EMAIL_ADDRESS"]')
    found = made.audit()
    assert found.documents == 5
    assert {"EMAIL_ADDRESS", "IP_ADDRESS", "SECRET"} <= {*found.entities}
    counts = {(each.source, each.entity): (each.findings, each.documents) for each in found.left}
    assert counts == {("one", "IP_ADDRESS"): (2, 1), ("one", "SECRET"): (1, 1), ("two", "IP_ADDRESS"): (1, 1)}
    assert [each.entity for each in made.audit(entities=["EMAIL_ADDRESS", "SECRET"]).left] == ["SECRET"]
    assert run("scrub", made.folder, "--audit", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["left"][1]["excerpts"] == ["token = '8sK2jd93mXq0Lw7fZpT4' of <EMAIL_ADDRESS>"]
    assert run("scrub", made.folder, "--audit", "--entities", "IP_ADDRESS") == 0
    assert "one: 2 × IP_ADDRESS in 1 documents" in capsys.readouterr().out


def test_an_audit_of_a_run_without_scrubbing_shows_what_it_finds_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = toy(tmp_path, "entities = []")
    assert run("scrub", made.folder, "--audit") == 0
    said = capsys.readouterr().out
    assert "\x1b[31m" not in said
    assert "Mail jane@firma.de." in said
    with pytest.raises(UsageError, match="does not find PERSON"):
        made.audit(entities=["PERSON"])


@pytest.mark.parametrize("mode", ["mask", "pseudonym", "hash", "remove"])
def test_nothing_is_left_of_what_a_run_has_scrubbed_in_any_mode(tmp_path: Path, mode: str) -> None:
    entities = 'entities = ["EMAIL_ADDRESS", "IP_ADDRESS", "SECRET"]'
    made = toy(tmp_path, f'{entities}\nmode = "{mode}"')
    assert made.audit(entities=["EMAIL_ADDRESS", "IP_ADDRESS", "SECRET"]).left == ()
