"""What a language model is trained on or asked about: tables of texts, and runs with their documents or tokens.

tables ─▶ by a hash of the text ─┬▶ train ──────┐
runs ─▶ as the run divided them ─┴▶ validation ─┴▶ pieces: a stream of words, the texts, how many bytes
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.filters.ngram.model import pieces
from curate.filters.ngram.words import Units, WordStream, token_stream, word_stream
from curate.pipeline.tokenizer import keyed_share
from curate.run_files import DOCUMENTS, MANIFEST, PLAN, Part, shards
from curate.run_folder import RunFolder
from curate.standalone.labeled import LabeledTables, is_held_out, open_tables
from curate.text.buffers import TextBuffers, text_buffers
from curate.tokenize.shards import Shard, open_shard

COLUMNS = ["id", "text"]
SHARD_FILES = "*.bin"


class Piece(NamedTuple):
    """Some megabytes of words; `texts` is None where they are tokens. `bytes` are those of UTF-8."""

    stream: WordStream
    texts: TextBuffers | None
    bytes: int


@dataclass(frozen=True, slots=True)
class Reference:
    """Inputs that were found; `share` of the texts in tables is held out for validation."""

    tables: LabeledTables | None
    runs: tuple[RunFolder, ...]
    share: float
    seed: int

    def frames(self, part: Part | None = None) -> Iterator[pl.DataFrame]:
        """`id` and `text` of one part, or of all; of tables that were opened with a label also this."""
        for run in self.runs:
            yield from _documents(run, part)
        if self.tables is not None:
            for rows in self.tables.frames():
                yield rows if part is None else rows.filter(self._is_of(part, rows["text"]))

    def pieces(self, units: Units, part: Part | None = None, *, places: bool = False) -> Iterator[Piece]:
        """One part cut into words, in the order of the files; with the `places` of words in the texts.

        Raises:
            UsageError: tokens are asked of tables, which have none.
        """
        if units == "tokens":
            yield from self._tokens(part)
            return
        for frame in self.frames(part):
            for texts in pieces(text_buffers(frame["text"])):
                yield Piece(word_stream(texts, units, places=places), texts, len(texts.data))

    def files(self) -> list[dict[str, Any]]:
        """What is read, by content."""
        runs = [
            {
                "run": run.folder.resolve().name,
                "manifest_sha256": file_sha256(str(run.folder / MANIFEST), what="manifest"),
            }
            for run in self.runs
        ]
        return [*runs, *(self.tables.files() if self.tables else [])]

    def paths(self) -> set[Path]:
        return self.tables.paths() if self.tables else set()

    def _is_of(self, part: Part, texts: pl.Series) -> pl.Series:
        held_out = is_held_out(texts, self.share, self.seed)
        return held_out if part == "validation" else ~held_out

    def _tokens(self, part: Part | None) -> Iterator[Piece]:
        if self.tables is not None:
            raise UsageError("only a run has tokens; name the folders of runs, and no tables")
        for run in self.runs:
            for name in (part,) if part else ("train", "validation"):
                for source in run.recipe.sources:
                    for path in sorted((run.folder / shards(name, source.name)).glob(SHARD_FILES)):
                        yield _tokens_of(open_shard(path))


def open_reference(
    inputs: Sequence[str | Path], *, text: str = "text", label: str | None = None, share: float = 0.0, seed: int = 17
) -> Reference:
    """The inputs: folders of runs that are done, and tables (JSON Lines or Parquet, or folders of them).

    Raises:
        UsageError: no such file, none is given, or a run is not done.
    """
    folders = [Path(one) for one in inputs if (Path(one) / PLAN).is_file()]
    runs = tuple(RunFolder(folder) for folder in folders)
    for run in runs:
        if not run.is_complete:
            raise UsageError(f'{run.folder} is not done: "curate run" has not finished there')
    others = [one for one in inputs if Path(one) not in folders]
    return Reference(open_tables(others, text=text, label=label) if others or not runs else None, runs, share, seed)


def _documents(run: RunFolder, part: Part | None) -> Iterator[pl.DataFrame]:
    """The final documents, divided as `curate.pipeline.tokenize` does: by a keyed hash of the id."""
    recipe = run.recipe
    for path in sorted((run.folder / DOCUMENTS).glob("*/*.parquet")):
        rows = pl.read_parquet(path, columns=COLUMNS)
        is_validation = keyed_share(rows["id"], seed=recipe.seed, purpose="validation") < recipe.tokenize.validation
        yield rows if part is None else rows.filter(is_validation if part == "validation" else ~is_validation)


def _tokens_of(shard: Shard) -> Piece:
    """Without the token that ends a text, in whose place a model has an end of its own."""
    ends = shard.ends.astype(np.int64)
    last = shard.tokens[ends - 1].astype(np.int64)
    is_end = last == (np.bincount(last).argmax() if len(last) else 0)
    tokens = np.delete(shard.tokens, ends[is_end] - 1).astype(np.int64)
    offsets = np.concatenate([[0], ends - np.cumsum(is_end)])
    return Piece(token_stream(tokens, offsets), None, int(shard.documents()["bytes"].sum()))
