"""Tokens of any tables with texts, and nothing else: `curate tokenize FILES`, `curate.tokenize_files`.

files ─▶ rows of a split ─▶ texts ─▶ tokens ─▶ OUT/NNNNN.bin and its views, a shard a split
                                            └▶ OUT/vocabulary.json: what a trainer must know of the tokenizer
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from curate.batch import HAS_TEXT
from curate.engine.whole import json_bytes, whole_folder
from curate.errors import UsageError
from curate.recipe import Recipe, Source
from curate.standalone.outputs import check_new_folder
from curate.standalone.tables import (
    SOURCE,
    Unread,
    find_splits,
    inputs_of,
    joined,
    read_rows,
    require_columns,
    require_rows,
)
from curate.tokenize.described_vocabulary import vocabulary_of
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.tokenize.end_of_text import CONFIG
from curate.tokenize.mix import Vocabulary
from curate.tokenize.shards import write_shard

VOCABULARY = "vocabulary.json"
BATCH_BYTES = 8 << 20
"""Of text that is encoded at once."""


@dataclass(slots=True)
class Tokenized:
    """What became of the rows of plain files."""

    documents: int = 0
    tokens: int = 0
    """End-of-text after each document included."""
    bytes: int = 0
    """Of their texts, in UTF-8."""
    empty: int = 0
    """Rows without a text, or whose text is nothing to the vocabulary: no documents."""
    shards: int = 0
    unread: list[Unread] = field(default_factory=list)


def tokenize_files(
    paths: Sequence[str | Path],
    *,
    tokenizer: str | Path,
    out: str | Path,
    columns: Mapping[str, str] | None = None,
    end_of_text: str | None = None,
) -> Tokenized:
    """The texts of JSON Lines and Parquet files as shards of tokens in a new folder, in the order of the files.

    A shard holds one split of the inputs, and has the views of a run's shards beside it: `open_shards(out)` reads them.
    `columns` maps `text` and `id` to the files' names, where these differ; `tokenizer` and `end_of_text` are those of
    `[tokenize]` in a recipe.

    Raises:
        UsageError: no such file or column, nothing that can be read, a tokenizer that does not work, or an output that
            holds something.
    """
    source = Source(SOURCE, "tables", tuple(map(str, paths)), columns=columns or {})
    opened = load_tokenizer(tokenizer, end_of_text=end_of_text)
    splits = find_splits(source, Recipe("tokenize", sources=(source,), base=Path.cwd(), file="curate tokenize"))
    target = Path(out)
    _check_apart(target, inputs_of(splits))
    found, columns_there = Tokenized(), set[frozenset[str]]()
    with whole_folder(target) as folder:
        for split in splits:
            parts = list(read_rows(split, source))
            columns_there.update(part.columns for part in parts)
            found.unread += [unread for part in parts for unread in part.unread]
            _write_shard(joined(parts, source), opened, folder, found)
        require_rows(found.documents + found.empty, found.unread)
        require_columns(source, columns_there)
        (folder / VOCABULARY).write_bytes(json_bytes(asdict(_vocabulary(opened, Path(tokenizer), folder))))
    return found


def _check_apart(target: Path, inputs: Sequence[str]) -> None:
    check_new_folder(target)
    for path in inputs:
        if target.resolve() in Path(path).resolve().parents:
            raise UsageError(f"--out {target} is the folder of an input ({path}); name another one")


def _write_shard(rows: pl.DataFrame, tokenizer: Tokenizer, folder: Path, found: Tokenized) -> None:
    """One of the documents among rows, where there are any."""
    documents = rows.select("id", "text").filter(pl.col("text").str.contains(HAS_TEXT).fill_null(False))
    documents = documents.with_columns(pl.col("text").str.len_bytes().cast(pl.Int64).alias("bytes"))
    encoded = [tokenizer.encode_batch(batch["text"].to_list()) for batch in _batches(documents)]
    counts = np.concatenate([np.zeros(0, dtype=np.int64), *(np.diff(offsets) for _, offsets in encoded)])
    has_tokens = counts > 1  # a vocabulary may have nothing of a text, and an end-of-text alone is no document
    found.empty += rows.height - int(has_tokens.sum())
    if not has_tokens.any():
        return
    tokens = np.concatenate([tokens for tokens, _ in encoded])
    if not has_tokens.all():
        tokens = tokens[np.repeat(has_tokens, counts)]
    offsets = np.concatenate([[0], np.cumsum(counts[has_tokens])]).astype(np.int64)
    kept = documents.filter(has_tokens)
    write_shard(folder, f"{found.shards:05d}", tokens, offsets, kept["id"], kept["bytes"])
    found.shards += 1
    found.documents += kept.height
    found.tokens += len(tokens)
    found.bytes += int(kept["bytes"].sum())


def _batches(documents: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows of some megabytes of text each, one of them at least."""
    number = (documents["bytes"].cum_sum() - documents["bytes"]) // BATCH_BYTES
    yield from documents.with_columns(number.alias("batch")).partition_by("batch", maintain_order=True)


def _vocabulary(tokenizer: Tokenizer, file: Path, folder: Path) -> Vocabulary:
    """With the tokenizer's file beside the shards, and what may say there which of its tokens are control tokens."""
    if tokenizer.name != "bytes":
        (folder / tokenizer.name).write_bytes(file.read_bytes())
        if (config := file.with_name(CONFIG)).is_file():
            (folder / CONFIG).write_bytes(config.read_bytes())
    return vocabulary_of(tokenizer, tokenizer.name)
