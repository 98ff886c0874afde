"""How well a language model does on many texts: one perplexity, bits per byte, and the borders of three equal parts.

pieces of words ─▶ scores, summed up ─▶ JudgedModel;   perplexities of a sample ─▶ terciles, by language
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from curate.errors import UsageError
from curate.filters.ngram.file import Borders
from curate.filters.ngram.model import BITS, NgramModel, perplexities_of, terciles
from curate.filters.ngram.table import Scores
from curate.filters.ngram.words import Units
from curate.run_files import Part
from curate.standalone.labeled import LABEL
from curate.standalone.reference import Reference

MIN_DOCUMENTS = 30
"""Of a language, in a sample, for borders of its own."""
UNKNOWN_BITS = {"bytes": 8, "tokens": 32}
"""What a byte or token that was never seen costs besides the probability of all of these together: any may be it."""


@dataclass(frozen=True, slots=True)
class JudgedModel:
    """How well a model predicts texts: `words` (ends of sentences, too), how many of them it does not know (`unknown`),
    and the perplexity of all; `bits_per_byte` where it predicts all that a text is, of bytes or tokens."""

    documents: int
    words: int
    unknown: int
    bytes: int
    perplexity: float | None
    bits_per_byte: float | None


def judge(model: NgramModel, reference: Reference, part: Part | None) -> JudgedModel:
    """All texts of a reference, or of one part of it."""
    totals = TotalScores()
    for piece in reference.pieces(model.units, part):
        totals.add(model.scores_of(piece.stream), piece.bytes)
    return totals.judged(model.units)


class TotalScores:
    """Scores of many texts, summed up."""

    def __init__(self) -> None:
        self.documents = self.words = self.unknown = self.bytes = 0
        self.logarithm = 0.0

    def add(self, scores: Scores, size: int) -> None:
        self.documents, self.bytes = self.documents + len(scores.words), self.bytes + size
        self.words, self.unknown = self.words + int(scores.words.sum()), self.unknown + int(scores.unknown.sum())
        self.logarithm += float(scores.logarithms.sum())

    def judged(self, units: Units) -> JudgedModel:
        perplexity = round(10 ** (-self.logarithm / self.words), 4) if self.words else None
        bits = -self.logarithm * BITS + self.unknown * UNKNOWN_BITS.get(units, 0)
        per_byte = round(bits / self.bytes, 6) if self.bytes and units in UNKNOWN_BITS else None
        return JudgedModel(self.documents, self.words, self.unknown, self.bytes, perplexity, per_byte)


def find_borders(model: NgramModel, sample: Reference) -> Borders:
    """Of all documents together, and of each language of which there are enough."""
    empty = pl.DataFrame(schema={"value": pl.Float64, "language": pl.String})
    frames = [
        pl.DataFrame(
            {
                "value": _exact(model, frame["text"]),
                "language": frame[LABEL].cast(pl.String) if LABEL in frame.columns else [None] * frame.height,
            },
            schema=empty.schema,
        )
        for frame in sample.frames()
    ]
    table = pl.concat([empty, *frames]).drop_nulls("value")
    if table.height < MIN_DOCUMENTS:
        raise UsageError(f"terciles need {MIN_DOCUMENTS} texts or more, and there are {table.height}")
    groups = {"": table}
    for name in table["language"].drop_nulls().unique().sort():
        groups[name] = table.filter(pl.col("language") == name)
    return {name: terciles(rows["value"].to_numpy()) for name, rows in groups.items() if rows.height >= MIN_DOCUMENTS}


def _exact(model: NgramModel, texts: pl.Series) -> pl.Series:
    return perplexities_of(model.scores(texts)).cast(pl.Float64)
