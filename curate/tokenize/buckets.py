"""Buckets of a source: its documents by the value of a column. The mixture draws from each as from a source of its own.

[mix.by.web] ─▶ pools_of ─▶ "web@high", "web@low", "web@other"        values of a column ─▶ buckets_of ─▶ "high", …
tokens by pool, tokens by source that are drawn ─▶ share_out ─▶ tokens by pool that are drawn
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

import polars as pl

from curate.errors import UsageError
from curate.recipe import OTHER_BUCKET, Mix, MixBy
from curate.run_files import bucket_of, pool, source_of
from curate.tokenize.mix import DrawnStage, Mixture, Share, fill

BUCKET = "mix_bucket"
"""The column of documents/ that names the bucket of each."""


def pools_of(source: str, mix: Mix) -> tuple[str, ...]:
    """What the mixture draws from: a source as a whole, or each of its buckets."""
    by = mix.by.get(source)
    return tuple(pool(source, bucket) for bucket in by.buckets) if by else (source,)


def buckets_of(values: pl.Series, by: MixBy) -> pl.Series:
    """The bucket of each value, String.

    Raises:
        UsageError: buckets cannot be made of values of this type.
    """
    check_type(values.dtype, by)
    if not by.edges:
        named = values.cast(pl.String)
        return pl.select(pl.when(named.is_in([*by.weights])).then(named).otherwise(pl.lit(OTHER_BUCKET))).to_series()
    *names, other = by.buckets
    numbers = values.cast(pl.Float64)
    place = pl.Series(by.edges, dtype=pl.Float64).search_sorted(numbers, side="right")
    found = pl.Series(names, dtype=pl.String).gather(place.clip(0, len(by.edges)))
    is_number = numbers.is_not_null() & numbers.is_not_nan().fill_null(False)
    return pl.select(pl.when(is_number).then(found).otherwise(pl.lit(other))).to_series()


def check_type(dtype: pl.DataType, by: MixBy) -> None:
    """
    Raises:
        UsageError: buckets cannot be made of values of this type.
    """
    if by.edges and not dtype.is_numeric():
        raise UsageError(f'edges part numbers, and "{by.column}" is {dtype}')
    if not by.edges and dtype.is_float():
        raise UsageError(f'"{by.column}" is {dtype}: edges = [0.2, 0.5] part its numbers into buckets')
    if not (dtype.is_numeric() or dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Null)):
        raise UsageError(f'"{by.column}" is {dtype}; buckets go by text, numbers, or true and false')


def most_of(available: Mapping[str, int], mix: Mix) -> dict[str, int]:
    """By pool, the tokens that it can give in `max_epochs`; none where its weight is 0."""
    times = Fraction(str(mix.max_epochs))
    return {name: math.floor(held * times) if _weight(name, mix) else 0 for name, held in available.items()}


def by_source(amounts: Mapping[str, int]) -> dict[str, int]:
    """The sums over the pools of each source."""
    sums: dict[str, int] = {}
    for name, amount in amounts.items():
        sums[source_of(name)] = sums.get(source_of(name), 0) + amount
    return sums


def share_out(mixture: Mixture, available: Mapping[str, int], mix: Mix) -> Mixture:
    """The mixture of sources as one of their pools: what a source gives is shared out by weight x tokens held, each
    pool at most `max_epochs`; what one cannot give, the others of the source give."""
    parts, left = _parts(available, mix), most_of(available, mix)
    stages: list[DrawnStage] = []
    for stage in mixture.stages or (DrawnStage("", {share.name: share.tokens for share in mixture.shares}),):
        given: dict[str, int] = {}
        for source, tokens in stage.tokens.items():
            asked = {name: part for name, part in parts.items() if source_of(name) == source}
            given |= fill(asked, left, tokens)
        left = {name: left[name] - given[name] for name in left}
        stages.append(replace(stage, tokens=given))
    drawn = {name: sum(stage.tokens[name] for stage in stages) for name in available}
    shares = tuple(_shares(mixture, available, parts, drawn))
    notes = (*mixture.notes, *_notes(mixture, available, parts, drawn, left))
    return replace(mixture, shares=shares, notes=notes, stages=tuple(stages) if mixture.stages else ())


def _weight(name: str, mix: Mix) -> Fraction:
    """Of a source as a whole, which has no buckets or is not cut into them yet, 1."""
    bucket = bucket_of(name)
    return Fraction(1) if bucket is None else Fraction(str(mix.by[source_of(name)].buckets[bucket]))


def _parts(available: Mapping[str, int], mix: Mix) -> dict[str, Fraction]:
    """By pool, its part of what its source gives."""
    weighed = {name: _weight(name, mix) * held for name, held in available.items()}
    sums: dict[str, Fraction] = {}
    for name, amount in weighed.items():
        sums[source_of(name)] = sums.get(source_of(name), Fraction(0)) + amount
    return {name: amount / (sums[source_of(name)] or 1) for name, amount in weighed.items()}


def _shares(
    mixture: Mixture, available: Mapping[str, int], parts: Mapping[str, Fraction], drawn: Mapping[str, int]
) -> Iterator[Share]:
    requested = {share.name: share.requested for share in mixture.shares}
    for name, held in available.items():
        asked, tokens = requested[source_of(name)] * float(parts[name]), drawn[name]
        yield Share(name, asked, tokens / max(mixture.tokens, 1), tokens, tokens / held if held else 0.0, held)


def _notes(
    mixture: Mixture,
    available: Mapping[str, int],
    parts: Mapping[str, Fraction],
    drawn: Mapping[str, int],
    left: Mapping[str, int],
) -> Iterator[str]:
    """What differs from what the weights of buckets ask for."""
    given = {share.name: share.tokens for share in mixture.shares}
    for name, part in parts.items():
        tokens = given[source_of(name)]
        if bucket_of(name) is None or not tokens or not available[name]:
            continue
        if not part:
            yield f"{name} weighs nothing and gives nothing of its {available[name]:,} tokens"
        elif not left[name] and drawn[name] < math.floor(part * tokens):
            told = f"{name} was to give {float(part):.1%} of {source_of(name)} and gives {drawn[name] / tokens:.1%}"
            yield f"{told}: {mixture.max_epochs:g} epochs; the rest goes to the other buckets"
