"""The texts on which runs are compared: held out from all, and not near anything that any of them is trained on.

validation tokens of the runs, or files ─▶ texts ─▶ passages ─▶ each once ─▶ without those whose word 8-grams
                                                          training data has ─▶ as many of each source as were asked for

What one run's training data holds twice, or holds of another's validation part, would make that run look better for its
copies; so a passage goes if any run's training data has half of its 8-grams.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

from curate.ablation.arms import Arm, run_tokenizer
from curate.decontaminate.ngrams import hash_ngrams
from curate.errors import UsageError
from curate.run_files import MIXTURE
from curate.tokenize.document_ends import whole_runs
from curate.tokenize.encode import Tokenizer, cut_text
from curate.tokenize.shards import TokenArray
from curate.train_min.loader import TokenData, open_tokens

PASSAGE_CHARACTERS = 4000
MAX_PASSAGES = 8
"""Of one document, so that no long one is most of its source."""
NGRAM = 8
MIN_NGRAMS = 8
"""A passage with fewer says nothing of what it is near to."""
MAX_SEEN = 0.5
"""The share of a passage's different n-grams that training data may hold."""
TOKENS_AT_ONCE = 1 << 20
BYTES_PER_SOURCE = 400_000
SCHEMA = {"source": pl.String, "document": pl.String, "text": pl.String, "owner": pl.String}


@dataclass(frozen=True, slots=True)
class HeldOutPassages:
    """`rows` has `source, document, text, owners`: a list of the arms whose validation part a passage is of, empty for
    files. `seen` passages were near training data, `short` ones too short to say."""

    rows: pl.DataFrame
    seen: int
    short: int

    @property
    def digest(self) -> str:
        return hashlib.sha256("\0".join(self.rows["text"].to_list()).encode()).hexdigest()


def hold_out(arms: Sequence[Arm], files: Sequence[str | Path] = (), *, max_bytes: int) -> HeldOutPassages:
    """Passages from the validation parts of all arms, or from `files`, at most `max_bytes` of each source.

    Files are Parquet or JSON Lines (`.gz`) with a column `text`, plain text (a document each), or folders of runs,
    whose validation parts are taken; a file is a source.

    Raises:
        UsageError: a file cannot be read, or no passage is left.
    """
    frames = [_of_file(Path(file)) for file in files] if files else [_of_run(arm.data, arm.name) for arm in arms]
    pooled = (
        pl.concat(frames)
        .group_by("text", maintain_order=True)
        .agg(
            pl.col("source", "document").first(),
            pl.col("owner").drop_nulls().unique(maintain_order=True).alias("owners"),
        )
    )
    if pooled.is_empty():
        raise UsageError(
            "no shared held-out documents: no run has a validation part with text; let the recipe hold some out "
            "([tokenize] validation), or name files with --held-out"
        )
    share, grams = seen_shares(pooled["text"], arms)
    is_long = grams >= MIN_NGRAMS
    clean = pooled.filter(pl.Series(is_long & (share <= MAX_SEEN)))
    if clean.is_empty():
        raise UsageError(
            f"no shared held-out documents: of {pooled.height:,} passages, {int((~is_long).sum()):,} are too short and "
            "all others are near to what a run is trained on; name files with --held-out"
        )
    return HeldOutPassages(
        _first_bytes(clean, max_bytes), int((is_long & (share > MAX_SEEN)).sum()), int((~is_long).sum())
    )


