"""After `tokenize`: how often each source is seen, the shards that this needs, and, if asked for, the mixed sequence.

work/tokens/train/*/*.docs.parquet ─▶ portions, epochs by source ─▶ tokens/mixture.json
work/tokens/<part>/<source>/NNNNN.* ─▶ all, or the portions that are needed ─▶ tokens/<part>/<source>/NNNNN.*
tokens/train/<source>/* ─▶ repeated and shuffled ─▶ tokens/train/mixed/NNNNN.*
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.engine.clock import Clock
from curate.engine.ledger import write_table
from curate.engine.plan import Plan, Split
from curate.engine.store import attempt_folder, commit, committed, forget, intact
from curate.engine.walk import Walk
from curate.engine.whole import write_json
from curate.errors import RottenFile
from curate.pipeline.portions import SUFFIXES, Portions, portions_of, shard_name, tokenized, up_to_share, write_portion
from curate.pipeline.tokenize import PARTS
from curate.pipeline.tokenizer import run_tokenizer, tokenizer_name
from curate.recipe import MIXED, Recipe
from curate.run_folder import open_run
from curate.tokenize.encode import Tokenizer, token_bytes_file
from curate.tokenize.materialise import materialise
from curate.tokenize.mix import (
    Mixture,
    MixtureRecord,
    Vocabulary,
    mixture_json,
    plan_mixture,
    read_mixture,
    read_token_bytes,
)
from curate.tokenize.shards import open_shards

TABLE = "work/mix/shards.json"
MIXTURE, TOKEN_BYTES = "tokens/mixture.json", "tokens/token_bytes.bin"


def mix_run(run: Path, key: str, walk: Walk, clock: Clock) -> None:
    """Plan the mixture from what `tokenize` counted, and how much of each document this needs."""
    recipe, plan = open_run(run)
    folder = attempt_folder(run, "mix", key)
    tokenizer = run_tokenizer(run, recipe)
    with clock("read"):
        whole = {
            source.name: portions_of(run, plan, source.name, recipe, tokenizer.backend) for source in recipe.sources
        }
    with clock("mix"):
        mixture = _mixture(recipe, whole)
        portions = {share.name: up_to_share(whole[share.name], share, recipe.seed) for share in mixture.shares}
        held = {name: portion.held for name, portion in portions.items()}
        record = MixtureRecord(mixture, recipe.seed, _vocabulary(tokenizer, recipe), held)
    with clock("write"):
        (folder / "tokens").mkdir()
        (folder / "tokens" / "mixture.json").write_text(mixture_json(record), encoding="utf-8")
        (folder / "tokens" / "token_bytes.bin").write_bytes(token_bytes_file(tokenizer))
        for portion in portions.values():
            for split, rows in portion.parts():
                write_table(rows, folder / "work" / "mix" / f"{split}.parquet")
        write_json(folder / TABLE, _numbering(run, plan, portions))
        commit(run, "mix", key, folder, _counts(mixture, whole))


def _counts(mixture: Mixture, whole: Mapping[str, Portions]) -> dict[str, Any]:
    """`parts`: the tokens of sources of which the end of a document is held out; `tokenize` counted it as training."""
    drawn = {share.name: {"tokens": share.tokens, "epochs": share.epochs} for share in mixture.shares}
    parts = {
        name: {"train": portion.available, "validation": portion.held_out}
        for name, portion in whole.items()
        if portion.held_out
    }
    return {"drawn": drawn, "tokens": mixture.tokens, "parts": parts}


def shards_of_split(run: Path, key: str, walk: Walk, clock: Clock) -> None:
    """The final shards of one split: as `tokenize` wrote them, or with the part of each document that is needed."""
    _, plan = open_run(run)
    split = plan.split(key)
    numbering = json.loads(intact(run, "mix", "all", TABLE).read_text())
    folder = attempt_folder(run, "shards", key)
    with clock("write"):
        linked: dict[str, Any] = {}
        for part in PARTS:
            numbers = numbering[part][split.source]
            if split.number in numbers:
                linked |= _place(run, folder, split, part, f"{numbers.index(split.number):05}")
        done = commit(run, "shards", key, folder, {})
        for name in (name for name, entry in linked.items() if done.outputs[name] != entry):
            forget(run, "shards", key)  # between the look at a shard and its second name a bit has flipped
            raise RottenFile("tokenize", key, name)


def materialise_run(run: Path, key: str, walk: Walk, clock: Clock) -> None:
    """Write the mixed, globally shuffled sequence itself."""
    recipe, plan = open_run(run)
    record = read_mixture(intact(run, "mix", "all", MIXTURE))
    folder = attempt_folder(run, "materialise", key)
    place = folder / "tokens" / "train" / MIXED
    place.mkdir(parents=True)
    with clock("write"):
        names = [share.name for share in record.mixture.shares if share.tokens]
        _check_shards(run, plan)
        arrays = {name: open_shards(run / "tokens" / "train" / name) for name in names}
        limit = recipe.mix.max_shard_tokens
        sizes = read_token_bytes(intact(run, "mix", "all", TOKEN_BYTES))
        materialise(arrays, record.mixture, seed=recipe.seed, folder=place, max_shard_tokens=limit, token_bytes=sizes)
        commit(run, "materialise", key, folder, {})


def _check_shards(run: Path, plan: Plan) -> None:
    """What is mixed is what was committed."""
    for split in plan.splits:
        for name in committed(run, "shards", split.key).outputs:
            intact(run, "shards", split.key, name)


def _mixture(recipe: Recipe, portions: Mapping[str, Portions]) -> Mixture:
    mix = recipe.mix
    available = {name: portion.available for name, portion in portions.items()}
    mixture = plan_mixture(available, weights=mix.weights, tokens=mix.tokens, max_epochs=mix.max_epochs)
    notes = [portion.note for portion in portions.values() if portion.note]
    return replace(mixture, notes=(*mixture.notes, *notes))


def _vocabulary(tokenizer: Tokenizer, recipe: Recipe) -> Vocabulary:
    return Vocabulary(
        size=tokenizer.vocab_size,
        end_of_text=tokenizer.end_of_text,
        end_of_text_token=tokenizer.end_of_text_token,
        dtype="uint16" if tokenizer.dtype == np.uint16 else "uint32",
        fingerprint=tokenizer.fingerprint,
        tokenizer=tokenizer_name(recipe),
    )


def _numbering(run: Path, plan: Plan, portions: Mapping[str, Portions]) -> dict[str, dict[str, list[int]]]:
    """By part and source, the splits that have tokens there, in order: their places are the shards' numbers."""
    table: dict[str, dict[str, list[int]]] = {part: {} for part in PARTS}
    for source, portion in portions.items():
        heads, tails = portion.splits_of("head"), portion.splits_of("tail")
        splits = plan.of(source)
        whole = {split.key for split in splits if tokenized(run, split, "validation") is not None}
        table["train"][source] = [split.number for split in splits if split.key in heads]
        table["validation"][source] = [split.number for split in splits if split.key in (tails or whole)]
    return table


