"""The bridge between a column of text and the kernels: UTF-8 bytes and offsets in numpy, no copy per document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa


class TextBuffers(NamedTuple):
    """Document i is `data[offsets[i]:offsets[i + 1]]`, always valid UTF-8."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    @property
    def documents(self) -> int:
        return len(self.offsets) - 1


def text_buffers(texts: pl.Series) -> TextBuffers:
    """The Arrow buffers of a String column (nulls count as empty): data uint8[n_bytes], offsets int64[n + 1]."""
    whole = texts.fill_null("") if texts.null_count() else texts  # which asks polars' engine, a tenth of a millisecond
    array = whole.to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.type != pa.large_string():  # a cast loads pyarrow's functions, which takes a tenth of a second
        array = array.cast(pa.large_string())
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64, count=len(array) + 1 + array.offset)[array.offset :]
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.zeros(0, dtype=np.uint8)
    return TextBuffers(data, offsets)


def text_buffer(text: str) -> TextBuffers:
    """The same for one text by itself."""
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    return TextBuffers(data, np.array([0, len(data)], dtype=np.int64))


def texts_of(buffers: TextBuffers) -> pl.Series:
    """The String column of buffers that hold valid UTF-8."""
    offsets, data = pa.py_buffer(buffers.offsets), pa.py_buffer(buffers.data)
    return series_of(pa.LargeStringArray.from_buffers(buffers.documents, offsets, data))


def series_of(array: pa.Array) -> pl.Series:
    """The same as polars' column. Given pyarrow's own array, polars loads pyarrow's functions, a thirtieth of a second
    in each process; whatever else hands over Arrow's memory it takes as it is."""
    return pl.Series(_Handed(array))


@dataclass(frozen=True, slots=True)
class _Handed:
    array: pa.Array

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        handed: tuple[object, object] = self.array.__arrow_c_array__(requested_schema)
        return handed
