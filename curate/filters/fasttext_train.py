"""A fastText classifier trained from labeled texts, with the library, for our own kernels to ask.

rows of (label, text) ─▶ one line each ─▶ fastText on one thread ─▶ model.bin, or model.ftz of a size that is wanted

Installed with the extra `curate-corpus[classifier]`; nothing of it is imported before it is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from curate.errors import UsageError
from curate.filters.fasttext_model import END_MARK, PREFIX

DISTRIBUTION = "fasttext-community"
MIN_ROWS = 256
"""Words and n-grams of a quantized model: product quantization needs as many as it has centroids."""
BYTES_OF_ROW = 20
"""Of a quantized model, at least: a code, a norm, and the word or the hash itself."""
MAX_TRIES = 12
SILENT = -1
"""The library takes 0 for "as it was trained", and that for loud."""


@dataclass(frozen=True, slots=True)
class Training:
    """fastText's options, under its own meanings; the defaults are for some thousands to millions of documents.

    A `.bin` has 4 · `dim` bytes for each word and each of the `bucket` slots of word n-grams: 50 MB and more. Of words
    in fewer than `min_count` texts nothing is learned.
    """

    dim: int = 50
    epochs: int = 10
    learning_rate: float = 0.3
    word_ngrams: int = 2
    min_count: int = 2
    bucket: int = 250_000
    min_ngram: int = 0
    max_ngram: int = 0
    """Of characters; 0 to 0: whole words only. 2 to 4 help with short texts and rich inflection."""
    loss: str = "softmax"
    seed: int = 17


def library() -> Any:
    """The fastText library.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import fasttext
    except ImportError as error:
        raise UsageError(
            f'training a classifier needs fastText ({error}): pip install "curate-corpus[classifier]"'
        ) from error
    return fasttext


def library_version() -> str:
    return f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}"


def write_lines(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """The training file: a text is a line as the kernels read it, and holds no label but its own."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{PREFIX}{label} {one_line(text)}\n" for label, text in rows)


def one_line(text: str) -> str:
    """fastText's words end at white space and NUL; its mark of a line's end and its labels are no words."""
    return re.sub(rf"[\s\x00]+|{re.escape(END_MARK)}|{re.escape(PREFIX)}", " ", text)


def label_name(value: object) -> str:
    """What stands behind `__label__` for a value of the label's column: no white space, which would end it."""
    return re.sub(r"\s+", "_", str(value).strip())


def train(lines: Path, training: Training) -> Any:
    """The library's model: the same for the same lines and options, as one thread alone goes through them.

    Raises:
        UsageError: the options or the lines are such that nothing can be learned.
    """
    try:
        model = library().train_supervised(
            input=os.fspath(lines),
            dim=training.dim,
            epoch=training.epochs,
            lr=training.learning_rate,
            wordNgrams=training.word_ngrams,
            minCount=training.min_count,
            bucket=training.bucket,
            minn=training.min_ngram,
            maxn=training.max_ngram,
            loss=training.loss,
            seed=training.seed,
            thread=1,
            verbose=0,
        )
    except (
        RuntimeError,
        ValueError,
    ) as error:  # "Encountered NaN.", "Empty vocabulary. Try a smaller -minCount value."
        raise UsageError(f"fastText could not be trained with {asdict(training)}: {error}") from error
    if model.get_words() in ([], ["</s>"]):
        raise UsageError(
            f"nothing can be learned: no word stands in the texts {training.min_count:,} times (min_count)"
        )
    return model


def save(model: Any, lines: Path, path: Path, *, max_bytes: int | None) -> None:
    """Write the model: as it is, or quantized so that the file has at most `max_bytes`.

    Raises:
        UsageError: no quantized model is that small.
    """
    model.save_model(os.fspath(path))
    if max_bytes is None:
        return
    dense = path.with_name(path.name + ".dense")
    path.replace(dense)
    try:
        _save_quantized(dense, lines, path, max_bytes)
    finally:
        dense.unlink()


def _save_quantized(dense: Path, lines: Path, path: Path, max_bytes: int) -> None:
    """Keep fewer and fewer words and n-grams, the weightiest, and learn again with these, until the file fits."""
    rows = max_bytes // BYTES_OF_ROW
    for _ in range(MAX_TRIES):
        _quantize(dense, lines, path, max(rows, MIN_ROWS))
        size = path.stat().st_size
        if size <= max_bytes:
            return
        if rows <= MIN_ROWS:
            break
        rows = rows * max_bytes // size * 19 // 20
    raise UsageError(f"no quantized model of these texts has at most {max_bytes:,} bytes; the smallest has {size:,}")


def _quantize(dense: Path, lines: Path, path: Path, rows: int) -> None:
    model = library().load_model(os.fspath(dense))
    try:
        model.quantize(input=os.fspath(lines), cutoff=rows, qnorm=True, retrain=True, thread=1, verbose=SILENT)
    except (RuntimeError, ValueError) as error:  # "Matrix too small for quantization, must have at least 256 rows"
        raise UsageError(f"the model cannot be quantized: {error}") from error
    model.save_model(os.fspath(path))
