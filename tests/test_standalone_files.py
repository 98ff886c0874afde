"""Plain files in, plain files out: nothing is written over, nothing of a row is lost, what can't be read is named."""

from __future__ import annotations

import datetime
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.cli import main
from curate.recipe_dedup import Dedup
from curate.standalone.dedup import dedup_files
from curate.standalone.writing import as_table, schema_of, united

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
PAGES = [" ".join(WORDS[start : start + 60]) for start in range(0, 600, 60)]


def lines(path: Path, rows: list[Any]) -> Path:
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


def symbolic(path: Path, there: Path) -> Path:
    path.symlink_to(there)
    return path


def hard(path: Path, there: Path) -> Path:
    os.link(there, path)
    return path


@pytest.mark.parametrize("command", ["dedup", "decontaminate"])
@pytest.mark.parametrize("option", ["--out", "--kept"])
@pytest.mark.parametrize(
    "spell",
    [
        lambda path: path,
        lambda path: path.parent / "." / ".." / path.parent.name / path.name,
        lambda path: symbolic(path.parent / "soft.jsonl", path),
        lambda path: hard(path.parent / "hard.jsonl", path),
    ],
    ids=["the same", "another spelling", "symbolic link", "hard link"],
)
def test_an_input_is_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, option: str, spell: Callable[[Path], Path]
) -> None:
    rows = lines(tmp_path / "rows.jsonl", [{"text": PAGES[0]}])
    sets = ["--against", lines(tmp_path / "quiz.jsonl", [{"q": PAGES[1]}])] if command == "decontaminate" else []
    before = rows.read_bytes()
    outputs = {"--out": tmp_path / "out.parquet"} | {option: spell(rows)}
    flat = [word for pair in outputs.items() for word in pair]
    assert f"{option} " in (said := refused(capsys, command, rows, *sets, *flat))
    assert "is an input" in said
    assert rows.read_bytes() == before


def test_an_evaluation_set_is_not_written_over_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, sets = lines(tmp_path / "a.jsonl", [{"text": PAGES[0]}]), lines(tmp_path / "quiz.jsonl", [{"q": PAGES[1]}])
    assert "is an input" in refused(capsys, "decontaminate", rows, "--against", sets, "--out", sets)


@pytest.mark.parametrize("inputs", ["{}", "{}/*.jsonl", "{}/**/*.jsonl", "@{}/list.txt"])
def test_what_would_be_an_input_the_next_time_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], inputs: str
) -> None:
    lines(tmp_path / "rows.jsonl", [{"text": PAGES[0]}])
    (tmp_path / "list.txt").write_text(str(tmp_path / "*.jsonl") + "\n")
    link = symbolic(tmp_path.parent / f"{tmp_path.name}-link", tmp_path)
    for folder in (tmp_path, link):
        said = refused(capsys, "dedup", inputs.format(tmp_path), "--out", folder / "v.jsonl")
        assert "lies among the inputs" in said
    link.unlink()
    assert not (tmp_path / "v.jsonl").exists()


def test_outputs_differ_from_each_other_and_lie_in_no_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = lines(tmp_path / "rows.jsonl", [{"text": PAGES[0]}])
    one, other = tmp_path / "o.parquet", tmp_path / "x" / ".." / "o.parquet"
    (tmp_path / "x").mkdir()
    assert "--out and --kept are one file" in refused(capsys, "dedup", rows, "--out", one, "--kept", other)
    index = tmp_path / "x"
    said = refused(capsys, "dedup", rows, "--out", index / "00000.parquet", "--index", index)
    assert "lies in the folder of --index" in said
    inside = lines(index / "rows.jsonl", [{"text": PAGES[0]}])
    assert "is the folder of an input" in refused(capsys, "dedup", inside, "--out", one, "--index", index)
    for place in (rows, rows / "below" / "it"):
        assert "is no folder" in refused(capsys, "dedup", rows, "--out", one, "--index", place)
    pl.DataFrame({"a": [1]}).write_parquet(index / "mine.parquet")
    assert "it is no index" in refused(capsys, "dedup", rows, "--out", one, "--index", index)
    for name in ("v", "v.csv", "v.json", "v.jsonl.bz2", "v.parquet.gz"):
        assert "allowed are .parquet, .jsonl" in refused(capsys, "dedup", rows, "--out", tmp_path / name)


