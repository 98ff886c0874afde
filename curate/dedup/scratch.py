"""Arrays in files, so that memory holds only the part of them that is being used.

array ─▶ written or read in parts ─▶ forget(): the pages leave this process, the file keeps them
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


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