def seen_shares(texts: pl.Series, arms: Sequence[Arm]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The share of each text's different n-grams that some arm's training data has, the greatest over the arms, and how
    many there are."""
    hashes, which = hash_ngrams(texts, ngram=NGRAM)
    pairs = np.unique(np.stack([which.astype(np.uint64), hashes], axis=1), axis=0)
    owners, grams = pairs[:, 0].astype(np.int64), pairs[:, 1]
    counts = np.bincount(owners, minlength=len(texts))
    known = np.unique(grams)
    most = np.zeros(len(texts))
    for arm in arms:
        is_met = _met(known, _training_texts(arm))
        hits = is_met[np.searchsorted(known, grams)]
        most = np.maximum(most, np.bincount(owners, weights=hits, minlength=len(texts)) / np.maximum(counts, 1))
    return most, counts.astype(np.int64)


def _met(known: npt.NDArray[np.uint64], texts: Iterable[pl.Series]) -> npt.NDArray[np.bool_]:
    """Which of the sorted hashes stand in any of the texts."""
    met = np.zeros(len(known), dtype=bool)
    for batch in texts:
        hashes, _ = hash_ngrams(batch, ngram=NGRAM)
        at = np.minimum(np.searchsorted(known, hashes), max(len(known) - 1, 0))
        if len(known):
            met[at[known[at] == hashes]] = True
    return met


def _training_texts(arm: Arm) -> Iterator[pl.Series]:
    for array in arm.data.train.values():
        yield from (pl.Series(texts, dtype=pl.String) for texts in _texts(array, arm.tokenizer))


def _texts(array: TokenArray, tokenizer: Tokenizer) -> Iterator[list[str]]:
    """The documents of a source as texts, some megabytes at a time: the bytes that ids stand for, one after another."""
    pieces = tokenizer.backend.pieces
    for first, last in whole_runs(array.ends, TOKENS_AT_ONCE):
        documents = (array.document(number).tolist() for number in range(first, last))
        yield [b"".join(map(pieces.__getitem__, ids)).decode("utf-8", "replace") for ids in documents]


def _of_run(data: TokenData, owner: str | None) -> pl.DataFrame:
    """The passages of a run's validation part."""
    tokenizer = run_tokenizer(data)
    rows: list[dict[str, Any]] = []
    for source, array in data.validation.items():
        texts = (text for batch in _texts(array, tokenizer) for text in batch)
        for number, text in enumerate(texts):
            rows += _passages(source, f"{data.run}:{number}", text, owner)
    return pl.DataFrame(rows, schema=SCHEMA)


def _of_file(path: Path) -> pl.DataFrame:
    if (path / MIXTURE).is_file():
        return _of_run(open_tokens(path), None)
    source = path.name.partition(".")[0]
    rows: list[dict[str, Any]] = []
    for number, text in enumerate(_read_texts(path)):
        rows += _passages(source, f"{path}:{number}", text, None)
    return pl.DataFrame(rows, schema=SCHEMA)


def _read_texts(path: Path) -> list[str]:
    if not path.is_file():
        raise UsageError(f'--held-out: there is no file or run "{path}"')
    try:
        if path.suffix == ".parquet":
            found = pl.read_parquet(path, columns=["text"])["text"]
        elif path.suffix == ".txt":
            return [path.read_text(encoding="utf-8")]
        else:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            found = pl.read_ndjson(content)["text"]
    except (OSError, EOFError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise UsageError(
            f'--held-out: {path} is no Parquet or JSON Lines file with a column "text": {str(error).splitlines()[0]}'
        ) from error
    return [str(text) for text in found.drop_nulls()]


def _passages(source: str, document: str, text: str, owner: str | None) -> list[dict[str, Any]]:
    pieces = [piece for piece in cut_text(text, PASSAGE_CHARACTERS) if piece.strip()][:MAX_PASSAGES]
    return [{"source": source, "document": document, "text": piece, "owner": owner} for piece in pieces]


def _first_bytes(rows: pl.DataFrame, max_bytes: int) -> pl.DataFrame:
    """Whole documents by a hash of their first text, up to so many bytes of each source, the first one in any case."""
    documents = rows.group_by("source", "document", maintain_order=True).agg(pl.col("text").first().alias("first"))
    order = [xxhash.xxh3_64_intdigest(text.encode()) for text in documents["first"]]
    documents = documents.with_columns(pl.Series("order", order, dtype=pl.UInt64)).drop("first")
    size = pl.col("text").str.len_bytes().cast(pl.Int64).alias("bytes")
    mixed = rows.with_columns(size).join(documents, on=["source", "document"], maintain_order="left")
    mixed = mixed.sort("source", "order", maintain_order=True)
    before = (pl.col("bytes").cum_sum() - pl.col("bytes")).over("source")
    return mixed.filter(before < max_bytes).drop("order", "bytes")
