"""An ONNX classifier as the filters use it: loaded once a process, checked, and asked about one text after the other.

path ─▶ sha256 ─▶ OnnxSession;  texts ─▶ probabilities[texts, labels] ─▶ the likeliest labels

One text at a time is no slower on a core than many (docs/classifier.md), and a score is that of its text alone.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError, nearest
from curate.filters.fasttext_model import Prediction, best_labels, file_sha256
from curate.filters.onnx_session import OnnxSession, Scale, companions, open_session
from curate.model_file import ModelFile


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """`files` are the model and what decides with it, which the manifest names; `file` is the model itself."""

    files: tuple[ModelFile, ...]
    session: OnnxSession

    @property
    def file(self) -> ModelFile:
        return self.files[0]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.session.labels

    def probabilities(self, texts: pl.Series) -> npt.NDArray[np.float64]:
        """float64[texts, labels], null as an empty text: what the model gives, probabilities where it gives such."""
        rows = [self.session.ask(text) for text in texts.fill_null("")]
        return np.array(rows).reshape(len(rows), len(self.labels))

    def predict(self, texts: pl.Series, top: int) -> list[list[Prediction]]:
        """For each text the `top` highest labels with their numbers, the highest first."""
        if texts.is_empty():
            return []
        rows = zip(*(array.tolist() for array in best_labels(self.probabilities(texts), top)), strict=True)
        return [[(self.labels[label], chance) for label, chance in zip(*row, strict=True)] for row in rows]

    def find_label(self, label: str) -> str:
        """
        Raises:
            UsageError: the model has no such label; the sentence lists those it has.
        """
        if label not in self.labels:
            raise UsageError(f'the model {self.file.path} has no label "{label}"{nearest(label, self.labels)}')
        return label


def is_onnx(path: str) -> bool:
    """By its name: such a file has no mark of its own."""
    return path.lower().endswith(".onnx")


def load_onnx(path: str, *, output: str = "", scale: Scale = "auto") -> OnnxModel:
    """The ONNX classifier at `path`; `output` names the one of its outputs that counts, `scale` what is done with it.

    Raises:
        UsageError: there is no such file, or it is no classifier of texts; the sentence says what it takes and gives.
    """
    places = [path, *map(str, companions(Path(path)))]
    files = tuple(ModelFile(os.path.basename(place), place, file_sha256(place, what="ONNX model")) for place in places)
    return OnnxModel(files, _open(path, tuple(file.sha256 for file in files), output, scale))


@functools.cache
def _open(path: str, digests: tuple[str, ...], output: str, scale: Scale) -> OnnxSession:
    """Keyed by content too: a file that changed is opened again."""
    return open_session(Path(path), output=output, scale=scale)