READ: dict[str, Callable[[bytes], bytes]] = {
    ".jsonl": bytes,
    ".jsonl.gz": gzip.decompress,
    ".jsonl.zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.mark.parametrize("suffix", [*READ, ".parquet"])
def test_the_format_follows_the_suffix(tmp_path: Path, suffix: str) -> None:
    rows = lines(
        tmp_path / "rows.jsonl", [{"text": text, "id": f"{at:02}"} for at, text in enumerate([*PAGES, PAGES[3]])]
    )
    out, kept = tmp_path / f"v{suffix}", tmp_path / f"k{suffix}"
    assert run("dedup", rows, "--out", out, "--kept", kept) == 0
    tables = []
    for path in (out, kept):
        if suffix == ".parquet":
            tables.append(pl.read_parquet(path))
        else:
            tables.append(pl.read_ndjson(READ[suffix](path.read_bytes())))
    assert tables[0]["duplicate_of"].to_list() == [*[None] * 10, "03"]
    assert tables[1].to_dicts() == [{"text": text, "id": f"{at:02}"} for at, text in enumerate(PAGES)]
    before = out.read_bytes(), kept.read_bytes()
    assert run("dedup", rows, "--out", out, "--kept", kept) == 0
    assert (out.read_bytes(), kept.read_bytes()) == before
    assert {path.name for path in tmp_path.iterdir()} == {rows.name, out.name, kept.name}


def test_all_columns_stay_with_their_types_and_files_that_differ_are_united(tmp_path: Path) -> None:
    day = datetime.date(2024, 2, 29)
    first = pa.table(
        {
            "body": pa.array(PAGES[:2], pa.string_view()),
            "day": pa.array([day, None]),
            "tags": pa.array([["a", "b"], []], pa.list_(pa.string())),
            "score": pa.array([1, 2], pa.int32()),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "either": pa.array([1, 2]),
        }
    )
    second = pa.table({"body": pa.array(PAGES[1:3], pa.large_string()), "score": [0.5, 1.5], "either": ["a", "b"]})
    third = [{"body": PAGES[3], "meta": {"deep": [1, 2]}, "score": 7, "either": {"x": 1}}]
    pq.write_table(first, tmp_path / "a.parquet")
    pq.write_table(second, tmp_path / "b.parquet")
    lines(tmp_path / "c.jsonl", third)
    files = [tmp_path / name for name in ("a.parquet", "b.parquet", "c.jsonl")]
    kept = tmp_path / "kept.parquet"
    dedup_files(files, Dedup(), columns={"text": "body"}, kept=kept)
    table = pq.read_table(kept)
    assert table.column_names == ["body", "day", "tags", "score", "kind", "either", "meta"]
    assert table.column("body").to_pylist() == PAGES[:4]
    assert table.column("day").to_pylist() == [day, None, None, None]
    assert table.column("tags").to_pylist() == [["a", "b"], [], None, None]
    assert table.column("score").to_pylist() == [1.0, 2.0, 1.5, 7.0]
    assert table.schema.field("kind").type == first.schema.field("kind").type
    assert table.column("either").to_pylist() == ["1", "2", "b", '{"x": 1}']
    assert table.column("meta").to_pylist() == [None, None, None, {"deep": [1, 2]}]
    as_lines = tmp_path / "kept.jsonl"
    dedup_files(files, Dedup(), columns={"text": "body"}, kept=as_lines)
    rows = [json.loads(line) for line in as_lines.read_text().splitlines()]
    assert rows[0] == {"body": PAGES[0], "day": "2024-02-29", "tags": ["a", "b"], "score": 1, "kind": "x", "either": 1}
    assert rows[3] == third[0]


plain = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=5)
a_value = plain | st.lists(plain, max_size=2)
a_row = st.builds(dict, st.dictionaries(st.sampled_from("abcd"), a_value, max_size=4), text=st.text(max_size=3))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(a_row, max_size=4), min_size=1, max_size=3))
def test_rows_of_any_types_fit_into_one_table(files: list[list[dict[str, Any]]]) -> None:
    schema = united(schema_of(rows) for rows in files)
    for rows in files:
        table = as_table(rows, schema)
        assert table.num_rows == len(rows)
        for name in table.column_names:
            for row, value in zip(rows, table.column(name).to_pylist(), strict=True):
                asked = row.get(name)
                assert (value is None) == (asked is None)
                if isinstance(asked, int | float) and not isinstance(asked, bool) and not isinstance(value, str):
                    assert value == asked


TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()]


@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
@pytest.mark.parametrize("is_dictionary", [False, True])
def test_every_type_of_text_is_text(tmp_path: Path, kind: pa.DataType, is_dictionary: bool) -> None:
    values = pa.array([PAGES[0], None, PAGES[0] + " More.", PAGES[1]], pa.string())
    values = values.cast(pa.binary()).cast(kind) if pa.types.is_binary(kind) else values.cast(kind)
    if is_dictionary:
        if pa.types.is_string_view(kind):
            pytest.skip("Arrow makes no dictionaries of views")
        values = values.dictionary_encode()
    pq.write_table(pa.table({"text": values, "n": [1, 2, 3, 4]}), tmp_path / "a.parquet")
    dedup = Dedup(method=("exact", "minhash", "lines"))
    found = dedup_files([tmp_path / "a.parquet"], dedup, kept=tmp_path / "k.parquet")
    verdicts, unread = found.verdicts, found.unread
    assert unread == ()
    assert verdicts["duplicate_of"].to_list() == ["a.parquet@2", None, None, None]
    kept = pq.read_table(tmp_path / "k.parquet")
    assert kept.column("n").to_pylist() == [2, 3, 4]
    assert kept.schema.field("text").type == pq.read_table(tmp_path / "a.parquet").schema.field("text").type


def test_a_column_of_nulls_is_text_that_is_not_there(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.nulls(2), "n": [1, 2]}), tmp_path / "a.parquet")
    found = dedup_files([tmp_path / "a.parquet"], Dedup(), kept=tmp_path / "k.parquet")
    verdicts, unread = found.verdicts, found.unread
    assert (verdicts.height, unread) == (2, ())
    assert pq.read_table(tmp_path / "k.parquet").column("n").to_pylist() == [1, 2]


def damaged_group(path: Path) -> Path:
    """Three row groups of four rows; the text of the second is damaged."""
    table = pa.table({"id": [f"d{number}" for number in range(12)], "text": [*PAGES, PAGES[0], PAGES[9]]})
    pq.write_table(table, path, row_group_size=4, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    place = data.index(PAGES[5].encode())
    data[place : place + 20] = b"\0" * 20
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("command", ["dedup", "decontaminate"])
def test_a_damaged_row_group_costs_its_rows_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    rows, kept = damaged_group(tmp_path / "rows.parquet"), tmp_path / "kept.parquet"
    sets = ["--against", lines(tmp_path / "quiz.jsonl", [{"q": PAGES[2]}])] if command == "decontaminate" else []
    assert run(command, rows, *sets, "--out", tmp_path / "o.parquet", "--kept", kept, "--json") == 3
    told = capsys.readouterr()
    counts = json.loads(told.out)
    assert (counts["documents"], counts["unreadable"]) == (8, 4)
    assert "rows.parquet@4 could not be read: corrupt: rows 4 to 7: " in told.err
    left = pl.read_parquet(kept)["id"].to_list()
    expected = {"dedup": "d0 d1 d2 d3 d8 d11", "decontaminate": "d0 d1 d3 d8 d9 d10 d11"}
    assert left == expected[command].split()


def test_a_column_that_only_kept_needs_costs_rows_only_where_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"text": PAGES, "note": [f"note number {number}, longer" for number in range(10)]})
    pq.write_table(table, path, row_group_size=5, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    place = data.index(b"note number 7")
    data[place : place + 4] = b"\0" * 4
    path.write_bytes(data)
    assert dedup_files([path], Dedup()).unread == ()
    found = dedup_files([path], Dedup(), kept=tmp_path / "kept.jsonl")
    verdicts, unread = found.verdicts, found.unread
    assert [part.rows for part in unread] == [5]
    assert verdicts.height == 5
    assert len((tmp_path / "kept.jsonl").read_text().splitlines()) == 5


def test_rows_that_cannot_be_read_are_counted_named_and_said_by_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = ["{broken", {"text": ["a", "list"]}, '{"text": "half a character \\ud800"}', {"text": None}, "[1]"]
    rows = lines(tmp_path / "rows.jsonl", [{"text": PAGES[0]}, *bad, {"text": PAGES[1]}])
    out = tmp_path / "v.parquet"
    assert run("dedup", rows, "--out", out) == 3
    told = capsys.readouterr()
    assert told.err.count("could not be read: ") == 4
    for reason in ("bad_json", "no_text", "encoding"):
        assert f"could not be read: {reason}: " in told.err
    assert "curate: 4 rows could not be read; the rest is done" in told.err
    assert pl.read_parquet(out).height == 3
    odd = tmp_path / "odd"
    odd.mkdir()
    invalid = pa.array([PAGES[0].encode(), b"\xff\xfe", PAGES[1].encode()], pa.binary())
    pq.write_table(pa.table({"text": invalid}), odd / "a.parquet")
    (odd / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps({"text": PAGES[2]}).encode() * 5000)[:-9])
    (odd / "c.parquet").write_bytes(b"PAR1 torn")
    pq.write_table(pa.table({"text": [1, 2, 3]}), odd / "d.parquet")
    (odd / "README.txt").write_text("no table")
    assert run("dedup", odd, "--out", out, "--json") == 3
    told = capsys.readouterr()
    assert json.loads(told.out)["documents"] == 2
    for words in ("a.parquet@1", "c.parquet could", "d.parquet could", 'the column "text" is no text: it holds int64'):
        assert words in told.err
    assert "README.txt could not be read: file_type" in told.err


