"""The views of a shard: each is written, read back and checked by its row in the table alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import curate
from curate.engine.sealed import sealed_bytes
from curate.engine.whole import file_digest
from curate.errors import RecipeError, RunConflict, UsageError
from curate.report.verify import differences
from curate.run_files import MANIFEST
from curate.tokenize.loss_mask import LOSS_MASK
from curate.tokenize.shards import open_shard, write_shard
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


OWN = """\
import numpy as np
from curate.errors import CheckFailed
from curate.tokenize.view import View
from spelled import spelled

def write(file, documents):
    file.write(spelled(documents.tokens))

def check(path, tokens, ends):
    if path.read_bytes() != spelled(np.diff(ends.astype(np.int64), prepend=0)):
        raise CheckFailed(f"{path} has other lengths")

def breaks(file, documents):
    raise KeyError("no such column")

LENGTHS = View(suffix=".lengths", about="tokens of each document, as text", write=write, check=check)
BROKEN = View(suffix=".broken", about="nothing", write=breaks, check=check)
TWIN = View(suffix=".idx", about="another file of that name", write=write, check=check)
"""


def run(folder: Path, views: Sequence[str] = (), out: str = "run") -> curate.Run:
    pl.DataFrame({"text": PAGES[:12]}).write_parquet(folder / "web.parquet")
    pl.DataFrame({"text": PAGES[12:]}).write_parquet(folder / "books.parquet")
    (folder / "toy.toml").write_text(f"{RECIPE}views = {json.dumps(views)}\n")
    (folder / "own.py").write_text(OWN)
    (folder / "spelled.py").write_text("def spelled(counts):\n    return ' '.join(map(str, counts)).encode()\n")
    return curate.run(folder / "toy.toml", out=folder / out, workers=0)


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
    for view, path in zip((view for view in VIEWS if view is not LOSS_MASK), others[1:], strict=True):
        moved = view.beside(payload)
        whole = moved.read_bytes()
        moved.write_bytes(path.read_bytes())
        ends = open_shard(payload).ends if view is VIEWS[0] else shard.ends
        found = [sentence for sentence in check_views(payload, [moved], shard.tokens, ends) if moved.name in sentence]
        assert len(found) == 1, view.suffix
        moved.write_bytes(whole)


def test_a_view_of_ones_own_stands_beside_every_shard_of_a_run_and_is_verified(tmp_path: Path) -> None:
    done = run(tmp_path, ["own:LENGTHS"])
    payloads = sorted((done.folder / "tokens").glob("*/*/*.bin"))
    assert {path.parent.name for path in payloads} == {"web", "books", "mixed"}
    for path in payloads:
        lengths = list(map(int, path.with_suffix(".lengths").read_text().split()))
        assert sum(lengths) * 2 == path.stat().st_size
    assert list(differences(done)) == []
    assert any(file["name"] == "own:LENGTHS" for file in done.manifest["models"])
    damaged = payloads[0].with_suffix(".lengths")
    damaged.write_text("1 2 3")
    assert [sentence for sentence in differences(done) if "lengths" in sentence and "bytes" in sentence]


def test_a_view_of_ones_own_that_tells_of_other_documents_is_found_though_its_digest_is_right(tmp_path: Path) -> None:
    done = run(tmp_path, ["own:LENGTHS"])
    path, other = sorted((done.folder / "tokens" / "train" / "mixed").glob("*.lengths"))[0], b"7 7 7"
    path.write_bytes(other)
    manifest = done.manifest
    name = path.relative_to(done.folder).as_posix()
    manifest["outputs"][name] = {"size": path.stat().st_size, "sha256": file_digest(path)}
    unsealed = {key: value for key, value in manifest.items() if key != "seal"}
    (done.folder / MANIFEST).write_bytes(sealed_bytes(unsealed))
    assert list(differences(done)) == [f"{path} has other lengths"]
    (tmp_path / "own.py").write_text(OWN.replace("raise CheckFailed", "raise KeyError"))
    [sentence] = differences(done)
    assert sentence.startswith('the view "own:LENGTHS" broke: KeyError')
    (tmp_path / "own.py").unlink()
    [sentence] = differences(done)
    assert sentence.startswith("one's own views cannot be checked: there is no module")


def test_a_view_of_an_installed_package_stands_beside_every_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages"
    (package / "lengths-1.0.dist-info").mkdir(parents=True)
    (package / "lengths-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: lengths\nVersion: 1.0\n")
    (package / "lengths-1.0.dist-info" / "entry_points.txt").write_text("[curate.plugins]\nlengths = its:LENGTHS\n")
    (package / "its.py").write_text(OWN.replace("from spelled import spelled", "from its_spelled import spelled"))
    (package / "its_spelled.py").write_text("def spelled(counts):\n    return b'%d' % len(counts)\n")
    monkeypatch.syspath_prepend(package)
    done = run(tmp_path, ["lengths"])
    assert list(differences(done)) == []
    for path in (done.folder / "tokens").glob("*/*/*.bin"):
        assert int(path.with_suffix(".lengths").read_text()) == open_shard(path).documents().height


@pytest.mark.parametrize(
    ("view", "told"),
    [
        ("own:LENGHTS", r'toy\.toml:\d+: \[tokenize\]: own has no view "LENGHTS"; did you mean "LENGTHS"\?'),
        ("own:write", 'own has no view "write"'),
        ("gone:VIEW", 'there is no module "gone"'),
        ("lenghts", 'there is no view "lenghts"'),
        ("own:TWIN", r'the view "own:TWIN" has the suffix "\.idx" of another file of each shard'),
    ],
)
def test_a_view_that_cannot_be_is_refused_before_anything_runs(tmp_path: Path, view: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        run(tmp_path, [view])
    assert not (tmp_path / "run").exists()


def test_a_view_that_breaks_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'the view "own:BROKEN" broke: KeyError: \'no such column\' \(own\.py:14: '):
        run(tmp_path, ["own:BROKEN"])


def test_a_view_that_was_edited_is_another_run(tmp_path: Path) -> None:
    done = run(tmp_path, ["own:LENGTHS"])
    (done.folder / MANIFEST).unlink()
    (tmp_path / "spelled.py").write_text("def spelled(counts):\n    return ','.join(map(str, counts)).encode()\n")
    with pytest.raises(RunConflict, match="begun with another"):
        curate.run(tmp_path / "toy.toml", out=tmp_path / "run", workers=0)


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


@pytest.mark.parametrize("mask", [[1, 0, 1], [1, 0, 1, 2], [1, 1, 1, 1, 1]])
def test_a_mask_of_other_tokens_is_named(tmp_path: Path, mask: list[int]) -> None:
    tokens, targets = np.array([7, 8, 9, 256], dtype=np.uint16), np.array([0, 1, 1, 1], dtype=np.uint8)
    ids, sizes = pl.Series(["a"]), pl.Series([3], dtype=pl.Int64)
    [payload, *_] = there = write_shard(tmp_path, "00000", tokens, np.array([0, 4]), ids, sizes, targets=targets)
    shard = open_shard(payload)
    assert shard.mask() is not None
    assert check_views(payload, there, shard.tokens, shard.ends) == []
    LOSS_MASK.beside(payload).write_bytes(bytes(mask))
    [told] = check_views(payload, there, shard.tokens, shard.ends)
    assert "00000.mask is no mask of 4 tokens" in told
