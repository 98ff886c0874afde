"""The views of a shard: each is written, read back and checked by its row in the table alone."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

import curate
from curate.engine.sealed import sealed_bytes
from curate.engine.whole import file_digest
from curate.errors import CheckFailed
from curate.report.verify import differences
from curate.run_files import MANIFEST
from curate.tokenize import views
from curate.tokenize.shards import open_shard, write_shard
from curate.tokenize.view import ShardDocuments, Tokens, View
from curate.tokenize.views import VIEWS, check_views, suffixes

README = Path(__file__).parent.parent / "README.md"
WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
PAGES = [" ".join(WORDS[start : start + 40]) for start in range(0, 800, 40)]

RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["web.parquet"]
[[source]]
name = "books"
read = "tables"
paths = ["books.parquet"]
[mix]
weights = { web = 0.5, books = 0.5 }
tokens = 1500
materialize = true
[tokenize]
tokenizer = "bytes"
validation = 0.1
"""


def _write_lengths(file: BinaryIO, documents: ShardDocuments) -> None:
    file.write(" ".join(map(str, documents.tokens)).encode())


def _check_lengths(path: Path, tokens: Tokens, ends: npt.NDArray[np.uint64]) -> None:
    if path.read_text() != " ".join(map(str, np.diff(ends.astype(np.int64), prepend=0))):
        raise CheckFailed(f"{path.name} has other lengths")


LENGTHS = View(suffix=".lengths", about="tokens of each document, as text", write=_write_lengths, check=_check_lengths)


def run(folder: Path) -> curate.Run:
    pl.DataFrame({"text": PAGES[:12]}).write_parquet(folder / "web.parquet")
    pl.DataFrame({"text": PAGES[12:]}).write_parquet(folder / "books.parquet")
    (folder / "toy.toml").write_text(RECIPE)
    return curate.run(folder / "toy.toml", out=folder / "run", workers=0)


def test_readme_names_each_view() -> None:
    told = README.read_text(encoding="utf-8")
    assert all(suffix in told for suffix in suffixes())


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_a_view_that_tells_of_other_documents_is_named(tmp_path: Path, dtype: type) -> None:
    tokens = np.array([7, 8, 256, 9, 256, 1, 2, 3, 256], dtype=dtype)
    ids, sizes = pl.Series(["a", "b", "c"]), pl.Series([2, 1, 3], dtype=pl.Int64)
    [payload, *_] = there = write_shard(tmp_path, "00000", tokens, np.array([0, 3, 5, 9]), ids, sizes)
    shard = open_shard(payload)
    assert check_views(payload, there, shard.tokens, shard.ends) == []
    (tmp_path / "other").mkdir()
    others = write_shard(tmp_path / "other", "00000", tokens, np.array([0, 2, 5, 9]), ids, sizes)
    for view, path in zip(VIEWS, others[1:], strict=True):
        moved = view.beside(payload)
        whole = moved.read_bytes()
        moved.write_bytes(path.read_bytes())
        ends = open_shard(payload).ends if view is VIEWS[0] else shard.ends
        found = [sentence for sentence in check_views(payload, [moved], shard.tokens, ends) if moved.name in sentence]
        assert len(found) == 1, view.suffix
        moved.write_bytes(whole)


def test_another_view_stands_beside_every_shard_of_a_run_and_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "VIEWS", (*VIEWS, LENGTHS))
    done = run(tmp_path)
    payloads = sorted((done.folder / "tokens").glob("*/*/*.bin"))
    assert {path.parent.name for path in payloads} == {"web", "books", "mixed"}
    for path in payloads:
        lengths = list(map(int, LENGTHS.beside(path).read_text().split()))
        assert sum(lengths) * 2 == path.stat().st_size
    assert not list(differences(done))
    damaged = LENGTHS.beside(payloads[0])
    damaged.write_text("1 2 3")
    assert [sentence for sentence in differences(done) if "lengths" in sentence and "bytes" in sentence]


@pytest.mark.parametrize("suffix", [".idx", ".docs.parquet"])
def test_verify_finds_a_view_that_was_written_wrongly_though_its_digest_is_right(tmp_path: Path, suffix: str) -> None:
    done = run(tmp_path)
    [path, other, *_] = sorted((done.folder / "tokens" / "train").glob(f"*/*{suffix}"))
    path.write_bytes(other.read_bytes())
    manifest = done.manifest
    name = path.relative_to(done.folder).as_posix()
    manifest["outputs"][name] = {"size": path.stat().st_size, "sha256": file_digest(path)}
    unsealed = {key: value for key, value in manifest.items() if key != "seal"}
    (done.folder / MANIFEST).write_bytes(sealed_bytes(unsealed))
    [sentence] = differences(done)
    assert sentence.startswith(str(path))
