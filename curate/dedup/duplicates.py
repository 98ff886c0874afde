"""What is known of all documents while the methods of `dedup` take their turns: which repeats which, and since when.

method after method ─▶ add: copies of documents that stay ─▶ settle: no copy of a copy
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UNKNOWN = -1


@dataclass(slots=True)
class Duplicates:
    """What each document repeats so far: `original` int64[n] (itself, where nothing), `similarity` and `containment`
    float32[n] (nan: unknown), `novel` int64[n] (words that the original does not have; UNKNOWN), `method` int8[n]
    (its place among those that are asked for, -1: none); and `gone` bool[n]: all of the text was cut."""

    original: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float32]
    containment: npt.NDArray[np.float32]
    novel: npt.NDArray[np.int64]
    method: npt.NDArray[np.int8]
    gone: npt.NDArray[np.bool_]

    @classmethod
    def none(cls, count: int) -> Duplicates:
        nothing = np.full(count, -1, dtype=np.int8)
        ones = np.ones(count, dtype=np.float32)
        return cls(np.arange(count), ones, ones.copy(), np.zeros(count, np.int64), nothing, np.zeros(count, dtype=bool))

    @property
    def stays(self) -> npt.NDArray[np.bool_]:
        return np.asarray((self.original == np.arange(len(self.original))) & ~self.gone)

    def add(
        self,
        copies: npt.NDArray[np.int64],
        originals: npt.NDArray[np.int64],
        method: int,
        *,
        similarity: npt.ArrayLike = np.nan,
        containment: npt.ArrayLike = np.nan,
        novel: npt.ArrayLike = UNKNOWN,
    ) -> None:
        """Documents that stayed so far turn out to repeat others that stay."""
        self.original[copies] = originals
        self.similarity[copies] = np.asarray(similarity, dtype=np.float32)
        self.containment[copies] = np.asarray(containment, dtype=np.float32)
        self.novel[copies] = np.asarray(novel, dtype=np.int64)
        self.method[copies] = method

    def settle(self) -> None:
        """A copy of a copy repeats what stays. How similar it is to that, and what it has of its own, is known where
        one of the two is an equal text, and not otherwise."""
        for _ in range(int(self.method.max(initial=-1)) + 1):  # each method may have made a copy of what then stayed
            over = self.original[self.original]
            moved = np.flatnonzero(over != self.original)
            between = self.original[moved]
            first, second = self.similarity[moved] == 1, self.similarity[between] == 1
            for values, unknown in ((self.similarity, np.nan), (self.containment, np.nan), (self.novel, UNKNOWN)):
                values[moved] = np.where(first, values[between], np.where(second, values[moved], unknown))
            self.original = over
