"""curate.text.buffers: columns as Arrow's memory, and back."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from curate.text.buffers import series_of, text_buffers, texts_of

ARRAYS = {
    "none": pa.array([], pa.large_string()),
    "texts": pa.array(["a", None, "日本語"], pa.large_string()),
    "a part": pa.array(["a", "b", "c", "d"], pa.large_string())[1:3],
    "lists": pa.array([[{"language": "en", "score": 0.5}], [], None]),
    "bytes": pa.array([b"ab", b"cd"], pa.binary(2)),
}
WITHOUT = """
import sys
import numpy as np
from curate.dedup.minhash import pack_signatures
from curate.text.buffers import TextBuffers, texts_of
texts_of(TextBuffers(np.frombuffer(b"ab", dtype=np.uint8), np.array([0, 1, 2])))
pack_signatures(np.zeros((2, 3), dtype=np.uint32))
assert "pyarrow.compute" not in sys.modules
"""


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_becomes_the_column_that_polars_makes_of_it(name: str) -> None:
    ours, theirs = series_of(ARRAYS[name]), pl.Series(ARRAYS[name])
    assert ours.dtype == theirs.dtype
    assert ours.to_list() == theirs.to_list()


def test_texts_come_back_from_their_bytes() -> None:
    texts = pl.Series(["", "naïve", "日本語", "e\u0301"])
    assert texts_of(text_buffers(texts)).to_list() == texts.to_list()
    assert np.array_equal(text_buffers(texts).offsets, [0, 0, 6, 15, 18])


def test_columns_are_made_without_the_functions_of_pyarrow() -> None:
    assert subprocess.run([sys.executable, "-c", WITHOUT], check=False).returncode == 0
