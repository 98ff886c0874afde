"""A fastText model as the filters use it: loaded once a process, checked, and asked about whole documents.

path ─▶ sha256 ─▶ load ─▶ FastTextModel;  text ─▶ one line ─▶ [(label, probability), …]
"""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from typing import Any

from curate.batch import ModelFile
from curate.errors import UsageError, nearest

Prediction = tuple[str, float]
ALL_LABELS = -1
PREFIX = "__label__"


@dataclass(frozen=True, slots=True)
class FastTextModel:
    """`labels` are the model's own, prefix included; `file` is what the manifest says about it."""

    native: Any
    labels: tuple[str, ...]
    file: ModelFile

    def predict(self, text: str, top: int = ALL_LABELS) -> list[Prediction]:
        """The `top` likeliest labels with their probabilities, the likeliest first."""
        found = self.native.predict(as_line(text) + "\n", top, 0.0, "strict")
        return [(label, min(float(probability), 1.0)) for probability, label in found]  # it gives up to 1.00006

    def find_label(self, label: str) -> str:
        """The label's full name; "toxic" finds "__label__toxic".

        Raises:
            UsageError: the model has no such label; the sentence lists those it has.
        """
        for name in (label, PREFIX + label):
            if name in self.labels:
                return name
        raise UsageError(f'the model {self.file.path} has no label "{label}"{nearest(label, self.labels)}')


def load_model(path: str, *, sha256: str | None = None, licence: str = "") -> FastTextModel:
    """The supervised fastText model at `path`; with `sha256` given, no other file is taken for it.

    A truncated model loads and answers without an error, so the checksum is computed in any case.

    Raises:
        UsageError: there is no such file, its checksum differs, or it is not a supervised fastText model.
    """
    found = file_sha256(path, what="fastText model")
    if sha256 is not None and found != sha256:
        raise UsageError(f"the model {path} is damaged: its SHA-256 is {found}, it should be {sha256}")
    native = _load_native(path, found)
    name = os.path.basename(path)
    return FastTextModel(native, _labels(native), ModelFile(name, path, found, licence))


def as_line(text: str) -> str:
    """The text as one line, as fastText wants it: it stops at a newline, and at its own end mark "</s>"."""
    return text.replace("\n", " ").replace("\x00", " ").replace("</s>", " ")


def file_sha256(path: str, *, what: str) -> str:
    """The SHA-256 of a file that a step needs.

    Raises:
        UsageError: it cannot be read; `what` says what it should be.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read the {what} {path}: {error.strerror}") from error


@functools.cache
def _load_native(path: str, sha256: str) -> Any:
    """Keyed by content too: a file that changed is loaded again."""
    from fasttext.FastText import load_model as load

    try:
        return load(path).f  # type: ignore[no-untyped-call]
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"{path} (SHA-256 {sha256}) is not a fastText model: {error}") from error


def _labels(native: Any) -> tuple[str, ...]:
    labels, _ = native.getLabels("strict")
    return tuple(labels)
