"""After pass 3: how often each source is seen, the shards that this needs, and, if asked for, the mixed sequence.

work/tokens/train/*/*.docs.parquet ─▶ epochs by source ─▶ tokens/mixture.json
work/tokens/<part>/<source>/NNNNN.* ─▶ all, or the documents that the share needs ─▶ tokens/<part>/<source>/NNNNN.*
tokens/train/<source>/* ─▶ repeated and shuffled ─▶ tokens/train/mixed/NNNNN.*
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.ledger import write_table
from curate.engine.plan import Plan, Split
from curate.engine.store import attempt_folder, commit, write_json
from curate.engine.worker import Attempt
from curate.passes.inputs import open_run
from curate.passes.tokenize import PARTS
from curate.passes.tokenizer import run_tokenizer, tokenizer_name
from curate.recipe import Recipe
from curate.tokenize.choose import choose_documents, hash_ids
from curate.tokenize.encode import Tokenizer, token_bytes_file
from curate.tokenize.materialise import materialise
from curate.tokenize.mix import (
    Held,
    Mixture,
    MixtureRecord,
    Share,
    Vocabulary,
    mixture_json,
    plan_mixture,
    read_mixture,
)
from curate.tokenize.shards import open_shard, open_shards, write_shard

MIXED = "mixed"
SUFFIXES = (".bin", ".bin.index", ".idx", ".docs.parquet")
TABLE = "work/mix/shards.json"

Documents = dict[str, pl.DataFrame]


def mix_run(run: Path, key: str, attempt: Attempt, cursor: Cursor, clock: Clock) -> None:
    """Plan the mixture from what pass 3 counted, and choose the documents of sources that are seen less than once."""
    recipe, plan = open_run(run)
    folder = attempt_folder(run, "mix", key)
    with clock("read"):
        documents = {source.name: _documents(run, plan, source.name) for source in recipe.sources}
    with clock("mix"):
        mixture = _mixture(recipe, documents)
        held = {share.name: _choose(share, documents[share.name], recipe.seed, folder) for share in mixture.shares}
        tokenizer = run_tokenizer(run, recipe)
        record = MixtureRecord(mixture, recipe.seed, _vocabulary(tokenizer, recipe), held)
    with clock("write"):
        (folder / "tokens").mkdir()
        (folder / "tokens" / "mixture.json").write_text(mixture_json(record), encoding="utf-8")
        (folder / "tokens" / "token_bytes.bin").write_bytes(token_bytes_file(tokenizer))
        write_json(folder / TABLE, _numbering(run, plan))
        counts = {share.name: {"tokens": share.tokens, "epochs": share.epochs} for share in mixture.shares}
        commit(run, "mix", key, folder, {"drawn": counts, "tokens": mixture.tokens})


def shards_of_split(run: Path, key: str, attempt: Attempt, cursor: Cursor, clock: Clock) -> None:
    """The final shards of one split: as pass 3 wrote them, or with the chosen documents only."""
    _, plan = open_run(run)
    split = plan.split(key)
    shares = {share.name: share for share in read_mixture(run / "tokens" / "mixture.json").mixture.shares}
    numbering = json.loads((run / TABLE).read_text())
    folder = attempt_folder(run, "shards", key)
    with clock("write"):
        for part in PARTS:
            numbers = numbering[part][split.source]
            if split.number in numbers and (part == "validation" or shares[split.source].tokens):
                _place(run, folder, split, part, f"{numbers.index(split.number):05}")
        commit(run, "shards", key, folder, {})


def materialise_run(run: Path, key: str, attempt: Attempt, cursor: Cursor, clock: Clock) -> None:
    """Write the mixed, globally shuffled sequence itself."""
    recipe, _ = open_run(run)
    record = read_mixture(run / "tokens" / "mixture.json")
    folder = attempt_folder(run, "materialise", key)
    place = folder / "tokens" / "train" / MIXED
    place.mkdir(parents=True)
    with clock("write"):
        names = [share.name for share in record.mixture.shares if share.tokens]
        arrays = {name: open_shards(run / "tokens" / "train" / name) for name in names}
        limit = recipe.mix.max_shard_tokens
        materialise(arrays, record.mixture, seed=recipe.seed, folder=place, max_shard_tokens=limit)
        commit(run, "materialise", key, folder, {})


def _documents(run: Path, plan: Plan, source: str) -> pl.DataFrame:
    """Split, id and tokens of every training document of a source, in the order of the splits."""
    frames = [pl.DataFrame(schema={"id": pl.String, "tokens": pl.Int64, "split": pl.String})]
    for split in plan.of(source):
        path = _work_shard(run, split, "train").with_suffix(".docs.parquet")
        if path.is_file():
            frames.append(pl.read_parquet(path).select("id", "tokens", pl.lit(split.key).alias("split")))
    return pl.concat(frames)


def _mixture(recipe: Recipe, documents: Documents) -> Mixture:
    available = {name: int(frame["tokens"].sum()) for name, frame in documents.items()}
    mix = recipe.mix
    return plan_mixture(available, weights=mix.weights, tokens=mix.tokens, max_epochs=mix.max_epochs)


def _choose(share: Share, documents: pl.DataFrame, seed: int, folder: Path) -> Held:
    """A source under one epoch keeps only the documents that its share needs: a mask for each of its splits."""
    if not share.tokens or share.epochs >= 1:
        is_held = bool(share.tokens)
        return Held(documents.height, share.available) if is_held else Held(0, 0)
    hashes = hash_ids(documents["id"], seed=seed, purpose="mix")
    chosen = choose_documents(hashes, documents["tokens"].to_numpy(), share.tokens)
    masks = documents.with_columns(pl.Series("chosen", chosen))
    for (key,), mask in masks.group_by("split", maintain_order=True):
        write_table(mask.select("chosen"), folder / "work" / "mix" / f"{key}.parquet")
    held = masks.filter("chosen")
    return Held(held.height, int(held["tokens"].sum()))


def _vocabulary(tokenizer: Tokenizer, recipe: Recipe) -> Vocabulary:
    return Vocabulary(
        size=tokenizer.vocab_size,
        end_of_text=tokenizer.end_of_text,
        end_of_text_token=tokenizer.end_of_text_token,
        dtype="uint16" if tokenizer.dtype == np.uint16 else "uint32",
        fingerprint=tokenizer.fingerprint,
        tokenizer=tokenizer_name(recipe),
    )


def _numbering(run: Path, plan: Plan) -> Mapping[str, Mapping[str, list[int]]]:
    """By part and source, the splits that have tokens there, in order: their places are the shards' numbers."""
    table: dict[str, dict[str, list[int]]] = {part: {} for part in PARTS}
    for split in plan.splits:
        for part in PARTS:
            numbers = table[part].setdefault(split.source, [])
            mask = run / "work" / "mix" / f"{split.key}.parquet"
            if _work_shard(run, split, part).is_file() and not (part == "train" and _is_empty(mask)):
                numbers.append(split.number)
    return table


