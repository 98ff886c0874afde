"""A run's tokens in other trainers' files, read back by short readers of the published layouts, and by load.py."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq
import pytest

import curate
from curate.engine.whole import second_name
from curate.errors import UsageError
from curate.standalone.export import export
from curate.tokenize.exports.formats import FORMATS
from curate.tokenize.shards import open_shards

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
RECIPE = """\
name = "exported"
seed = 3
[[source]]
name = "news"
read = "tables"
paths = ["news"]
[[source]]
name = "tales"
read = "tables"
paths = ["tales"]
[mix]
weights = {{ news = 0.5, tales = 0.5 }}
max_shard_tokens = 4000
[tokenize]
tokenizer = {tokenizer}
validation = 0.2
"""
Ints = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[curate.Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("curate.engine.plan.MIN_SPLIT_BYTES", 1000)  # so that sources have several shards
        made = run_of(tmp_path_factory.mktemp("exported"), "{ train = { vocab_size = 400 } }")
    yield made
    assert not curate.verify(made.folder).differences  # no export has written into it, through whatever names


def run_of(folder: Path, tokenizer: str) -> curate.Run:
    for name, size in (("news", 40), ("tales", 90)):
        (folder / name).mkdir()
        for part in range(3):  # three files are three splits, and three shards
            texts = [" ".join(WORDS[at * 7 : at * 7 + size]) for at in range(part * 20, part * 20 + 20)]
            lines = [json.dumps({"id": f"{part}-{at}", "text": text}) for at, text in enumerate(texts)]
            (folder / name / f"{part}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "r.toml").write_text(RECIPE.format(tokenizer=tokenizer), encoding="utf-8")
    return curate.run(folder / "r.toml", out=folder / "run", workers=0)


def held(run: curate.Run, source: str, part: str = "train") -> tuple[Ints, Ints]:
    """All tokens of a source, and where its documents end."""
    array = open_shards(run.folder / "tokens" / part / source)
    return np.concatenate([shard.tokens for shard in array.shards]).astype(np.int64), array.ends


def end_of_text(run: curate.Run) -> int:
    return int(run.mixture["vocabulary"]["end_of_text"])


@pytest.mark.parametrize("part", ["train", "validation"])
def test_nanogpt_reads_the_same_tokens(run: curate.Run, tmp_path: Path, part: str) -> None:
    export(run, "nanogpt", out=tmp_path / "out", sources=["news"])
    name = {"train": "train.bin", "validation": "val.bin"}[part]
    assert np.array_equal(np.fromfile(tmp_path / "out" / name, dtype=np.uint16), held(run, "news", part)[0])
    assert pickle.loads((tmp_path / "out" / "meta.pkl").read_bytes()) == {"vocab_size": 400}


def test_llm_c_reads_the_same_documents_behind_an_end_of_text_each(run: curate.Run, tmp_path: Path) -> None:
    export(run, "llmc", out=tmp_path / "out", sources=["news"])
    stop, parts = end_of_text(run), []
    files = sorted((tmp_path / "out").glob("news_train_*.bin"))
    assert len(files) == len(open_shards(run.folder / "tokens" / "train" / "news").shards) > 1
    for file in files:
        header = np.fromfile(file, dtype="<i4", count=256)
        assert [*header[:2], header[3:].any()] == [20240520, 1, False]
        tokens = np.fromfile(file, dtype="<u2", offset=1024)
        assert len(tokens) == header[2] == (file.stat().st_size - 1024) // 2
        assert tokens[0] == stop != tokens[-1]
        parts += [*tokens[1:], stop]
    assert np.array_equal(parts, held(run, "news")[0])


def test_datatrove_finds_tokens_ends_and_the_width_of_a_token(run: curate.Run, tmp_path: Path) -> None:
    export(run, "datatrove", out=tmp_path / "out", sources=["tales"])
    tokens, ends = [], []
    for file in sorted((tmp_path / "out" / "train").glob("*.ds")):
        ends += (np.fromfile(f"{file}.index", dtype="<u8") + len(tokens)).tolist()
        tokens += np.fromfile(file, dtype="<u2").tolist()
        first, count, told = Path(f"{file}.metadata").read_text().split("\n")
        assert (first.rpartition("|")[2], int(count), told[-1]) == ("2", file.stat().st_size // 2, "T")
    assert np.array_equal(tokens, held(run, "tales")[0])
    assert np.array_equal(ends, held(run, "tales")[1])


def test_megatron_finds_a_sequence_for_each_document(run: curate.Run, tmp_path: Path) -> None:
    export(run, "megatron", out=tmp_path / "out", sources=["news"])
    tokens: list[int] = []
    for file in sorted((tmp_path / "out" / "train").glob("*.idx")):
        data = file.read_bytes()
        magic, version, code, count, borders = struct.unpack("<9sQBQQ", data[:34])
        assert (magic, version, code, borders) == (b"MMIDIDX\0\0", 1, 8, count + 1)
        sizes = np.frombuffer(data, dtype="<i4", count=count, offset=34)
        pointers = np.frombuffer(data, dtype="<i8", count=count, offset=34 + 4 * count)
        payload = file.with_suffix(".bin").read_bytes()
        for size, pointer in zip(sizes, pointers, strict=True):
            tokens += np.frombuffer(payload, dtype="<u2", count=size, offset=pointer).tolist()
    assert np.array_equal(tokens, held(run, "news")[0])


def test_olmo_finds_raw_tokens_and_a_line_for_each_document(run: curate.Run, tmp_path: Path) -> None:
    export(run, "olmo", out=tmp_path / "out", sources=["news"])
    shards = open_shards(run.folder / "tokens" / "train" / "news").shards
    for file, shard in zip(sorted((tmp_path / "out" / "train").glob("*.npy")), shards, strict=True):
        assert np.array_equal(np.fromfile(file, dtype="<u2"), shard.tokens)
        with gzip.open(file.with_suffix(".csv.gz"), "rt", encoding="utf-8") as lines:
            rows = [*csv.reader(lines)]
        assert [int(row[1]) for row in rows] == shard.ends.tolist()
        assert [int(row[0]) for row in rows] == [0, *shard.ends.tolist()[:-1]]
        assert [row[2] for row in rows] == shard.documents()["id"].to_list()


def test_torchtitan_finds_one_file_and_the_borders_of_documents(run: curate.Run, tmp_path: Path) -> None:
    export(run, "titan", out=tmp_path / "out", sources=["news"])
    tokens, ends = held(run, "news")
    assert np.array_equal(np.fromfile(tmp_path / "out" / "train" / "tokens.bin", dtype="<u2"), tokens)
    assert np.load(tmp_path / "out" / "train" / "document_offsets.npy").tolist() == [0, *ends]


def test_litdata_finds_an_item_for_each_document(run: curate.Run, tmp_path: Path) -> None:
    export(run, "litdata", out=tmp_path / "out", sources=["tales"])
    index = json.loads((tmp_path / "out" / "train" / "index.json").read_text())
    assert index["config"]["data_format"] == ["no_header_numpy:5"]
    tokens, sizes = [], []
    for chunk in index["chunks"]:
        data = (tmp_path / "out" / "train" / chunk["filename"]).read_bytes()
        [items] = np.frombuffer(data, dtype="<u4", count=1)
        offsets = np.frombuffer(data, dtype="<u4", count=items + 1, offset=4)
        assert (items, len(data), offsets[-1]) == (chunk["chunk_size"], chunk["chunk_bytes"], len(data))
        found = [np.frombuffer(data[begin:end], dtype="<u2") for begin, end in pairwise(offsets)]
        assert sum(map(len, found)) == chunk["dim"]
        sizes += [*map(len, found)]
        tokens += np.concatenate(found).tolist()
    assert np.array_equal(tokens, held(run, "tales")[0])
    assert np.array_equal(np.cumsum(sizes), held(run, "tales")[1])


def test_mosaicml_streaming_finds_samples_of_one_length(run: curate.Run, tmp_path: Path) -> None:
    made = export(run, "mds", out=tmp_path / "out", sources=["tales"], row_length=64)
    [shard] = json.loads((tmp_path / "out" / "train" / "index.json").read_text())["shards"]
    data = (tmp_path / "out" / "train" / shard["raw_data"]["basename"]).read_bytes()
    [samples] = np.frombuffer(data, dtype="<u4", count=1)
    offsets = np.frombuffer(data, dtype="<u4", count=samples + 1, offset=4)
    head = json.loads(data[4 + 4 * (samples + 1) : offsets[0]])
    assert head == {name: shard[name] for name in head}
    assert (head["column_encodings"], head["column_sizes"]) == (["ndarray:int32:64"], [256])
    assert (samples, offsets[-1]) == (shard["samples"], len(data))
    tokens = held(run, "tales")[0]
    assert np.array_equal(np.frombuffer(data[offsets[0] :], dtype="<i4"), tokens[: samples * 64])
    left = len(tokens) - samples * 64
    assert 0 <= left < 64
    assert f"{left:,} tokens at the end of train do not fill a sample of 64" in made.notes


def test_parquet_has_a_row_of_tokens_for_each_document(run: curate.Run, tmp_path: Path) -> None:
    export(run, "hf", out=tmp_path / "out", sources=["news"])
    rows = pl.read_parquet(tmp_path / "out" / "train-*.parquet")
    array = open_shards(run.folder / "tokens" / "train" / "news")
    assert rows["id"].to_list() == array.documents()["id"].to_list()
    assert np.array_equal(rows["input_ids"].explode().to_numpy(), held(run, "news")[0])
    assert rows["input_ids"].list.len().to_list() == array.documents()["tokens"].to_list()


def test_nanochat_finds_the_texts_and_validation_last(run: curate.Run, tmp_path: Path) -> None:
    export(run, "nanochat", out=tmp_path / "out", sources=["news"])
    first, last = sorted((tmp_path / "out").glob("shard_*.parquet"))
    documents = dict(run.documents("news").select("id", "text").collect().iter_rows())
    for file, part in ((first, "train"), (last, "validation")):
        ids = open_shards(run.folder / "tokens" / part / "news").documents()["id"]
        assert pq.read_table(file)["text"].to_pylist() == [documents[id] for id in ids]


@pytest.mark.parametrize("name", [name for name, format in FORMATS.items() if format.is_linked])
@pytest.mark.parametrize("mixture", [False, True])
def test_a_linked_format_copies_no_token(run: curate.Run, tmp_path: Path, name: str, mixture: bool) -> None:
    """But where several shards have to be one file."""
    export(run, name, out=tmp_path / "out", mixture=mixture)
    own = {path.stat().st_ino for path in (run.folder / "tokens").rglob("*.bin")}
    suffixes = {"datatrove": ".ds", "olmo": ".npy"}
    payloads = [*(tmp_path / "out").rglob(f"*{suffixes.get(name, '.bin')}")]
    copied = [path for path in payloads if path.stat().st_ino not in own]
    if name in ("nanogpt", "titan"):
        assert 0 < len(copied) <= len(payloads)
    elif mixture:
        assert {path.parent.name for path in copied} == {"train"}  # a sequence that the run itself does not hold
    else:
        assert len(payloads) > 4
        assert not copied


def test_a_link_never_writes_over_a_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    with pytest.raises(FileExistsError):
        second_name(one, other)
    assert other.read_bytes() == b"2"


def test_packed_rows_hold_every_document_and_cut_none_that_fits(run: curate.Run, tmp_path: Path) -> None:
    made = export(run, "packed", out=tmp_path / "out", mixture=True, row_length=1000)
    rows, pieces = (np.load(tmp_path / "out" / "train" / f"{name}.npy") for name in ("rows", "pieces"))
    found: dict[int, list[int]] = {}
    for row, place, length, document in pieces:
        found.setdefault(document, []).append(row)
        assert rows[row, place : place + length].tolist().count(end_of_text(run)) == 1
    assert sorted(found) == [*range(len(found))]
    whole = sum(int(length) for _, _, length, _ in pieces)
    assert whole == run.mixture["mixture"]["tokens"] == made.tokens["mixed"]["train"]
    assert any("filled to 9" in note for note in made.notes)
    assert {len(each) for each in found.values()} == {1}  # nothing is longer than a row
    assert pieces[:, 0].tolist() == sorted(pieces[:, 0])


@pytest.mark.parametrize("name", ["nanogpt", "titan", "llmc", "nanochat", "packed"])
def test_what_load_py_says_loads_it(run: curate.Run, tmp_path: Path, name: str) -> None:
    export(run, name, out=tmp_path / "out", sources=["tales"], row_length=32)
    words = [sys.executable, "load.py"]
    done = subprocess.run(words, cwd=tmp_path / "out", capture_output=True, text=True, check=True)
    assert "False" not in done.stdout
    assert done.stderr == ""


def test_the_mixture_is_the_sequence_that_a_run_would_have_written(run: curate.Run, tmp_path: Path) -> None:
    made = export(run, "titan", out=tmp_path / "out", mixture=True)
    assert made.tokens["mixed"]["train"] == run.mixture["mixture"]["tokens"]
    folder = tmp_path / "again"
    folder.mkdir()
    for name in ("news", "tales"):
        os.symlink(run.folder.parent / name, folder / name)
    text = (run.folder.parent / "r.toml").read_text().replace("[mix]", "[mix]\nmaterialize = true")
    (folder / "r.toml").write_text(text)
    written = held(curate.run(folder / "r.toml", out=folder / "run", workers=0), "mixed")[0]
    assert np.array_equal(np.fromfile(tmp_path / "out" / "train" / "tokens.bin", dtype="<u2"), written)
    assert not [*(tmp_path / "out").rglob("*.part")]


def test_every_source_has_a_folder_of_its_own(run: curate.Run, tmp_path: Path) -> None:
    made = export(run, "megatron", out=tmp_path / "out")
    assert sorted(made.tokens) == sorted(path.name for path in (tmp_path / "out").iterdir()) == ["news", "tales"]
    assert all((tmp_path / "out" / name / "load.py").is_file() for name in made.tokens)


def test_a_wide_vocabulary_is_refused_where_it_does_not_fit_and_told_by_its_code_elsewhere(tmp_path: Path) -> None:
    wide = run_of(tmp_path, '"bytes"')
    record = json.loads((wide.folder / "tokens" / "mixture.json").read_text())
    record["vocabulary"] |= {"dtype": "uint32", "size": 100_000}
    (wide.folder / "tokens" / "mixture.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="reads tokens of two bytes, and this vocabulary has 100,000 ids"):
        export(wide, "nanogpt", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not [*tmp_path.glob(".out*")]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"to": "nanogtp"}, 'no format "nanogtp"; did you mean "nanogpt"'),
        ({"sources": ["new"]}, 'no source "new"; did you mean "news"'),
        ({"sources": ["news"], "mixture": True}, "the mixture is of all sources"),
        ({"row_length": 0}, "at least one token"),
    ],
)
def test_a_wrong_call_is_refused(run: curate.Run, tmp_path: Path, changed: dict[str, object], told: str) -> None:
    given = {"to": "mds", "sources": [], "mixture": False, "row_length": 8} | changed
    with pytest.raises(UsageError, match=told):
        export(run, out=tmp_path / "out", **given)  # type: ignore[arg-type]


def test_an_export_goes_into_a_new_folder_outside_the_run(run: curate.Run, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    for place, told in (
        (run.folder / "tokens" / "x", "lies inside the run"),
        (tmp_path / "full", "not an empty folder"),
        (tmp_path / "missing" / "x", "there is no folder"),
    ):
        with pytest.raises(UsageError, match=told):
            export(run, "llmc", out=place)


def test_a_document_that_gives_its_end_to_validation_is_cut_there_in_texts_too(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    text = " ".join(WORDS)
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps({"text": text}), encoding="utf-8")
    recipe = 'name = "one"\n[[source]]\nname = "one"\nread = "tables"\npaths = ["in"]\n'
    (tmp_path / "r.toml").write_text(recipe + '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.1\n')
    one = curate.run(tmp_path / "r.toml", out=tmp_path / "run", workers=0)
    export(one, "nanochat", out=tmp_path / "out")
    first, last = (pq.read_table(file)["text"].to_pylist() for file in sorted((tmp_path / "out").glob("*.parquet")))
    assert (len(first), len(last)) == (1, 1)
    assert first[0] + last[0] == text
    assert len(last[0]) > 100
