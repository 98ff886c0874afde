"""A linear model as the filters use it: loaded once a process, checked, and asked about every passage of a text.

path ─▶ sha256 ─▶ LinearTables;  texts ─▶ passages ─▶ sums of weights ─▶ probabilities ─▶ their mean, the highest

Sums are of whole numbers, so a score depends on its own text alone, to the last bit.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError, nearest
from curate.filters.fasttext_model import PREFIX, file_sha256
from curate.filters.linear_features import add_passage, cut_after, passage_counts, scratch_for
from curate.filters.linear_file import MAGIC, LinearTables, read_linear
from curate.filters.model_bytes import BadModel
from curate.model_file import ModelFile
from curate.text.buffers import TextBuffers, text_buffer, text_buffers
from curate.text.compiled import kernel, pointer


class PassageScores(NamedTuple):
    """Of each text: the mean of the probabilities of its passages, each as long as it is, and the highest of them.

    float64[texts]; NaN for a text without features.
    """

    mean: npt.NDArray[np.float64]
    peak: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """`labels` are the one that is not meant and the one that is; `file` is what the manifest says about it."""

    file: ModelFile
    tables: LinearTables

    @property
    def labels(self) -> tuple[str, str]:
        return self.tables.labels

    def scores(self, texts: pl.Series) -> PassageScores:
        """How likely the second label is for each text, null as an empty one."""
        return self._scores(text_buffers(texts))

    def probabilities(self, texts: pl.Series) -> npt.NDArray[np.float64]:
        """float64[texts, 2]: by the mean over a text's passages; 0 and 0 for a text without features."""
        chance = self.scores(texts).mean
        return np.nan_to_num(np.stack([1 - chance, chance], axis=1))

    def probability_of(self, text: str) -> float:
        """Of the second label, for one text; NaN without features."""
        return float(self._scores(text_buffer(text)).mean[0])

    def _scores(self, buffers: TextBuffers) -> PassageScores:
        found = PassageScores(*np.full((2, buffers.documents), np.nan))
        if buffers.documents:  # asked with none for the columns alone, by a check that has no use for kernels
            tables = self.tables
            table, codes, places = scratch_for(buffers, tables.kinds)
            numbers = np.array([tables.scale, tables.bias, tables.enough])
            passages = passage_counts(buffers, tables.kinds)
            _score(*buffers, passages, table, tables.kinds, tables.weights, numbers, codes, places, *found)
        return found

    def predict(self, texts: pl.Series, top: int) -> list[list[tuple[str, float]]]:
        """For each text the `top` likeliest labels with their probabilities, the likeliest first."""
        return [
            sorted(zip(self.labels, chances, strict=True), key=lambda each: -each[1])[:top] if any(chances) else []
            for chances in self.probabilities(texts).tolist()
        ]

    def find_label(self, label: str) -> str:
        """The label's name in the model; fastText's "__label__" before it counts for nothing.

        Raises:
            UsageError: the model has no such label; the sentence lists those it has.
        """
        name = label.removeprefix(PREFIX)
        if name not in self.labels:
            raise UsageError(f'the model {self.file.path} has no label "{label}"{nearest(name, self.labels)}')
        return name


def is_linear(path: str) -> bool:
    """Whether the file begins as linear models do; False where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def load_linear(path: str, *, sha256: str | None = None, license: str = "") -> LinearModel:
    """The linear model at `path`; with `sha256` given, no other file is taken for it.

    Raises:
        UsageError: there is no such file, its checksum differs, or it is not a linear model, or is damaged.
    """
    found = file_sha256(path, what="linear model", expected=sha256)
    return LinearModel(ModelFile(os.path.basename(path), path, found, license), _read(path, found))


@functools.cache
def _read(path: str, sha256: str) -> LinearTables:
    """Keyed by content too: a file that changed is read again."""
    try:
        return read_linear(Path(path).read_bytes())
    except BadModel as error:
        raise UsageError(f"{path} (SHA-256 {sha256}) is not a linear model: {error}") from error


@kernel
def _score(data, offsets, passages, table, kinds, weights, numbers, codes, places, mean, peak):
    text, table, weights, codes, out = (
        pointer(data),
        pointer(table),
        pointer(weights),
        pointer(codes),
        pointer(places),
    )
    scale, bias, enough = numbers[0], numbers[1], numbers[2]
    for document in range(len(offsets) - 1):
        start, end = offsets[document], offsets[document + 1]
        low, features, total, most = start, 0, 0.0, 0.0
        for passage in range(1, passages[document] + 1):
            high = cut_after(text, start, end, passage, passages[document], low)
            count = add_passage(text, low, high, table, kinds, codes, out, 0)
            low = high
            if count == 0:
                continue
            weight = np.int64(0)
            for at in range(count):
                weight += weights[out[at]]
            chance = 1 / (1 + np.exp(-(scale * np.sqrt(min(np.float64(count), enough)) / count * weight + bias)))
            features += count
            total += chance * count
            most = max(most, chance)
        if features:
            mean[document] = min(total / features, 1.0)
            peak[document] = most
