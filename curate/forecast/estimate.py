"""How many tokens a recipe will make of its inputs, from a part of them taken through the same steps.

each source: survey ─▶ kept ─▶ all together: copies out, cut, scrubbed ─▶ bytes a byte of input ─┐
                                 └─▶ tokenizer, the recipe's or one trained on them ─▶ tokens a byte ─┴▶ Estimate
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.dedup.find import find_duplicates
from curate.dedup.methods import with_room
from curate.dedup.sign import sign_documents, with_bands
from curate.engine.plan import Plan
from curate.forecast.distinct import distinct_share
from curate.forecast.survey import GROUPS, Survey, survey
from curate.forecast.token_density import Density, token_densities
from curate.pipeline.survivors import cut_documents
from curate.recipe import Recipe
from curate.recipe_dedup import Dedup
from curate.steps.scrub import has_too_many, scrub_as_asked

TEXTS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one source. `error` is one standard error of `tokens`; `drawn_share` of the documents were tried."""

    documents: int
    bytes: int
    tokens: int
    error: int
    drawn: int
    drawn_share: float
    copy_share: float
    """Of the bytes that the steps keep, those that [dedup] takes."""


def estimate(recipe: Recipe, plan: Plan) -> dict[str, Estimate]:
    """By source; of a resolved recipe. Nothing is written but temporary files."""
    surveys = {source.name: survey(recipe, source, plan) for source in recipe.sources}
    kept = [found.kept for found in surveys.values()]
    documents = _sized(_scrubbed(_deduplicated(kept, recipe.dedup), recipe))
    parts = {name: _of(documents.filter(source=name), found) for name, found in surveys.items()}
    texts = {name: part.filter("stays")["text"] for name, part in parts.items()}
    sizes = {name: _bytes(found, parts[name], _shape(parts[name])) for name, found in surveys.items()}
    densities = token_densities(recipe, texts, sizes)
    return {name: _estimate(found, parts[name], densities[name]) for name, found in surveys.items()}


def _of(documents: pl.DataFrame, found: Survey) -> pl.DataFrame:
    """In the order of the draw, which is none."""
    return found.drawn.join(documents, on="id", how="inner", maintain_order="left")


def _estimate(found: Survey, documents: pl.DataFrame, density: Density) -> Estimate:
    size = _bytes(found, documents, _shape(documents))
    tokens = size * density.tokens_per_byte
    error = math.hypot(_sampling_error(found, documents), density.error)
    stays = documents.filter("stays")
    return Estimate(
        documents=round(size / max(float(stays["size"].sum()), 1) * stays.height),
        bytes=round(size),
        tokens=round(tokens),
        error=round(tokens * error),
        drawn=found.drawn.height,
        drawn_share=found.drawn_share,
        copy_share=1 - _distinct(documents, found.drawn_share) * _shape(documents) if documents.height else 0.0,
    )


def _bytes(found: Survey, documents: pl.DataFrame, shape: float, without: int = -1) -> float:
    """Of the whole source: for a byte of the records drawn so many of text that stay, times all bytes of records."""
    drawn, documents = (frame.filter(pl.col("group") != without) for frame in (found.drawn, documents))
    drawn_share = found.drawn_share * drawn.height / max(found.drawn.height, 1)
    payload = found.payload / found.input_share if found.input_share else 0.0
    density = float(documents["size_before"].sum()) / max(int(drawn["payload"].sum()), 1)
    return density * payload * _distinct(documents, drawn_share) * shape


def _distinct(documents: pl.DataFrame, drawn_share: float) -> float:
    """Different documents for each that comes to deduplication."""
    return distinct_share(documents.group_by("cluster").len()["len"].cast(pl.Int64).to_numpy(), drawn_share)


def _shape(documents: pl.DataFrame) -> float:
    """Bytes that stay for each byte that comes, over clusters for each document: which copy stays, what is cut out of
    it, and what another source keeps."""
    before = float(documents["size_before"].sum())
    left = float(documents.filter("stays")["size"].sum())
    return left / before / (documents["cluster"].n_unique() / documents.height) if before else 0.0


def _sampling_error(found: Survey, documents: pl.DataFrame) -> float:
    """Relative, by the jackknife: how the estimate changes without a twentieth of the documents. A complete draw has
    none."""
    shape = _shape(documents)
    if not shape or found.drawn_share >= 1:
        return 0.0
    if found.drawn.height < 2 * GROUPS:
        return 1 / math.sqrt(documents.height)
    groups = found.drawn["group"].unique().sort().to_list()
    parts = [_bytes(found, documents, shape, without=group) for group in groups]
    mean = sum(parts) / len(parts)
    variance = (len(parts) - 1) / len(parts) * sum((part - mean) ** 2 for part in parts)
    unseen = 1 - (found.drawn_share if found.input_share >= 1 else found.input_share)
    return math.sqrt(variance * unseen) / mean if mean else 0.0


def _deduplicated(kept: Sequence[pl.DataFrame], dedup: Dedup | None) -> pl.DataFrame:
    """With `stays`, `cluster` (the document that stands for it in the draw), `size_before`, and texts as `dedup` would
    leave them if these were all; earlier indexes are not asked."""
    size = pl.col("text").str.len_bytes().cast(pl.Int64).alias("size_before")
    documents = pl.concat([batch.select("id", "source", "text") for batch in kept])
    documents = documents.with_columns(size, pl.col("id").alias("cluster"), stays=pl.lit(True))
    if dedup is None or documents.is_empty():
        return documents
    dedup = with_bands(with_room(dedup))
    texts = documents["text"]
    with tempfile.TemporaryDirectory(prefix="curate-plan-") as folder:
        path = Path(folder) / "signatures.parquet"
        pieces = [sign_documents(piece, dedup) for batch in kept for piece in batch.iter_slices(TEXTS_AT_ONCE)]
        pl.concat(pieces).write_parquet(path, compression="uncompressed")
        found = find_duplicates([path], dedup, texts=lambda _, rows: texts.gather(rows), scratch=Path(folder))
    verdicts = found.verdicts.select("id", "duplicate_of", pl.col("cluster").alias("_cluster"))
    documents = documents.join(verdicts, on="id", how="left", maintain_order="left").with_columns(
        pl.coalesce("_cluster", "cluster").alias("cluster"), pl.col("duplicate_of").is_null().alias("stays")
    )
    documents = documents.drop("_cluster", "duplicate_of")
    if found.cuts.is_empty():
        return documents
    cut, emptied = cut_documents(documents, found.cuts, dedup.min_words_left)
    gone = documents.join(emptied, on="id", how="semi").with_columns(stays=pl.lit(False))
    return pl.concat([cut.drop("cut_bytes"), gone], how="diagonal_relaxed")


def _sized(documents: pl.DataFrame) -> pl.DataFrame:
    return documents.with_columns(pl.col("text").str.len_bytes().cast(pl.Int64).alias("size"))


def _scrubbed(documents: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Those with too many findings are gone. What Presidio finds changes texts little, and takes long."""
    if recipe.scrub is None or recipe.scrub.engine != "patterns":
        return documents
    scrubbed = scrub_as_asked(documents, recipe)
    return documents.with_columns(scrubbed["text"], stays=pl.col("stays") & ~has_too_many(scrubbed, recipe))