def test_where_nothing_can_be_read_nothing_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, out = tmp_path / "rows.csv", tmp_path / "v.parquet"
    table.write_text("text\nhello\n")
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 torn")
    for path, words in (
        (table, "rows.csv: file_type: expected .parquet or .jsonl"),
        (torn, "torn.parquet cannot be read as Parquet"),
        (lines(tmp_path / "a.jsonl", ["{", "["]), "bad_json"),
        (lines(tmp_path / "b.jsonl", [{"txet": "a"}]), 'no column "text" to take "text" from; did you mean "txet"'),
    ):
        assert words in refused(capsys, "dedup", path, "--out", out)
        assert not out.exists()
    assert run("dedup", lines(tmp_path / "empty.jsonl", []), "--out", out) == 0
    assert pl.read_parquet(out).is_empty()


def test_the_same_files_twice_are_known_to_an_index_and_no_copies_of_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = lines(tmp_path / "rows.jsonl", [{"text": text} for text in (*PAGES[:4], PAGES[0], "", PAGES[1] + " More.")])
    out, kept, index = tmp_path / "v.parquet", tmp_path / "k.jsonl", tmp_path / "i"
    command = ["dedup", rows, "--out", out, "--kept", kept, "--index", index]
    assert run(*command, "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["known"], first["stay"], first["copies"]) == (0, 5, {"exact": 1, "minhash": 1})
    assert run(*command) == 0
    said = capsys.readouterr().out
    assert "5 are in an index already, with this id and this text" in said
    verdicts = pl.read_parquet(out)
    known = verdicts.filter(pl.col("method") == "known")
    assert (known["id"] == known["duplicate_of"]).all()
    assert verdicts.filter(pl.col("method") != "known").height == 2  # the copies repeat what is in the index
    assert kept.read_text() == ""
    files = sorted(index.glob("*.parquet"))
    assert sum(pl.read_parquet(file).height for file in files) == 5
    assert run(*command) == 0  # and an index that has been asked twice can be asked again


def test_another_text_under_an_id_of_the_index_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, out, index = lines(tmp_path / "a.jsonl", [{"text": PAGES[0]}]), tmp_path / "v.parquet", tmp_path / "i"
    assert run("dedup", one, "--out", out, "--index", index) == 0
    out.unlink()
    capsys.readouterr()
    lines(tmp_path / "a.jsonl", [{"text": PAGES[1]}, {"text": PAGES[2]}])
    assert 'another text under the id "a.jsonl@0"' in refused(capsys, "dedup", one, "--out", out, "--index", index)
    assert not out.exists()
    assert run("dedup", one, "--out", out, "--against", index) == 0  # to compare with it does no harm
    assert pl.read_parquet(out)["duplicate_of"].null_count() == 2


@pytest.mark.parametrize("damage", ["parameters", "no object", "a file torn", "a page", "a gap", "other parameters"])
def test_a_damaged_index_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    rows, out, index = (
        lines(tmp_path / "a.jsonl", [{"text": page} for page in PAGES]),
        tmp_path / "v.parquet",
        tmp_path / "i",
    )
    assert run("dedup", rows, "--out", out, "--index", index) == 0
    capsys.readouterr()
    file, more = index / "00000.parquet", []
    if damage == "parameters":
        (index / "index.json").write_text('{"version": ')
    elif damage == "no object":
        (index / "index.json").write_text("[1]")
    elif damage == "a file torn":
        file.write_bytes(file.read_bytes()[:-30])
    elif damage == "a page":
        data = file.read_bytes()
        file.write_bytes(data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :])
    elif damage == "a gap":
        (index / "index.json").unlink()
    else:
        more = ["--ngram", "3"]
    expected = {
        "parameters": "is damaged, or no index's",
        "no object": "it holds list",
        "a file torn": "00000.parquet cannot be read as Parquet",
        "a page": "00000.parquet cannot be read as Parquet",
        "a gap": 'holds "00000.parquet", but no index.json',
        "other parameters": "was made with version",
    }
    assert expected[damage] in refused(capsys, "dedup", rows, "--out", out, "--index", index, *more)


