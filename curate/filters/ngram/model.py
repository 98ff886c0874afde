"""A language model as filters and commands use it: loaded once a process, checked, and asked about whole documents.

path ─▶ sha256 ─▶ tables ─▶ NgramModel;  texts ─▶ words ─▶ Σ log10 p ─▶ perplexity ─▶ head | middle | tail
"""

from __future__ import annotations

import functools
import math
import os
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.filters.ngram.file import Borders, NgramTables, read_tables
from curate.filters.ngram.table import Scores, score
from curate.filters.ngram.words import Units, WordStream, word_stream
from curate.model_file import ModelFile
from curate.text.buffers import TextBuffers, text_buffers

Bucket = Literal["head", "middle", "tail"]
BUCKETS: tuple[Bucket, ...] = get_args(Bucket)
BITS = math.log2(10)
"""In a base-10 logarithm of 1."""
PIECE_BYTES = 1 << 22
"""Of texts whose words are held at a time."""


@dataclass(frozen=True, slots=True)
class NgramModel:
    """`file` is what the manifest says about it."""

    file: ModelFile
    tables: NgramTables

    @property
    def units(self) -> Units:
        return self.tables.units

    @property
    def borders(self) -> Borders:
        return self.tables.borders

    def scores(self, texts: pl.Series) -> Scores:
        """How likely each text is (null as an empty one), in one pass of kernels over their bytes.

        Raises:
            UsageError: it is a model of a tokenizer's tokens, which are not texts.
        """
        if self.units == "tokens":
            raise UsageError(f"{self.file.path} is a model of a run's tokens and can't be asked about texts")
        if texts.is_empty():  # asked so for the columns alone, by a check that has no use for kernels
            return Scores(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        parts = [self.scores_of(word_stream(piece, self.units)) for piece in pieces(text_buffers(texts))]
        return Scores(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def scores_of(self, stream: WordStream) -> Scores:
        """The same for words that were hashed already."""
        return score(stream, self.tables.table)

    def perplexities(self, texts: pl.Series) -> pl.Series:
        """Float32: ten to the mean of minus log10 p over words and ends of sentences; null for a text without words."""
        return perplexities_of(self.scores(texts))

    def buckets(self, perplexities: pl.Series, languages: pl.Series | None = None) -> pl.Series:
        """ "head", "middle" or "tail" by the model's borders, those of a document's language where it has some."""
        names = pl.Series([""] * len(perplexities)) if languages is None else languages.fill_null("")
        lows, highs = self._border(names, 0), self._border(names, 1)
        frame = pl.DataFrame({"value": perplexities, "low": lows, "high": highs})
        value = pl.col("value").cast(pl.Float64)
        chosen = (
            pl.when(value < pl.col("low"))
            .then(pl.lit("head"))
            .when(value < pl.col("high"))
            .then(pl.lit("middle"))
            .when(value >= pl.col("high"))
            .then(pl.lit("tail"))
        )
        return frame.select(chosen.alias("bucket")).to_series()

    def _border(self, languages: pl.Series, which: int) -> pl.Series:
        borders = {language: pair[which] for language, pair in self.borders.items()}
        anywhere = borders.get("")
        if not borders:
            return pl.Series([None] * len(languages), dtype=pl.Float64)
        return languages.replace_strict(borders, default=anywhere, return_dtype=pl.Float64)


def load_ngram_model(path: str) -> NgramModel:
    """The model at `path`.

    Raises:
        UsageError: there is no such file, it is no model, or it is damaged.
    """
    found = file_sha256(path, what="language model")
    return NgramModel(ModelFile(os.path.basename(path), path, found), _read(path, found))


@functools.cache
def _read(path: str, sha256: str) -> NgramTables:
    """Keyed by content too: a file that changed is read again."""
    return read_tables(path)


def perplexities_of(scores: Scores) -> pl.Series:
    """Float32, null where there are no words."""
    words = np.maximum(scores.words, 1)
    values = np.power(10.0, np.minimum(-scores.logarithms / words, 38))
    has_words = pl.Series(scores.words > 0)
    return pl.DataFrame({"value": values}).select(pl.when(has_words).then(pl.col("value").cast(pl.Float32))).to_series()


def terciles(perplexities: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The borders of three parts of equal size, as CCNet has them (Wenzek et al. 2020, arXiv:1911.00359)."""
    low, high = np.quantile(perplexities, [1 / 3, 2 / 3]).tolist()
    return low, high


def pieces(texts: TextBuffers) -> list[TextBuffers]:
    """The batch in parts of some megabytes, each of whole documents."""
    size = int(texts.offsets[-1] - texts.offsets[0])
    parts = max(1, -(-size // PIECE_BYTES))
    wanted = texts.offsets[0] + np.arange(1, parts) * PIECE_BYTES
    cuts = np.unique([0, *np.searchsorted(texts.offsets, wanted), texts.documents])
    return [_piece(texts, first, last) for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)]


def _piece(texts: TextBuffers, first: int, last: int) -> TextBuffers:
    offsets = texts.offsets[first : last + 1]
    return TextBuffers(texts.data[offsets[0] : offsets[-1]], offsets - offsets[0])
