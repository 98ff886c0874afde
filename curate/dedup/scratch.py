"""Arrays in files, so that memory holds only the part of them that is being used.

array ─▶ written or read in parts ─▶ forget(): the pages leave this process, the file keeps them
rows  ─▶ one file a part ─▶ part after part
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Scratch:
    """`array` is mapped from a file; who is done with a part of it says `forget`."""

    array: Any
    _map: mmap.mmap | None

    @classmethod
    def make(cls, path: Path, shape: tuple[int, int], dtype: type) -> Scratch:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size == 0:
            return cls(np.empty(shape, dtype=dtype), None)
        with path.open("wb+") as file:
            file.truncate(size)
            mapped = mmap.mmap(file.fileno(), size)
        return cls(np.frombuffer(mapped, dtype=dtype).reshape(shape), mapped)

    @classmethod
    def open(cls, path: Path, dtype: type) -> Scratch:
        """A file of one row of values, for reading."""
        if not path.stat().st_size:
            return cls(np.empty(0, dtype=dtype), None)
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(np.frombuffer(mapped, dtype=dtype), mapped)

    def forget(self) -> None:
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True, eq=False)
class Spill:
    """Rows of one dtype in `parts` files, so that each part can be worked on by itself."""

    folder: Path
    parts: int
    dtype: np.dtype[Any]

    @classmethod
    def make(cls, folder: Path, parts: int, dtype: np.dtype[Any]) -> Spill:
        folder.mkdir()
        return cls(folder, parts, dtype)

    def add(self, part: npt.NDArray[np.int64], rows: npt.NDArray[Any]) -> None:
        """Put each row into the part that `part` (int64[rows]) says."""
        if self.parts == 1:
            with (self.folder / "0").open("ab") as file:
                rows.tofile(file)
            return
        order = np.argsort(part, kind="stable")
        bounds = np.searchsorted(part[order], np.arange(self.parts + 1))
        rows = rows[order]
        for number, (first, last) in enumerate(pairwise(bounds.tolist())):
            if first < last:
                with (self.folder / str(number)).open("ab") as file:
                    rows[first:last].tofile(file)

    def each(self) -> Iterator[npt.NDArray[Any]]:
        """The rows of each part in turn; its file is gone afterwards."""
        for number in range(self.parts):
            path = self.folder / str(number)
            if path.exists():
                yield np.fromfile(path, dtype=self.dtype)
                path.unlink()