def _is_empty(mask: Path) -> bool:
    return mask.is_file() and not pl.read_parquet(mask)["chosen"].any()


def _place(run: Path, folder: Path, split: Split, part: str, name: str) -> None:
    """Put one shard at its final place below `folder`."""
    origin = _work_shard(run, split, part)
    target = folder / "tokens" / part / split.source
    target.mkdir(parents=True)
    mask = run / "work" / "mix" / f"{split.key}.parquet"
    if part == "train" and mask.is_file():
        _write_chosen(origin, target, name, pl.read_parquet(mask)["chosen"].to_numpy())
        return
    for suffix in SUFFIXES:
        _link(origin.with_suffix(suffix), target / f"{name}{suffix}")


def _write_chosen(origin: Path, target: Path, name: str, chosen: npt.NDArray[np.bool_]) -> None:
    shard = open_shard(origin)
    ends: npt.NDArray[np.int64] = np.concatenate([[0], shard.ends]).astype(np.int64)
    counts = ends[1:] - ends[:-1]
    tokens = shard.tokens[np.repeat(chosen, counts)]
    offsets = np.concatenate([[0], np.cumsum(counts[chosen])]).astype(np.int64)
    table = shard.documents().filter(pl.Series(chosen))
    write_shard(target, name, tokens, offsets, table["id"], table["bytes"])


def _link(origin: Path, target: Path) -> None:
    """A second name for the same bytes; a copy where the file system has no links."""
    try:
        os.link(origin, target)
    except OSError:
        shutil.copyfile(origin, target)


def _work_shard(run: Path, split: Split, part: str) -> Path:
    return run / "work" / "tokens" / part / split.source / f"{split.number:05}.bin"
