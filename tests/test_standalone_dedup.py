"""`curate dedup` and `curate.dedup_texts` on plain tables: a verdict for each row, whatever the files look like."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.recipe_dedup import Dedup, Ngrams, Substring
from curate.standalone.dedup import dedup_files

PREAMBLE = (
    "We the People of the United States, in Order to form a more perfect Union, establish Justice, insure domestic "
    "Tranquility, provide for the common defence, promote the general Welfare, and secure the Blessings of Liberty to "
    "ourselves and our Posterity, do ordain and establish this Constitution for the United States of America."
)
ARTICLE = (
    "All legislative Powers herein granted shall be vested in a Congress of the United States, which shall consist of "
    "a Senate and House of Representatives. The House of Representatives shall be composed of Members chosen every "
    "second Year by the People of the several States."
)
ROWS = [
    {"doc": "a", "body": PREAMBLE, "link": "http://a.example/1", "score": 1.0},
    {"doc": "b", "body": PREAMBLE + " Signed.", "link": "http://a.example/2", "score": 3.0},
    {"doc": "c", "body": ARTICLE, "link": "http://a.example/3", "score": 2.0},
    {"doc": "d", "body": PREAMBLE.replace("We the", "We  the"), "link": "https://www.a.example/3/", "score": 2.5},
]
COLUMNS = {"text": "body", "id": "doc", "url": "link"}


def as_lines(folder: Path) -> Path:
    path = folder / "rows.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode()))
    return path


def as_parquet(folder: Path) -> Path:
    path = folder / "rows.parquet"
    pl.DataFrame(ROWS).write_parquet(path, row_group_size=1)
    return path


@pytest.mark.parametrize("write", [as_lines, as_parquet])
@pytest.mark.parametrize("workers", [1, 3])
def test_every_row_has_a_verdict_in_the_order_of_the_file(tmp_path: Path, write: object, workers: int) -> None:
    path = write(tmp_path)  # type: ignore[operator]
    found = dedup_files([path], Dedup(), columns=COLUMNS, workers=workers)
    verdicts, unread = found.verdicts, found.unread
    assert verdicts.select("id", "duplicate_of", "cluster", "size", "method").rows() == [
        ("a", "b", "b", 3, "exact"),
        ("b", None, "b", 3, None),
        ("c", None, "c", 1, None),
        ("d", "b", "b", 3, "minhash"),
    ]
    assert unread == ()


@pytest.mark.parametrize("write", [as_lines, as_parquet])
def test_a_column_decides_which_copy_stays_and_urls_make_copies(tmp_path: Path, write: object) -> None:
    path = write(tmp_path)  # type: ignore[operator]
    verdicts = dedup_files([path], Dedup(method=("url",), keep="highest:score"), columns=COLUMNS).verdicts
    assert verdicts.select("id", "duplicate_of").rows() == [("a", None), ("b", None), ("c", "d"), ("d", None)]
    verdicts = dedup_files([path], Dedup(method=("exact",), keep="highest:score"), columns=COLUMNS).verdicts
    assert verdicts.select("id", "duplicate_of").rows() == [("a", "d"), ("b", None), ("c", None), ("d", None)]


def test_without_ids_a_row_is_called_by_its_file_and_number(tmp_path: Path) -> None:
    first, second = tmp_path / "x.parquet", tmp_path / "y.parquet"
    pl.DataFrame({"text": [ARTICLE, None]}).write_parquet(first)
    pl.DataFrame({"text": [ARTICLE, "", ""]}).write_parquet(second)
    verdicts = dedup_files([first, second], Dedup()).verdicts
    assert verdicts["id"].to_list() == ["x.parquet@0", "x.parquet@1", "y.parquet@0", "y.parquet@1", "y.parquet@2"]
    assert verdicts["duplicate_of"].to_list() == [None, None, "x.parquet@0", None, None]


def test_broken_lines_cost_their_rows_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": ARTICLE}) + "\n{broken\n" + json.dumps({"text": ARTICLE}) + "\n")
    found = dedup_files([path], Dedup())
    verdicts, unread = found.verdicts, found.unread
    assert [(part.reason, part.rows) for part in unread] == [("bad_json", 1)]
    assert verdicts["duplicate_of"].null_count() == 1


def test_the_command_writes_verdicts_and_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "verdicts.parquet"
    arguments = ["dedup", str(as_parquet(tmp_path)), "--text", "body", "--id", "doc", "--out", str(out), "--json"]
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--threshold", "0.6", "--verify", "0.8"])
    counts = json.loads(capsys.readouterr().out)
    assert counts["copies"] == {"exact": 1, "minhash": 1}
    assert (counts["documents"], counts["stay"], counts["clusters"], counts["largest_cluster"]) == (4, 2, 1, 3)
    assert pl.read_parquet(out)["id"].to_list() == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--method", "minhsh"], '--method: there is no deduplication method "minhsh"; did you mean "minhash"'),
        (["--text", "bodi"], 'no column "bodi" to take "text" from; did you mean "body"'),
        (["--text", "body", "--threshold", "0.7", "--bands", "20"], "either threshold or bands and rows"),
        (["--text", "body", "--verify", "7"], "--verify: verify must lie between 0.0 and 1.0, found 7.0"),
        (["--text", "body", "--keep", "highest:scor"], 'no column "scor"'),
        (["--text", "body", "--verify", "{ containment = 7 }"], "containment must lie between 0.0 and 1.0, found 7"),
        (["--text", "body", "--verify", "{ contain = 0.7 }"], 'unknown key "contain"; did you mean "containment"'),
        (["--text", "body", "--verify", "much"], "expected a number, found a string ('much')"),
        (
            ["--text", "body", "--verify", "0.7", "--set", "verify.containment=1"],
            "verify has a value, and none below it",
        ),
        (["--text", "body", "--keep", "cleanest", "highest:scor"], 'no column "scor"'),
        (["--text", "body", "--set", "lines.spam=3"], '--lines.spam: unknown key "spam"; did you mean "span"'),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], words: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["dedup", str(as_parquet(tmp_path)), "--out", str(tmp_path / "v.parquet"), *extra])
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_parts_that_repeat_are_cut_and_the_rest_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, kept, out = tmp_path / "rows.jsonl", tmp_path / "kept.parquet", tmp_path / "verdicts.parquet"
    texts = [f"{ARTICLE}\n{PREAMBLE}", f"{PREAMBLE}\nSigned in convention.", PREAMBLE, ARTICLE + " Amended."]
    path.write_text("".join(json.dumps({"id": str(number), "text": text}) + "\n" for number, text in enumerate(texts)))
    command = ["dedup", str(path), "--out", str(out), "--kept", str(kept), "--method", "exact", "lines"]
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--set", "lines.min_words=10"])
    said = capsys.readouterr().out
    assert "lines              2 parts cut" in said
    cuts = pl.read_parquet(out)["cuts"].to_list()
    size = len(PREAMBLE.encode())
    assert cuts == [
        None,
        [{"start": 0, "end": size + 1, "method": "lines", "held_by": "0"}],
        [{"start": 0, "end": size, "method": "lines", "held_by": "0"}],
        None,
    ]
    assert pl.read_parquet(kept).select("id", "text").rows() == [
        ("0", texts[0]),
        ("1", "Signed in convention."),
        ("3", texts[3]),
    ]


@pytest.mark.parametrize("method", ["lines", "substring", "ngrams", "minhash"])
def test_neither_the_order_of_files_nor_workers_change_a_verdict(tmp_path: Path, method: str) -> None:
    rng = random.Random(6)
    sentences = [" ".join(rng.choices(ARTICLE.split(), k=12)) for _ in range(14)]
    texts = ["\n".join(rng.choices(sentences, k=8)) for _ in range(60)]
    rows = [{"id": f"d{number:02}", "text": text} for number, text in enumerate(texts)]
    results = []
    for names, workers in (("abc", 1), ("cab", 2)):  # the same files under other names, so read in another order
        folder = tmp_path / names
        folder.mkdir()
        for place, name in enumerate(names):
            pl.DataFrame(rows[place::3]).write_parquet(folder / f"{name}.parquet")
        parts = {"substring": Substring(10), "ngrams": Ngrams(5)}
        dedup = Dedup(method=(method,), bands=50, rows=2, verify=0.3, **parts)  # type: ignore[arg-type]
        results.append(dedup_files([folder], dedup, workers=workers).verdicts.sort("id"))
    assert results[0].equals(results[1])
    found = results[0]["duplicate_of"] if method == "minhash" else results[0]["cuts"]
    assert found.count() > 10


def test_passages_of_texts_in_memory_are_cut() -> None:
    texts = [f"{PREAMBLE} {ARTICLE}", f"Quoted: {PREAMBLE} Unquoted."]
    verdicts = curate.dedup_texts(texts, method=("substring",), substring=Substring(min_words=20))
    [cut] = verdicts["cuts"].to_list()[1]
    assert cut["held_by"] == "0000000000"
    data = texts[1].encode()
    assert data[: cut["start"]] + data[cut["end"] :] == b"Quoted: Unquoted."


def test_texts_in_memory_are_compared_by_their_places() -> None:
    verdicts = curate.dedup_texts([PREAMBLE, ARTICLE, None, PREAMBLE + " Signed.", "", ""])
    assert verdicts["duplicate_of"].to_list() == [3, None, None, None, None, None]
    assert verdicts["cluster"].to_list() == [3, 1, 2, 3, 4, 5]
    assert curate.dedup_texts([PREAMBLE, PREAMBLE + " Signed."], keep="first")["duplicate_of"].to_list() == [None, 0]
    assert curate.dedup_texts([]).is_empty()
    with pytest.raises(UsageError, match="texts alone have no URL"):
        curate.dedup_texts([PREAMBLE], method=("url",))