def test_a_column_that_stands_twice_costs_its_file_only_where_it_is_needed(tmp_path: Path) -> None:
    columns = [pa.array(PAGES[:2]), pa.array([1, 2]), pa.array([3, 4])]
    pq.write_table(pa.Table.from_arrays(columns, names=["text", "a", "a"]), tmp_path / "a.parquet")
    files = [tmp_path / "a.parquet", lines(tmp_path / "b.jsonl", [{"text": PAGES[2]}])]
    assert dedup_files(files, Dedup()).verdicts.height == 3
    found = dedup_files(files, Dedup(), kept=tmp_path / "kept.parquet")
    verdicts, unread = found.verdicts, found.unread
    assert [(part.reason, part.rows) for part in unread] == [("columns", 2)]
    assert verdicts.height == 1


@pytest.mark.parametrize("scores", [["high", "low"], [[1], [2]], [{"a": 1}, {"a": 2}]])
def test_a_column_without_numbers_decides_nothing_and_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scores: list[Any]
) -> None:
    rows = [{"text": page, "score": score} for page, score in zip(PAGES, scores, strict=False)]
    out = ["--out", tmp_path / "o.parquet", "--keep", "highest:score"]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    for path in (lines(tmp_path / "a.jsonl", rows), tmp_path / "a.parquet"):
        assert "the column holds no numbers" in refused(capsys, "dedup", path, *out)
    some = lines(tmp_path / "b.jsonl", [*rows, {"text": PAGES[0], "score": "0.5"}])
    assert run("dedup", some, *out) == 0
    assert (
        pl.read_parquet(tmp_path / "o.parquet")["duplicate_of"][0] == pl.read_parquet(tmp_path / "o.parquet")["id"][2]
    )


def test_a_column_whose_name_is_no_utf8_is_damage_to_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, out = tmp_path / "a.parquet", tmp_path / "o.parquet"
    pq.write_table(pa.table({"text": PAGES[:2], "remark": [1, 2]}), broken)
    broken.write_bytes(broken.read_bytes().replace(b"remark", b"rem\xee_k"))
    assert "a.parquet cannot be read as Parquet" in refused(capsys, "dedup", broken, "--out", out)
    good = lines(tmp_path / "b.jsonl", [{"text": PAGES[0]}])
    assert run("dedup", broken, good, "--out", out) == 3
    assert pl.read_parquet(out).height == 1


def test_an_output_that_is_a_link_is_written_through_it(tmp_path: Path) -> None:
    rows = lines(tmp_path / "rows.jsonl", [{"text": text} for text in PAGES])
    (tmp_path / "big").mkdir()
    links = {name: symbolic(tmp_path / f"{name}.jsonl", Path("big") / f"{name}.jsonl") for name in ("out", "kept")}
    assert run("dedup", rows, "--out", links["out"], "--kept", links["kept"]) == 0
    for name, link in links.items():
        assert link.is_symlink()
        assert len((tmp_path / "big" / f"{name}.jsonl").read_text().splitlines()) == len(PAGES)
    assert sorted(path.name for path in (tmp_path / "big").iterdir()) == ["kept.jsonl", "out.jsonl"]


