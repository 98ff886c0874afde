"""Shards: every layout read back by an independent reading of its specification, and rows over all seams."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path
from pydoc_data import topics

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import CheckFailed, UsageError
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.shards import TokenArray, open_shard, open_shards, write_shard

TEXTS = [text[:200] for text in topics.topics.values()][:12]


def write(folder: Path, name: str, texts: list[str], dtype: type = np.uint16) -> list[Path]:
    tokens, offsets = load_tokenizer("bytes").encode_batch(texts)
    ids = pl.Series([f"web/page@{name}.{i}" for i in range(len(texts))])
    byte_counts = pl.Series([len(text.encode()) for text in texts], dtype=pl.Int64)
    return write_shard(folder, name, tokens.astype(dtype), offsets, ids, byte_counts)


def read_megatron(path: Path) -> list[list[int]]:
    """Documents by the index alone, as Megatron-LM's IndexedDataset finds them."""
    data = path.with_suffix(".idx").read_bytes()
    assert data[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, documents = struct.unpack_from("<QBQQ", data, 9)
    assert (version, documents) == (1, sequences + 1)
    dtype = np.dtype({8: "<u2", 4: "<i4"}[code])
    sizes = np.frombuffer(data, "<i4", sequences, 34)
    pointers = np.frombuffer(data, "<i8", sequences, 34 + 4 * sequences)
    numbers = np.frombuffer(data, "<i8", documents, 34 + 12 * sequences)
    assert len(data) == 34 + 12 * sequences + 8 * documents
    assert numbers.tolist() == list(range(documents))
    payload = path.read_bytes()
    return [np.frombuffer(payload, dtype, n, at).tolist() for n, at in zip(sizes, pointers, strict=True)]


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_all_views_of_a_shard_hold_the_same_documents(tmp_path: Path, dtype: type) -> None:
    paths = write(tmp_path, "00007", TEXTS, dtype)
    assert [path.name for path in paths] == ["00007.bin", "00007.bin.index", "00007.idx", "00007.docs.parquet"]
    expected = [[*text.encode(), 256] for text in TEXTS]
    raw = np.fromfile(paths[0], dtype=np.dtype(dtype).newbyteorder("<"))
    ends = [0, *np.fromfile(paths[1], dtype="<u8").tolist()]
    assert [raw[first:last].tolist() for first, last in itertools.pairwise(ends)] == expected
    assert read_megatron(paths[0]) == expected
    table = pl.read_parquet(paths[3])
    assert table.columns == ["id", "bytes", "tokens"]
    assert table["bytes"].to_list() == [len(text.encode()) for text in TEXTS]
    assert table["tokens"].to_list() == [len(document) for document in expected]


def test_equal_documents_are_equal_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "00000", TEXTS)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_shard_opens_with_the_width_it_was_written_in(tmp_path: Path) -> None:
    for name, dtype in (("00000", np.uint16), ("00001", np.uint32)):
        write(tmp_path, name, TEXTS, dtype)
        shard = open_shard(tmp_path / f"{name}.bin")
        assert shard.tokens.dtype == dtype
        assert shard.ends[-1] == len(shard.tokens)
    with pytest.raises(CheckFailed, match="different widths"):
        open_shards(tmp_path)


@pytest.fixture(scope="module")
def array(tmp_path_factory: pytest.TempPathFactory) -> TokenArray:
    folder = tmp_path_factory.mktemp("web")
    write(folder, "00000", TEXTS[:5])
    write(folder, "00001", [])
    write(folder, "00002", TEXTS[5:6])
    write(folder, "00010", TEXTS[6:])
    return open_shards(folder)


def flat(texts: list[str]) -> npt.NDArray[np.int64]:
    return load_tokenizer("bytes").encode_batch(texts)[0].astype(np.int64)


@settings(deadline=None, max_examples=60)
@given(starts=st.lists(st.integers(0, 10_000), max_size=4), length=st.integers(0, 6000))
def test_rows_go_on_over_shards_and_round_the_end(array: TokenArray, starts: list[int], length: int) -> None:
    ring = flat(TEXTS)
    rows = array.gather(np.array(starts, dtype=np.int64), length)
    assert rows.dtype == np.int64
    expected = [[ring[(start + i) % len(ring)] for i in range(length)] for start in starts]
    assert rows.tolist() == np.array(expected, dtype=np.int64).reshape(len(starts), length).tolist()


def test_documents_are_found_by_number_over_all_shards(array: TokenArray) -> None:
    assert len(array) == len(flat(TEXTS)) == array.ends[-1]
    assert array.documents()["bytes"].to_list() == [len(text.encode()) for text in TEXTS]
    assert [array.document(number).tolist()[:-1] for number in range(12)] == [list(text.encode()) for text in TEXTS]
    numbers = np.array([11, 0, 5, 5, 6])
    assert array.pick(numbers)["id"].to_list() == [array.documents()["id"][number] for number in numbers.tolist()]
    assert array.pick(np.zeros(0, dtype=np.int64)).height == 0


def test_a_damaged_shard_is_refused(tmp_path: Path) -> None:
    payload, index, *_ = write(tmp_path, "00000", TEXTS)
    payload.write_bytes(payload.read_bytes()[:-1])
    with pytest.raises(CheckFailed, match="one of them is damaged"):
        open_shards(tmp_path)
    index.unlink()
    with pytest.raises(CheckFailed, match=r"no 00000\.bin\.index"):
        open_shards(tmp_path)


def test_a_folder_without_tokens_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "00000", [])
    with pytest.raises(UsageError, match="no shard of tokens"):
        open_shards(tmp_path)


@pytest.mark.parametrize(
    ("tokens", "offsets", "documents"),
    [
        (np.zeros(4, np.int64), [0, 4], 1),
        (np.zeros(4, np.uint16), [0, 3], 1),
        (np.zeros(4, np.uint16), [0, 2, 2, 4], 3),
        (np.zeros(4, np.uint16), [0, 4], 2),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    tmp_path: Path, tokens: npt.NDArray[np.uint16], offsets: list[int], documents: int
) -> None:
    names = pl.Series([f"d{i}" for i in range(documents)])
    with pytest.raises(UsageError):
        write_shard(tmp_path, "00000", tokens, np.array(offsets), names, pl.Series([0] * documents))
