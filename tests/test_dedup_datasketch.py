"""Signatures go to datasketch and come back: its LSH finds what our index finds, and its MinHashes make an index."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from datasketch import MinHash, MinHashLSH

import curate.dedup.datasketch as ours
from curate.errors import UsageError
from curate.pipeline.run import run
from curate.recipe_dedup import Dedup
from curate.standalone.dedup import dedup_files
from curate.text.shingles import shingles

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
SIGNED = Dedup(method=("minhash",))
CHAINED = Dedup(method=("minhash",), verify=0.0)


def edited(seed: int, count: int, rate: float) -> dict[str, str]:
    rng = random.Random(seed)
    texts = {}
    for number in range(count):
        start = 120 * (number % 10)
        words = [rng.choice(WORDS) if rng.random() < rate else word for word in WORDS[start : start + 120]]
        texts[f"{seed}-{number:02}"] = " ".join(words)
    return texts


def write(folder: Path, name: str, texts: dict[str, str]) -> Path:
    path = folder / f"{name}.parquet"
    pl.DataFrame({"id": list(texts), "text": list(texts.values())}).write_parquet(path)
    return path


def theirs(text: str, dedup: Dedup = SIGNED) -> MinHash:
    """As datasketch alone would sign it, over the same hashes of n-grams."""
    minhash = MinHash(dedup.bands * dedup.rows, seed=1, scheme="affine32", hashfunc=int)
    [values] = [shingles(pl.Series([text]), ngram=dedup.ngram).values]
    minhash.update_batch(values.tolist())
    return minhash


def test_a_query_of_datasketch_finds_what_our_index_finds(tmp_path: Path) -> None:
    first, second = edited(1, 10, 0.0), edited(2, 40, 0.03) | {"2-none": "", "2-new": " ".join(WORDS[1300:1400])}
    dedup_files([write(tmp_path, "first", first)], SIGNED, index=tmp_path / "index")
    lsh = ours.to_lsh(tmp_path / "index")
    assert isinstance(lsh, MinHashLSH)
    found = {id: set(lsh.query(theirs(text))) if text else set() for id, text in second.items()}
    again = {id: set(lsh.query(ours.minhash_of(text))) if text else set() for id, text in second.items()}
    assert found == again
    assert 5 < sum(map(bool, found.values())) < len(found) - 5
    for id, text in second.items():
        verdicts = dedup_files([write(tmp_path, "one", {id: text})], CHAINED, against=[tmp_path / "index"]).verdicts
        [original] = verdicts["duplicate_of"].to_list()
        assert (original in found[id]) if found[id] else original is None


def test_signatures_are_bit_by_bit_those_of_datasketch(tmp_path: Path) -> None:
    texts = edited(3, 12, 0.5) | {"3-none": "* * *"}
    dedup_files([write(tmp_path, "a", texts)], SIGNED, index=tmp_path / "index")
    minhashes = dict(ours.to_minhashes(tmp_path / "index"))
    assert sorted(minhashes) == sorted(texts)[:-1]
    for id, minhash in minhashes.items():
        native = theirs(texts[id])
        assert minhash.jaccard(native) == 1.0
        assert minhash.hashvalues.dtype == native.hashvalues.dtype
        assert np.array_equal(minhash.permutations, native.permutations)
        copied = minhash.copy()
        copied.update(12345)
        native.update(12345)
        assert np.array_equal(copied.hashvalues, native.hashvalues)


def test_an_index_of_datasketch_s_signatures_removes_the_same_documents(tmp_path: Path) -> None:
    first, second = edited(4, 10, 0.0) | {"4-none": ""}, write(tmp_path, "second", edited(5, 40, 0.02))
    dedup_files([write(tmp_path, "first", first)], SIGNED, index=tmp_path / "by-texts")
    foreign = ((id, theirs(text) if text else MinHash(112, scheme="affine32")) for id, text in first.items())
    assert ours.index_from(foreign, tmp_path / "by-signatures") == len(first)
    for dedup in (SIGNED, CHAINED):
        verdicts = [
            dedup_files([second], dedup, against=[tmp_path / name]).verdicts for name in ("by-texts", "by-signatures")
        ]
        assert verdicts[0].equals(verdicts[1])
        assert 5 < verdicts[0]["earlier"].sum() < 40
    known = dedup_files([tmp_path / "first.parquet"], SIGNED, against=[tmp_path / "by-signatures"]).verdicts
    assert set(known["method"]) == {"known"}
    returned = dict(ours.to_minhashes(tmp_path / "by-signatures"))
    assert all(returned[id].jaccard(theirs(text)) == 1.0 for id, text in first.items() if text)


RECIPE = """
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["rows.parquet"]
[dedup]
ngram = 3
bands = 20
rows = 4
index = {index}
[tokenize]
tokenizer = "bytes"
"""


@pytest.mark.parametrize("index", [True, False])
def test_a_run_opens_by_its_index_or_by_its_intermediate_files(tmp_path: Path, index: bool) -> None:
    texts = edited(6, 6, 0.0)
    write(tmp_path, "rows", texts | {"copy": texts["6-00"]})
    (tmp_path / "toy.toml").write_text(RECIPE.format(index=str(index).lower()))
    run(tmp_path / "toy.toml", out=tmp_path / "run", workers=0, keep_intermediate=not index)
    lsh = ours.to_lsh(tmp_path / "run")
    assert (lsh.b, lsh.r) == (20, 4)
    assert len(list(ours.to_minhashes(tmp_path / "run"))) == (6 if index else 7)
    signed = Dedup(method=("minhash",), ngram=3, bands=20, rows=4)
    assert "web/rows.parquet@3" in lsh.query(theirs(texts["6-03"], signed))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    text = " ".join(WORDS[:50])
    for minhash, words in (
        (MinHash(112, scheme="legacy"), "scheme legacy"),
        (MinHash(112, scheme="affine32", seed=2), "seed 2"),
        (MinHash(128, scheme="affine32"), "128 permutations; 14 bands of 8 rows need scheme affine32"),
    ):
        with pytest.raises(UsageError, match=words):
            ours.index_from([("a", minhash)], tmp_path / "index")
    with pytest.raises(UsageError, match='the id "a" stands twice'):
        ours.index_from([("a", theirs(text)), ("a", theirs(text))], tmp_path / "index")
    assert not (tmp_path / "index").exists()
    ours.index_from([("a", theirs(text))], tmp_path / "index")
    with pytest.raises(UsageError, match='the id "a" stands twice'):
        ours.index_from([("a", theirs(text))], tmp_path / "index")
    assert ours.index_from([("b", theirs(text))], tmp_path / "index") == 1
    with pytest.raises(UsageError, match="the method must be minhash"):
        ours.index_from([], tmp_path / "other", Dedup())
    with pytest.raises(UsageError, match="is no index, and not empty"):
        ours.index_from([], tmp_path)
    with pytest.raises(UsageError, match="has no MinHash signatures"):
        ours.to_lsh(tmp_path)
    dedup_files([write(tmp_path, "a", {"a": text})], Dedup(method=("exact",)), index=tmp_path / "exact")
    with pytest.raises(UsageError, match=r"has no MinHash signatures: it was made with the methods \['exact'\]"):
        ours.to_lsh(tmp_path / "exact")


def python(code: str) -> str:
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_library_is_not_shadowed_and_asked_for_only_when_it_is_needed() -> None:
    """With the root on the path, where `dedup` is a link to the room."""
    lazily = "import sys, curate.dedup.datasketch; print('datasketch' in sys.modules)"
    assert python(lazily) == "False"
    assert (
        python("import curate.dedup.datasketch, datasketch; print(datasketch.MinHash.__module__)")
        == "datasketch.minhash"
    )
    missing = (
        "import sys; sys.modules['datasketch'] = None\n"
        "from curate.dedup.datasketch import to_lsh\n"
        "try: to_lsh('.')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    assert python(missing).startswith(
        "UsageError this needs datasketch 2.0 or later (it is not installed): pip install"
    )