def test_a_link_to_nowhere_or_to_itself_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = lines(tmp_path / "rows.jsonl", [{"text": PAGES[0]}])
    nowhere, circle = tmp_path / "nowhere.jsonl", tmp_path / "circle.jsonl"
    nowhere.symlink_to(tmp_path / "no" / "x.jsonl")
    circle.symlink_to(circle)
    assert "there is no folder" in refused(capsys, "dedup", rows, "--out", nowhere)
    assert "is a link that ends in itself" in refused(capsys, "dedup", rows, "--out", circle)


def test_an_index_is_made_in_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, out = lines(tmp_path / "rows.jsonl", [{"text": PAGES[0]}]), tmp_path / "out" / "v.jsonl"
    out.parent.mkdir()
    for name in ("notes.txt", ".git", "0001.arrow"):
        folder = tmp_path / f"with-{name}"
        folder.mkdir()
        (folder / name).write_text("mine")
        assert f'holds "{name}"' in refused(capsys, "dedup", rows, "--out", out, "--index", folder)
        assert [path.name for path in folder.iterdir()] == [name]
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "index.part").write_text("{")
    assert run("dedup", rows, "--out", out, "--index", begun) == 0


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("option", [("--id", "key"), ("--url", "key"), ("--keep", "highest:key")])
def test_a_column_that_was_named_and_that_no_row_has_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, option: tuple[str, str]
) -> None:
    path = tmp_path / f"rows{suffix}"
    frame = pl.DataFrame({"text": PAGES, "kee": range(len(PAGES))})
    frame.write_parquet(path) if suffix == ".parquet" else frame.write_ndjson(path)
    said = refused(capsys, "dedup", path, "--out", tmp_path / "v.jsonl", *option)
    assert 'column "key"' in said
    assert 'did you mean "kee"?' in said


def test_a_column_that_some_rows_of_one_file_have_is_enough(tmp_path: Path) -> None:
    one = lines(tmp_path / "one.jsonl", [{"text": PAGES[0]}, {"text": PAGES[1]}])
    two = lines(tmp_path / "two.jsonl", [{"text": PAGES[2]}, {"text": PAGES[3], "key": "k"}])
    verdicts = dedup_files([one, two], Dedup(), columns={"id": "key"}).verdicts
    assert verdicts["id"].to_list()[3] == "k"
    assert len(verdicts) == 4


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("option", [("--method", "url"), ("--keep", "latest")])
def test_what_needs_a_column_that_nobody_has_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, option: tuple[str, str]
) -> None:
    path = tmp_path / f"rows{suffix}"
    frame = pl.DataFrame({"text": PAGES})
    frame.write_parquet(path) if suffix == ".parquet" else frame.write_ndjson(path)
    assert "no row has a column" in refused(capsys, "dedup", path, "--out", tmp_path / "v.jsonl", *option)
    others = lines(tmp_path / "others.jsonl", [{"text": "more", "url": "https://a.example/", "timestamp": "2020"}])
    assert run("dedup", path, others, "--out", tmp_path / "v.jsonl", *option) == 0


@pytest.mark.parametrize("method", ["lines", "substring"])
def test_a_document_that_is_cut_to_nothing_is_not_said_to_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    whole = "\n".join(" ".join(WORDS[start : start + 20]) for start in range(0, 400, 20))
    rows = lines(tmp_path / "rows.jsonl", [{"text": whole, "id": "a"}, {"text": whole, "id": "b"}, {"text": PAGES[8]}])
    out, kept = tmp_path / "v.jsonl", tmp_path / "k.jsonl"
    assert run("dedup", rows, "--method", method, "--out", out, "--kept", kept, "--json") == 0
    counts = json.loads(capsys.readouterr().out)
    left = [json.loads(line) for line in kept.read_text().splitlines()]
    assert counts["stay"] == len(left) == 2
    assert counts["cut_away"] == 1
    verdicts = [json.loads(line) for line in out.read_text().splitlines()]
    gone = {row["id"] for row in verdicts if row["cut_away"]}
    assert gone == {"a", "b"} - {row.get("id") for row in left}
