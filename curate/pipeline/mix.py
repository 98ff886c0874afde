"""After `tokenize`: how often each source is seen, the shards that this needs, and, if asked for, the mixed sequence.

work/tokens/train/*/*.docs.parquet ─▶ portions, epochs by source ─▶ tokens/mixture.json
work/tokens/<part>/<source>/NNNNN.* ─▶ all, or the portions that are needed ─▶ tokens/<part>/<source>/NNNNN.*
tokens/train/<source>/* ─▶ repeated and shuffled ─▶ tokens/train/mixed/NNNNN.*

A source whose documents are in buckets is several pools, `web@high` and so on, and each is what a source is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.engine.job import Job, Made
from curate.engine.ledger import add_counts
from curate.engine.outputs import Origin, Outputs
from curate.engine.plan import Plan, Split
from curate.engine.records import committed, intact
from curate.engine.store import Store
from curate.pipeline.former import former_origin, is_former
from curate.pipeline.portions import (
    Portions,
    has_tokens,
    open_tokenized,
    portions_of,
    up_to_share,
    write_portion,
)
from curate.pipeline.tokenize import PARTS
from curate.pipeline.tokenizer import run_tokenizer, tokenizer_name
from curate.recipe import Recipe
from curate.run_files import (
    MIXED,
    MIXTURE,
    TOKEN_BYTES,
    numbering,
    pool_of_shard,
    portion,
    shard,
    source_of,
    tokenized,
)
from curate.tokenize.buckets import pools_of
from curate.tokenize.described_vocabulary import token_bytes_file, vocabulary_of
from curate.tokenize.materialize import materialize
from curate.tokenize.mix import (
    Mixture,
    MixtureRecord,
    mixture_json,
    read_mixture,
    read_token_bytes,
)
from curate.tokenize.own_views import views_of
from curate.tokenize.plan_mix import plan_mix
from curate.tokenize.shards import open_shards
from curate.tokenize.view import View
from curate.tokenize.views import suffixes

NOWHERE = -1
"""The place of a split that has no tokens in a part."""


def mix_run(job: Job) -> Made:
    """Plan the mixture from what `tokenize` counted, and how much of each document this needs."""
    recipe, plan, store, clock = job.recipe, job.plan, job.store, job.clock
    tokenizer = run_tokenizer(store, recipe)
    with clock("read"):
        pools = [pool for source in recipe.sources for pool in pools_of(source.name, recipe.mix)]
        whole = {pool: portions_of(store, plan, pool, recipe, tokenizer.backend) for pool in pools}
    with clock("mix"):
        mixture = _mixture(recipe, whole)
        portions = {share.name: up_to_share(whole[share.name], share, store, recipe.seed) for share in mixture.shares}
        held = {name: portion.held for name, portion in portions.items()}
        record = MixtureRecord(mixture, recipe.seed, vocabulary_of(tokenizer, tokenizer_name(recipe)), held)
    with clock("write"):
        outputs = job.outputs()
        outputs.write(MIXTURE, mixture_json(record).encode())
        outputs.write(TOKEN_BYTES, token_bytes_file(tokenizer))
        for pool, taken in portions.items():
            for split, rows in taken.parts():
                outputs.table(portion(split, pool), rows)
        for part, pool, places in _places(store, plan, portions):
            outputs.write(numbering(part, pool), places.tobytes())
        return Made(outputs, _counts(mixture, whole))


def _counts(mixture: Mixture, whole: Mapping[str, Portions]) -> dict[str, Any]:
    """`parts`: the tokens of sources of which the end of a document is held out; `tokenize` counted it as training."""
    drawn = {share.name: {"tokens": share.tokens, "epochs": share.epochs} for share in mixture.shares}
    parts: dict[str, dict[str, int]] = {}
    changed = {source_of(pool) for pool, taken in whole.items() if taken.tail}
    for pool, taken in whole.items():
        if (source := source_of(pool)) in changed:
            add_counts(parts.setdefault(source, {}), {"train": taken.available, "validation": taken.held_out})
    return {"drawn": drawn, "tokens": mixture.tokens, "parts": parts}


def shards_of_split(job: Job) -> Made:
    """The final shards of one split: as `tokenize` wrote them, or with the part of each document that is needed."""
    outputs, views = job.outputs(), views_of(job.recipe)
    with job.clock("write"):
        for part, pool in product(PARTS, pools_of(job.split.source, job.recipe.mix)):
            number = _number(job.store, job.split, part, pool)
            if number != NOWHERE:
                # A second name where nothing changes: the tokens are not written again.
                _place(job.store, outputs, job.split, part, pool, number, views)
    return Made(outputs, {})


def materialize_run(job: Job) -> Made:
    """Write the mixed, globally shuffled sequence itself."""
    recipe, store = job.recipe, job.store
    record = read_mixture(intact(store, "mix", "all", MIXTURE))
    with job.clock("write"):
        outputs = job.outputs()
        place = outputs.place(shard("train", MIXED, 0)).parent
        names = [share.name for share in record.mixture.shares if share.tokens]
        folders = _shard_folders(store, job.plan)
        arrays = {name: open_shards(folders[name]) for name in names}
        limit = recipe.mix.max_shard_tokens
        sizes = read_token_bytes(intact(store, "mix", "all", TOKEN_BYTES))
        materialize(
            arrays,
            record.mixture,
            seed=recipe.seed,
            folder=place,
            max_shard_tokens=limit,
            token_bytes=sizes,
            open_file=outputs.open_at,
            views=views_of(recipe),
        )
        return Made(outputs, {})


def _shard_folders(store: Store, plan: Plan) -> dict[str, Path]:
    """By pool, where the shards that are trained on lie: what is mixed is what was committed."""
    folders: dict[str, Path] = {}
    for split in plan.splits:
        for name in committed(store, "shards", split.key).outputs:
            path = intact(store, "shards", split.key, name)
            if (pool := pool_of_shard(name, "train")) is not None:
                folders[pool] = path.parent
    return folders


def _mixture(recipe: Recipe, portions: Mapping[str, Portions]) -> Mixture:
    available = {name: portion.available for name, portion in portions.items()}
    mixture = plan_mix(available, recipe.mix)
    notes = [portion.note for portion in portions.values() if portion.note]
    return replace(mixture, notes=(*mixture.notes, *notes))


def _places(
    store: Store, plan: Plan, portions: Mapping[str, Portions]
) -> Iterator[tuple[str, str, npt.NDArray[np.int32]]]:
    """By part and pool: the number of the shard of each split, int32 by the split's own number. Splits that have
    tokens there are numbered without gaps, in their order; the others are NOWHERE."""
    for pool, taken in portions.items():
        heads, tails = taken.splits_with_heads(), taken.splits_with_tails()
        splits = plan.of(source_of(pool))
        # Where the end of a document is held out, it is all of the validation: `tokenize` chose no whole one.
        held_out = tails or {split.key for split in splits if has_tokens(store, split, "validation", pool)}
        for part, keys in (("train", heads), ("validation", held_out)):
            has_some = np.array([split.key in keys for split in splits], dtype=bool)
            # The first split that has tokens has the number 0, whatever stands before it.
            yield part, pool, np.where(has_some, np.cumsum(has_some) - 1, NOWHERE).astype("<i4")


def _number(store: Store, split: Split, part: str, pool: str) -> int:
    """Which shard of a pool a split becomes, found without reading the places of the others."""
    path = intact(store, "mix", "all", numbering(part, pool))
    return int(np.memmap(path, dtype="<i4", mode="r")[split.number])


def _place(
    store: Store, outputs: Outputs, split: Split, part: str, pool: str, number: int, views: Sequence[View]
) -> None:
    """One final shard: a portion of what `tokenize` wrote, or all of it under a second name."""
    rows = _portion_of(store, split.key, pool)
    if rows is not None and (part == "train" or rows["tail"].sum() > 0):
        origin, rows = _origin(store, split, part, pool, rows)
        sizes = read_token_bytes(intact(store, "mix", "all", TOKEN_BYTES))
        write_portion(outputs, shard(part, pool, number), origin, rows, part, sizes, views)
        return
    written = committed(store, "tokenize", split.key).outputs
    for suffix in suffixes(views):
        whole = Origin("tokenize", split.key, tokenized(part, pool, split.number, suffix))
        if whole.name not in written:
            continue  # a view that not every shard has
        outputs.repeat(shard(part, pool, number, suffix), whole, written[whole.name])


def _origin(store: Store, split: Split, part: str, pool: str, rows: pl.DataFrame) -> tuple[Path, pl.DataFrame]:
    """The shard of which a portion is taken, and how much of each of its documents."""
    if has_tokens(store, split, "train", pool) and is_former(store, split, pool):
        return former_origin(store, split, pool, part, rows)
    # The document whose end is held out may itself stand among those held out, where no other was left.
    origin = open_tokenized(store, split, "train", pool) or open_tokenized(store, split, "validation", pool)
    assert origin is not None, "a part is taken of something"
    return origin, rows


def _portion_of(store: Store, key: str, pool: str) -> pl.DataFrame | None:
    """What is taken of a split's rows; None where all documents stay as they are."""
    name = portion(key, pool)
    is_changed = name in committed(store, "mix", "all").outputs
    return pl.read_parquet(intact(store, "mix", "all", name)) if is_changed else None
