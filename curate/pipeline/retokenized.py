"""What `tokenize` wrote, back where it wrote it: for a run that is done, and has the shards of its mixture only.

done/tokenize/<split> ─▶ its files in work/, by size and SHA-256 ─┬▶ still there: the run kept them
                                                                  ├▶ a final shard of the split: a second name
                                                                  └▶ nowhere as a whole: encoded anew from documents/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
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
from curate.pipeline.tokenize import MAX_BATCH_DOCUMENTS, PARTS, Encoded, write_part
from curate.pipeline.tokenizer import run_tokenizer
from curate.run_files import WORK
from curate.run_files import documents as documents_file
from curate.tokenize.encode import Tokenizer

ENCODE = "encode"
"""The stage, which no run has: its records go once the files are there."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Of one split. `repeated`: by the name that a file is to have, the final shard's that has its content; `lacking`:
    the names of those whose content nobody has."""

    repeated: Mapping[str, str]
    lacking: tuple[str, ...]


def lacking_shards(store: Store, plan: Plan) -> dict[str, tuple[int, int]]:
    """By source that lacks some: of how many of its splits, and how many it has; by names and sizes."""
    counts: dict[str, tuple[int, int]] = {}
    for split in plan.splits:
        lacks, splits = counts.get(split.source, (0, 0))
        counts[split.source] = (lacks + bool(_find(store, split).lacking), splits + 1)
    return {source: found for source, found in counts.items() if found[0]}


def bring_back(supervisor: Supervisor, plan: Plan) -> None:
    """Every file of `tokenize` in work/ is there again, and as it was written: what is nowhere is encoded anew."""
    store = supervisor.store
    anew = []
    for split in plan.splits:
        found = _find(store, split, closely=True)
        if found.repeated:
            store.put(store.workspace(f"{ENCODE}.{split.key}"), found.repeated)
        if found.lacking:
            anew.append(Task(ENCODE, split.key, "curate.pipeline.retokenized:encode_split", split.size))
    forget_stage(store, ENCODE)  # of one that was interrupted: what it has made was found, or is made again
    supervisor.run_stage(anew)
    forget_stage(store, ENCODE)


def encode_split(job: Job) -> Made:
    """The tokens of one split's final documents, the same as `tokenize` made of them.

    Raises:
        CheckFailed: they are others, as no curate of this version would make them.
    """
    store, split, recipe = job.store, job.split, job.recipe
    with job.clock("load"):
        tokenizer = run_tokenizer(store, recipe)
    with job.clock("read"):
        documents = pl.read_parquet(intact(store, "tokenize", job.key, documents_file(split.source, split.number)))
    with job.clock("encode"):
        batches = [_encoded(batch, tokenizer) for batch in documents.iter_slices(MAX_BATCH_DOCUMENTS)]
    with job.clock("write"):
        outputs = job.outputs()
        for part in PARTS:
            write_part(outputs, split, part, batches, tokenizer, recipe)
    if outputs.entries != dict(_expected(store, split)):
        raise CheckFailed(f"the documents of {split.key} give other tokens than the run has counted: curate verify")
    return Made(outputs, {})


def _encoded(documents: pl.DataFrame, tokenizer: Tokenizer) -> Encoded:
    tokens, offsets = tokenizer.encode_batch(documents["text"].to_list())
    return Encoded(documents, np.asarray(tokens), offsets, documents.clear())


def _find(store: Store, split: Split, *, closely: bool = False) -> Whereabouts:
    """`closely`: by a look at all content, and not at names and sizes only."""
    repeated, lacking = {}, []
    final = read_one(store, "shards", split.key)
    shards = final.outputs if final else {}
    for name, entry in _expected(store, split):
        if _has(store, name, entry, closely):
            continue
        same = (other for other, its in shards.items() if its == entry and _has(store, other, entry, closely))
        if (other := next(same, None)) is not None:
            repeated[name] = other
        else:
            lacking.append(name)
    return Whereabouts(repeated, tuple(lacking))


def _expected(store: Store, split: Split) -> Iterator[tuple[str, Entry]]:
    """What `tokenize` has committed of a split in work/."""
    outputs = committed(store, "tokenize", split.key).outputs
    return ((name, entry) for name, entry in outputs.items() if name.startswith(f"{WORK}/"))


def _has(store: Store, name: str, entry: Entry, closely: bool) -> bool:
    stamp = store.stamp(name)
    if stamp is None or stamp.size != entry["size"]:
        return False
    return not closely or file_digest(store.fetch(name)) == entry["sha256"]
