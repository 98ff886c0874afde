"""A fastText model as the filters use it: loaded once a process, checked, and asked about whole documents.

path ─▶ sha256 ─▶ tables ─▶ FastTextModel;  texts ─▶ probabilities[texts, labels] ─▶ the likeliest labels
"""

from __future__ import annotations

import functools
import hashlib
import mmap
import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError, nearest
from curate.filters.fasttext_file import FastTextTables, read_tables
from curate.filters.fasttext_labels import Output, label_probabilities, output_of
from curate.filters.fasttext_words import Lookup, add_features, new_lookup
from curate.model_file import ModelFile
from curate.text.buffers import TextBuffers, text_buffer, text_buffers

Prediction = tuple[str, float]
PREFIX = "__label__"
END_MARK = "</s>"


@dataclass(frozen=True)
class OpenedModel:
    """What a file holds. The words' places are sought when the first text is, by a kernel that takes a second to load:
    a check of a recipe has no text."""

    tables: FastTextTables
    output: Output

    @functools.cached_property
    def lookup(self) -> Lookup:
        return new_lookup(self.tables)


@dataclass(frozen=True, slots=True)
class FastTextModel:
    """`labels` are the model's own, prefix included; `file` is what the manifest says about it."""

    file: ModelFile
    labels: tuple[str, ...]
    opened: OpenedModel

    def probabilities(self, texts: pl.Series) -> npt.NDArray[np.float64]:
        """float64[texts, labels], each text (null as an empty one) read as one line.

        0 where fastText would not name a label, which it does from a probability of about 1e-5 on.
        """
        return self.probabilities_in(text_buffers(without_end_marks(texts)))

    def probabilities_of(self, text: str) -> npt.NDArray[np.float64]:
        """float64[labels]: the same for one text."""
        return self.probabilities_in(text_buffer(text.replace(END_MARK, " "))).ravel()

    def probabilities_in(self, buffers: TextBuffers) -> npt.NDArray[np.float64]:
        """The same for texts without fastText's mark of an end."""
        if not buffers.documents:  # asked so for the columns alone, by a check that has no use for kernels
            return np.zeros((0, len(self.labels)))
        return label_probabilities(*add_features(buffers, self.opened.lookup), self.opened.output)

    def predict(self, texts: pl.Series, top: int) -> list[list[Prediction]]:
        """For each text the `top` likeliest labels with their probabilities, the likeliest first."""
        rows = zip(*(array.tolist() for array in best_labels(self.probabilities(texts), top)), strict=True)
        return [
            [(self.labels[label], chance) for label, chance in zip(labels, found, strict=True) if chance > 0]
            for labels, found in rows
        ]

    def find_label(self, label: str) -> str:
        """The label's full name; "toxic" finds "__label__toxic".

        Raises:
            UsageError: the model has no such label; the sentence lists those it has.
        """
        for name in (label, PREFIX + label):
            if name in self.labels:
                return name
        raise UsageError(f'the model {self.file.path} has no label "{label}"{nearest(label, self.labels)}')


def best_labels(chances: npt.NDArray[np.float64], top: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The numbers of the `top` likeliest labels of each text, the likeliest first, of equal ones the first, and how
    likely they are."""
    left, best = chances.copy(), np.empty((len(chances), min(top, chances.shape[1])), dtype=np.int64)
    for place in range(best.shape[1]):  # of three among a hundred this is faster than any sorting
        best[:, place] = left.argmax(axis=1)
        np.put_along_axis(left, best[:, place : place + 1], -np.inf, axis=1)
    return best, np.take_along_axis(chances, best, axis=1)


def without_end_marks(texts: pl.Series) -> pl.Series:
    """fastText would stop there."""
    return texts.str.replace_all(END_MARK, " ", literal=True)


def load_model(path: str, *, sha256: str | None = None, license: str = "") -> FastTextModel:
    """The supervised fastText model at `path`; with `sha256` given, no other file is taken for it.

    Raises:
        UsageError: there is no such file, its checksum differs, or it is not a supervised fastText model.
    """
    found = file_sha256(path, what="fastText model", expected=sha256)
    file = ModelFile(os.path.basename(path), path, found, license)
    opened = _read(path, found)
    return FastTextModel(file, tuple(opened.tables.labels), opened)


def file_sha256(path: str, *, what: str, expected: str | None = None) -> str:
    """The SHA-256 of a file that a step needs.

    Raises:
        UsageError: it cannot be read, or another one is `expected`; `what` says what it should be.
    """
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read the {what} {path}: {error.strerror}") from error
    if expected is not None and found != expected:
        raise UsageError(f"the {what} {path} is damaged: its SHA-256 is {found}, it should be {expected}")
    return found


@functools.cache
def _read(path: str, sha256: str) -> OpenedModel:
    """Keyed by content too: a file that changed is read again."""
    with open(path, "rb") as file:
        try:
            tables = read_tables(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))  # arrays may point into it
        except ValueError as error:  # an empty file cannot be mapped
            raise UsageError(f"{path} (SHA-256 {sha256}) is not a fastText model for labels: {error}") from error
    return OpenedModel(tables, output_of(tables))
