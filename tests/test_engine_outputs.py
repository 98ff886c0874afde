"""Files hashed while they are written, and files that appear whole or not at all."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.index import open_index, write_index
from curate.dedup.sign import sign_documents
from curate.engine.outputs import Outputs
from curate.engine.whole import file_digest, whole_file
from curate.recipe_dedup import Dedup


def entry_of(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def break_off(opened: AbstractContextManager[BinaryIO]) -> None:
    with opened as file:
        file.write(b"begun")
        raise ZeroDivisionError


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50) | st.lists(st.integers(0, 1 << 30), max_size=9)))
def test_a_file_in_any_pieces_has_the_digest_of_what_lies_there(pieces: list[bytes | list[int]]) -> None:
    with TemporaryDirectory() as folder:
        outputs = Outputs(Path(folder))
        with outputs.open("deep/down/a.bin") as file:
            for piece in pieces:  # arrays are written as they lie in memory
                written = file.write(piece if isinstance(piece, bytes) else np.array(piece, dtype="<u4"))  # type: ignore[arg-type]
                assert written == len(piece) * (1 if isinstance(piece, bytes) else 4)
        content = b"".join(
            piece if isinstance(piece, bytes) else np.array(piece, dtype="<u4").tobytes() for piece in pieces
        )
        assert (Path(folder) / "deep/down/a.bin").read_bytes() == content
        assert outputs.entries == {"deep/down/a.bin": entry_of(Path(folder) / "deep/down/a.bin")}


def test_what_is_not_written_to_its_end_is_no_output(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    with pytest.raises(ZeroDivisionError):
        break_off(outputs.open("a.bin"))
    assert not outputs.entries


@pytest.mark.parametrize("rows", [0, 1, 65_536, 140_000])
def test_rows_that_come_one_after_the_other_are_the_bytes_of_the_whole_table(tmp_path: Path, rows: int) -> None:
    number = np.arange(rows)
    table = pl.DataFrame({"id": pl.Series(number).cast(pl.String), "share": pl.Series(number / 7).cast(pl.Float32)})
    table = table.with_columns(pl.when(pl.Series(number % 3 == 0)).then("id").alias("other"))
    outputs = Outputs(tmp_path)
    outputs.table("whole", table)
    outputs.rows("parts", (table[start : start + 9_000] for start in range(0, max(rows, 1), 9_000)))
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    assert outputs.entries["parts"] == outputs.entries["whole"]


def test_the_index_of_a_run_is_hashed_while_it_is_written(tmp_path: Path) -> None:
    dedup = Dedup(method=("exact",))
    documents = pl.DataFrame({"id": ["a", "b", "c"], "source": "web", "text": ["one text", "two texts", "one text"]})
    sign_documents(documents, dedup).write_parquet(tmp_path / "signed.parquet")
    (tmp_path / "workspace").mkdir()
    outputs = Outputs(tmp_path / "workspace")
    folder = outputs.place("dedup/index")
    files, copies = [tmp_path / "signed.parquet"], pl.Series("id", ["c"])
    assert write_index(folder, dedup, files, lambda ids: copies, open_file=outputs.open_at) == 2
    there = {path.relative_to(outputs.folder).as_posix(): entry_of(path) for path in folder.iterdir()}
    assert outputs.entries == there
    assert len(there) == 2
    [rows] = open_index(folder, dedup)
    assert pl.read_parquet(rows)["id"].to_list() == ["a", "b"]


def test_a_whole_file_takes_its_name_at_the_end_and_leaves_nothing_where_it_breaks(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(b"before")
    with whole_file(path) as file:
        file.write(b"after")
        file.flush()
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    with pytest.raises(ZeroDivisionError):
        break_off(whole_file(path))
    assert path.read_bytes() == b"after"
    assert [other.name for other in tmp_path.iterdir()] == ["index.json"]


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=3000))
def test_the_digest_of_a_file_is_sha_256(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(content)
        assert file_digest(path) == hashlib.sha256(content).hexdigest()