def _place(run: Path, folder: Path, split: Split, part: str, name: str) -> dict[str, Any]:
    """Put one shard at its final place below `folder`; what `tokenize` recorded of files that only got another name."""
    target = folder / "tokens" / part / split.source
    target.mkdir(parents=True)
    rows = _portion_of(run, split.key)
    if rows is not None and (part == "train" or rows["tail"].sum() > 0):
        origin = tokenized(run, split, "train") or tokenized(run, split, "validation")
        assert origin is not None, "a part is taken of something"
        sizes = read_token_bytes(intact(run, "mix", "all", TOKEN_BYTES))
        write_portion(origin, target, name, rows, part, sizes)
        return {}
    origin = tokenized(run, split, part)
    assert origin is not None, "the numbering holds splits with tokens only"
    outputs = committed(run, "tokenize", split.key).outputs
    for suffix in SUFFIXES:
        _link(origin.with_suffix(suffix), target / f"{name}{suffix}")
    stem = shard_name(split, part).removesuffix(".bin")
    return {f"tokens/{part}/{split.source}/{name}{suffix}": outputs[stem + suffix] for suffix in SUFFIXES}


def _portion_of(run: Path, key: str) -> pl.DataFrame | None:
    """What is taken of a split's rows; None where all documents stay as they are."""
    name = f"work/mix/{key}.parquet"
    is_changed = name in committed(run, "mix", "all").outputs
    return pl.read_parquet(intact(run, "mix", "all", name)) if is_changed else None


def _link(origin: Path, target: Path) -> None:
    """A second name for the same bytes; a copy where the file system has no links."""
    try:
        os.link(origin, target)
    except OSError:
        shutil.copyfile(origin, target)
