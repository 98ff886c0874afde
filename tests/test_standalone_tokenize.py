"""Tokens of plain tables: every text once, in order, with what describes them; and what cannot be is said before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tokenizers

import curate
from curate.errors import UsageError
from curate.tokenize.shards import open_shards
from curate.tokenize.train import train_bpe

NOVEL = Path(curate.__file__).parent / "recipes" / "quickstart" / "books" / "persuasion.txt"
TEXTS = [part for part in NOVEL.read_text(encoding="utf-8").split("\n\n") if part.strip()][:300]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(train_bpe(TEXTS, vocab_size=600), encoding="utf-8")
    return path


def table(path: Path, texts: list[str | None], **columns: list[object]) -> Path:
    pl.DataFrame({"text": pl.Series(texts, dtype=pl.String), **columns}).write_parquet(path, row_group_size=40)
    return path


def test_tokens_are_those_of_the_library_and_stand_in_the_order_of_the_rows(tmp_path: Path, tokenizer: Path) -> None:
    files = [table(tmp_path / f"{at}.parquet", TEXTS[at * 100 : at * 100 + 100]) for at in range(3)]  # type: ignore[arg-type]
    found = curate.tokenize_files(files, tokenizer=tokenizer, out=tmp_path / "out")
    array, library = open_shards(tmp_path / "out"), tokenizers.Tokenizer.from_file(str(tokenizer))
    expected = [[*library.encode(text).ids, 0] for text in TEXTS]
    assert [array.document(number).tolist() for number in range(300)] == expected
    assert (found.documents, found.tokens) == (300, len(array)) == (300, sum(map(len, expected)))
    rows = array.documents()
    assert rows["bytes"].to_list() == [len(text.encode()) for text in TEXTS]
    assert found.bytes == rows["bytes"].sum()
    assert rows["id"].n_unique() == 300


def test_the_folder_says_what_a_trainer_must_know(tmp_path: Path, tokenizer: Path) -> None:
    file = table(tmp_path / "docs.parquet", TEXTS[:20])  # type: ignore[arg-type]
    curate.tokenize_files([file], tokenizer=tokenizer, out=tmp_path / "out")
    told = json.loads((tmp_path / "out" / "vocabulary.json").read_text())
    assert told == {
        "size": 600, "end_of_text": 0, "end_of_text_token": "<|endoftext|>", "dtype": "uint16",
        "tokenizer": "tokenizer.json", "fingerprint": told["fingerprint"],
    }  # fmt: skip
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == tokenizer.read_bytes()
    raw = np.fromfile(tmp_path / "out" / "00000.bin", dtype="<u2")
    assert (raw == 0).sum() == 20


def test_what_says_which_tokens_are_control_tokens_goes_along(tmp_path: Path, tokenizer: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>"}')
    file = table(tmp_path / "docs.parquet", TEXTS[:5])  # type: ignore[arg-type]
    curate.tokenize_files([file], tokenizer=tmp_path / "tokenizer.json", out=tmp_path / "out")
    assert (tmp_path / "out" / "tokenizer_config.json").read_text() == '{"eos_token": "<|endoftext|>"}'


def test_rows_without_a_text_are_no_documents_and_columns_go_by_their_names(tmp_path: Path) -> None:
    lines = [{"uri": "a", "content": "One."}, {"uri": "b", "content": None}, {"uri": "c", "content": " \u200b\n"}]
    lines += [{"uri": "d", "content": "Two."}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    columns = {"text": "content", "id": "uri"}
    found = curate.tokenize_files([tmp_path / "x.jsonl"], tokenizer="bytes", out=tmp_path / "out", columns=columns)
    assert (found.documents, found.empty) == (2, 2)
    assert open_shards(tmp_path / "out").documents()["id"].to_list() == ["a", "d"]


def test_a_row_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "One."}\n{"text": \n{"text": "Two."}\n')
    found = curate.tokenize_files([tmp_path / "x.jsonl"], tokenizer="bytes", out=tmp_path / "out")
    assert found.documents == 2
    assert [(part.place, part.reason) for part in found.unread] == [("x.jsonl@17", "bad_json")]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"out": "full"}, "full exists and is not an empty folder"),
        ({"out": "none/out"}, 'there is no folder ".*none" to write "out" into'),
        ({"tokenizer": "no.json"}, 'there is no tokenizer "no.json"'),
        ({"columns": {"text": "body"}}, "body"),
        ({"end_of_text": "<eos>"}, 'no token "<eos>"'),
    ],
)
def test_what_cannot_work_is_said_and_leaves_nothing(
    tmp_path: Path, tokenizer: Path, wrong: dict[str, object], message: str
) -> None:
    file = table(tmp_path / "docs.parquet", TEXTS[:5])  # type: ignore[arg-type]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    given = {"tokenizer": tokenizer, "out": "out", **wrong}
    with pytest.raises(UsageError, match=message):
        curate.tokenize_files([file], **(given | {"out": tmp_path / str(given["out"])}))  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs.parquet", "full"]


def test_the_command_says_what_it_made(tmp_path: Path, tokenizer: Path) -> None:
    file = table(tmp_path / "docs.parquet", [*TEXTS[:5], None])  # type: ignore[list-item]
    command = [sys.executable, "-m", "curate", "tokenize", file, "--tokenizer", tokenizer, "--out", tmp_path / "out"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert told[0].startswith("5 documents, ")
    assert told[1] == "1 rows have no text, and are none"
    assert told[2].endswith("out: 1 shards written.")
