"""The judge's file: the table of words and four sets of trees, in one file of our own with a digest.

    b"curate extractor 1\\n" | JSON line: what it is, and the name, type and shape of each array | arrays | SHA-256

The arrays are little-endian, one after another. The same training gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.extract.judge.feature_names import FEATURES
from curate.extract.judge.page_features import PAGE_FEATURES
from curate.extract.judge.second_pass import SECOND
from curate.extract.judge.trees import Trees
from curate.extract.judge.words import PAGE_TYPES, WordTable, word_table, words_in

MAGIC = b"curate extractor 1\n"
SHIPPED = Path(__file__).with_name("extractor.bin")
DIGEST = 32
MAX_HEADER = 1 << 20
FORESTS = ("first", "second", "confidence", *(f"type_{name}" for name in PAGE_TYPES))


class JudgeModel(NamedTuple):
    """`words`; the trees of the `first` and `second` pass, of the `confidence`, and of each of the `types`; `facts`:
    what it was trained on and how. `digest` is the SHA-256 of the file, or "" before it is one."""

    words: WordTable
    first: Trees
    second: Trees
    confidence: Trees
    types: tuple[Trees, ...]
    facts: Mapping[str, Any]
    digest: str = ""


def model_bytes(model: JudgeModel) -> bytes:
    arrays = _arrays_of(model)
    header = {
        "facts": model.facts,
        "features": [list(FEATURES), list(SECOND), list(PAGE_FEATURES)],
        "arrays": [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()],
    }
    line = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    body = MAGIC + line + b"".join(array.tobytes() for array in arrays.values())
    return body + hashlib.sha256(body).digest()


def _arrays_of(model: JudgeModel) -> dict[str, npt.NDArray[Any]]:
    hashes, odds = words_in(model.words)
    arrays: dict[str, npt.NDArray[Any]] = {"words": hashes.astype("<u4"), "odds": odds}
    forests = (model.first, model.second, model.confidence, *model.types)
    for name, trees in zip(FORESTS, forests, strict=True):
        arrays |= {
            f"{name}/{part}": array.astype(array.dtype.newbyteorder("<")) for part, array in trees._asdict().items()
        }
    return arrays


def load_judge(path: Path | None = None) -> JudgeModel:
    """The model in a file, or the one that ships.

    Raises:
        UsageError: it cannot be read, is damaged, or asks for features that this version has not.
    """
    return _load(path or SHIPPED)


@cache
def _load(path: Path) -> JudgeModel:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the extractor's model {path} cannot be read: {error.strerror}") from error
    return read_model(data, str(path))


def read_model(data: bytes, name: str) -> JudgeModel:
    """The model in `data`; `name` is what errors call it.

    Raises:
        UsageError: as `load_judge` does.
    """
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if not data.startswith(MAGIC):
        raise UsageError(
            f'{name} is no model of an extractor: it begins with {data[:20]!r}, not with "curate extractor"'
        )
    if hashlib.sha256(body).digest() != digest:
        raise UsageError(f"{name} is damaged: its SHA-256 is not the one at its end")
    end = body.index(b"\n", len(MAGIC)) + 1
    header = json.loads(body[len(MAGIC) : end])
    if header["features"] != [list(FEATURES), list(SECOND), list(PAGE_FEATURES)]:
        raise UsageError(f"{name} was trained on other features than this version of curate measures; train it anew")
    arrays = _read_arrays(body, end, header["arrays"])
    forests = [Trees(*(arrays[f"{forest}/{part}"] for part in Trees._fields)) for forest in FORESTS]
    words = word_table(arrays["words"], arrays["odds"])
    first, second, confidence, *types = forests
    name_of_file = hashlib.sha256(data).hexdigest()
    return JudgeModel(words, first, second, confidence, tuple(types), header["facts"], name_of_file)


def _read_arrays(body: bytes, at: int, listed: list[tuple[str, str, list[int]]]) -> dict[str, npt.NDArray[Any]]:
    arrays = {}
    for name, kind, shape in listed:
        count = int(np.prod(shape))
        array = np.frombuffer(body, dtype=np.dtype(kind), count=count, offset=at).reshape(shape)
        at += array.nbytes
        arrays[name] = array.astype(array.dtype.newbyteorder("="))
    return arrays
