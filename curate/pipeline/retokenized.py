"""What `tokenize` wrote, back where it wrote it: for a run that is done, and has the shards of its mixture only.

done/tokenize/<split> ─▶ its files in work/, by size and SHA-256 ─┬▶ still there: the run kept them
                                                                  ├▶ a final shard of the split: a second name
                                                                  ├▶ a part of them, and no more is needed: work/former/
                                                                  └▶ nowhere: encoded anew from documents/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import product

import polars as pl

from curate.engine.job import Job, Made
from curate.engine.outputs import Entry
from curate.engine.plan import Plan, Split
from curate.engine.records import committed, forget_stage, intact, read_one
from curate.engine.store import Store
from curate.engine.supervisor import Supervisor
from curate.engine.task import Task
from curate.engine.whole import file_digest
from curate.errors import CheckFailed
from curate.pipeline.encoding import Encoder, encoder_of
from curate.pipeline.tokenize import MAX_BATCH_DOCUMENTS, PARTS, Encoded, write_part
from curate.pipeline.tokenizer import run_tokenizer
from curate.run_files import WORK, former, place_of_tokenized, pool_of_shard
from curate.run_files import documents as documents_file

ENCODE = "encode"
"""The stage, which no run has: its records go once the files are there."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Of the files of one split. `repeated`: by the name that a file is to have, that of a final shard with its content
    or, where that is enough, with what the former mixture has drawn. `lacking`: names whose content nobody has."""

    repeated: Mapping[str, str]
    lacking: tuple[str, ...]


def lacking_shards(store: Store, plan: Plan, enough: Set[str]) -> dict[str, tuple[int, int]]:
    """By source that lacks some: of how many of its splits, and how many it has; by names and sizes. Of the pools in
    `enough` what was drawn of training documents is enough."""
    counts: dict[str, tuple[int, int]] = {}
    for split in plan.splits:
        lacks, splits = counts.get(split.source, (0, 0))
        counts[split.source] = (lacks + bool(_find(store, split, enough).lacking), splits + 1)
    return {source: found for source, found in counts.items() if found[0]}


def bring_back(supervisor: Supervisor, plan: Plan, enough: Set[str]) -> None:
    """Every file of `tokenize` in work/ is there again, and as it was written, or in `enough` pools what was drawn of
    them beside: what is nowhere is encoded anew."""
    store = supervisor.store
    anew = []
    for split in plan.splits:
        found = _find(store, split, enough, closely=True)
        if found.repeated:
            store.put(store.workspace(f"{ENCODE}.{split.key}"), found.repeated)
        if found.lacking:
            anew.append(Task(ENCODE, split.key, "curate.pipeline.retokenized:encode_split", split.size))
    forget_stage(store, ENCODE)  # of one that was killed: what it has made was found, or is made again
    try:
        supervisor.run_stage(anew)
    finally:
        forget_stage(store, ENCODE)


def encode_split(job: Job) -> Made:
    """The tokens of one split's final documents, the same as `tokenize` made of them.

    Raises:
        CheckFailed: they are others, as no curate of this version would make them.
    """
    store, split, recipe = job.store, job.split, job.recipe
    with job.clock("load"):
        encode = encoder_of(recipe.source(split.source), recipe, tokenizer := run_tokenizer(store, recipe))
    with job.clock("read"):
        documents = pl.read_parquet(intact(store, "tokenize", job.key, documents_file(split.source, split.number)))
    with job.clock("encode"):
        batches = [encoded(batch, encode) for batch in documents.iter_slices(MAX_BATCH_DOCUMENTS)]
    with job.clock("write"):
        outputs = job.outputs()
        for part in PARTS:
            write_part(outputs, split, part, batches, tokenizer, recipe)
    if outputs.entries != dict(_expected(store, split)):
        raise CheckFailed(f"the documents of {split.key} give other tokens than the run has counted: curate verify")
    return Made(outputs, {})


def encoded(documents: pl.DataFrame, encode: Encoder) -> Encoded:
    """Final documents with their tokens, as `tokenize` made them."""
    found = encode(documents).found
    return Encoded(documents, found.tokens, found.offsets, found.targets, documents.clear())


def _find(store: Store, split: Split, enough: Set[str], *, closely: bool = False) -> Whereabouts:
    """`closely`: by a look at all content, and not at names and sizes only."""
    repeated: dict[str, str] = {}
    lacking: list[str] = []
    final = read_one(store, "shards", split.key)
    shards = {
        name: entry for name, entry in (final.outputs if final else {}).items() if _has(store, name, entry, closely)
    }
    for name, entry in _expected(store, split):
        if _has(store, name, entry, closely):
            continue
        if (same := next((other for other, its in shards.items() if its == entry), None)) is not None:
            repeated[name] = same
        else:
            lacking.append(name)
    places = {place_of_tokenized(name) for name in lacking}
    is_damaged = any(store.stamp(name) for name in lacking)
    if final and not is_damaged and all(part == "train" and pool in enough for part, pool in places):
        # Either all of a shard or nothing: a view alone, which happens to be the same, would be half a shard.
        return Whereabouts(_formers(split, {pool for _, pool in places}, repeated, final.outputs), ())
    return Whereabouts(repeated, tuple(lacking))


def _formers(split: Split, pools: Set[str], repeated: Mapping[str, str], final: Iterable[str]) -> dict[str, str]:
    """With the final shards of some pools under the names that they have as those of the former mixture."""
    names = {name: other for name, other in repeated.items() if place_of_tokenized(name)[1] not in pools}
    names |= {name: other for name, other in repeated.items() if place_of_tokenized(name)[0] == "validation"}
    for name, part in product(final, PARTS):
        pool, file = pool_of_shard(name, part), name.rpartition("/")[2]
        if pool is not None and pool in pools:
            names[former(part, pool, split.number, file[file.index(".") :])] = name
    return names


def _expected(store: Store, split: Split) -> Iterator[tuple[str, Entry]]:
    """What `tokenize` has committed of a split in work/."""
    outputs = committed(store, "tokenize", split.key).outputs
    return ((name, entry) for name, entry in outputs.items() if name.startswith(f"{WORK}/"))


def _has(store: Store, name: str, entry: Entry, closely: bool) -> bool:
    stamp = store.stamp(name)
    if stamp is None or stamp.size != entry["size"]:
        return False
    return not closely or file_digest(store.fetch(name)) == entry["sha256"]
