"""Every path below the folder of a run, spelled once.

RUN/  recipe.toml plan.json splits.jsonl manifest.json timing.json tokenizer.json      what was asked, planned, done
      done/<stage>/<key>.json                                                          the record of each task
      work/…                                                                           what goes at the end of the run
      ledger/ documents/ dedup/ tokens/                                                what stays
"""

from __future__ import annotations

from typing import Literal

RECIPE = "recipe.toml"
PLAN = "plan.json"
SPLITS, SPLIT_ENDS = "splits.jsonl", "splits.ends"
MANIFEST = "manifest.json"
NEXT_RECIPE, FORMER_MANIFEST = "recipe.next.toml", "manifest.former.json"
"""While `curate mix --apply` is at work: what the run is to be, and what it was."""
NEXT_FORGET = "forget.next.parquet"
"""While `curate forget` is at work: who is to go."""
TIMING = "timing.json"
REPORT = "report.html"
PROFILE = "profile"
STACKS, FLAME = "profile/stacks.folded", "profile/flame.svg"
TOKENIZER = "tokenizer.json"
LOCK = ".lock"

WORK, DONE, LEDGER, DOCUMENTS, TOKENS = "work", "done", "ledger", "documents", "tokens"
LEASES = "work/leases"
FENCES = "work/fences"
"""Names that an attempt at a task must claim to commit, where another may be at it."""
CHECKPOINTS = "train"
"""Where `curate train` writes: a run knows nothing of it."""

DUPLICATES = "dedup/duplicates.parquet"
CUTS = "dedup/cuts.parquet"
LOSSES = "dedup/losses.parquet"
INDEX = "dedup/index"
CONTAMINATION = "dedup/contamination.parquet"
CHANGED_TEXTS = "work/contamination.parquet"
"""What decontamination leaves of the documents that it changes."""
BROKEN_TEXTS = "work/contamination_broken.parquet"
"""The documents that break it."""
MIXTURE = "tokens/mixture.json"
TOKEN_BYTES = "tokens/token_bytes.bin"
MIXED = "mixed"
"""The folder of the mixed sequence, beside those of the sources: no source can be called so."""

FORMERS = "work/former"
"""Final shards of the former mixture, where a run is mixed anew."""
PORTIONS = "work/mix"
"""How much of each document is needed, and which final shard each split becomes."""

FORGOTTEN = "forgotten"
"""The records that say that documents of the run were forgotten, among those of the stages."""
EARLIER = "earlier"
"""The records of what an earlier run's `filter` has left, until it is decided on again; and its folder below work/."""

SHUFFLED = "work/dedup"
"""What deduplication in parts leaves of one part for the next."""
RANGES = f"{SHUFFLED}/ranges"
"""Of how many ranges of hashes deduplication is done, where it is done in parts."""
MEMBERS = f"{SHUFFLED}/members"
"""Which documents may meet others, split by split, and in which group."""

Filtered = Literal["documents", "signatures", "ledger", "dropped"]
CHOSEN: tuple[Filtered, ...] = ("ledger", "documents", "signatures")
"""What of it is decided on anew, where a step keeps a share of the documents."""
Part = Literal["train", "validation"]


def done_record(stage: str, key: str) -> str:
    return f"{DONE}/{stage}/{key}.json"


def lease(stage: str, key: str) -> str:
    """Who is at a task, where several processes share a run."""
    return f"{LEASES}/{stage}/{key}"


def checkpoints(name: str) -> str:
    return f"{CHECKPOINTS}/{name}"


def filtered(key: str, kind: Filtered) -> str:
    """What `filter` leaves of a split for the stages after it."""
    return f"work/filter/{key}.{kind}.parquet"


def filtered_before(key: str, kind: Filtered) -> str:
    """What an earlier run's `filter` has left of a split, until it is decided on again."""
    return f"{WORK}/{EARLIER}/{key}.{kind}.parquet"


def keys_name(key: str) -> str:
    """By which a split's documents meet others, range by range of their hashes."""
    return f"{SHUFFLED}/keys/{key}"


def forest_name(number: int) -> str:
    """Which documents meet in a range of hashes."""
    return f"{SHUFFLED}/forests/{number:05}"


def rows_name(key: str) -> str:
    """What is compared of a split's documents that may meet others, group by group."""
    return f"{SHUFFLED}/rows/{key}"


def copies_name(number: int) -> str:
    """Which rows of a group are copies, split by split."""
    return f"{SHUFFLED}/copies/{number:05}"


def part_name(stage: str, key: str) -> str:
    """What else a task of a part of deduplication leaves for those of the next one."""
    return f"{SHUFFLED}/{stage.removeprefix('dedup-')}/{key}"


def cuts_name(key: str) -> str:
    """All that is cut out of a split's documents once a method has had its turn, in the order of ids."""
    return f"{SHUFFLED}/cut/{key}.parquet"


def found_in_group(number: int, kind: Literal["verdicts", "texts"]) -> str:
    """Which document of a group repeats which; the texts of those that lose most."""
    return f"{SHUFFLED}/found/{number:05}.{kind}.parquet"


def ranks(key: str) -> str:
    """The ranks of a split's documents among all of their source, a row for each of its ledger."""
    return f"{WORK}/rank/{key}.parquet"


def chosen(key: str, kind: Filtered) -> str:
    """What is left of a split once ranks have decided."""
    return f"{WORK}/choose/{key}.{kind}.parquet"


def matches(key: str) -> str:
    """What a split's documents share with evaluation items."""
    return f"work/decontaminate/{key}.parquet"


def broken(key: str) -> str:
    """The documents of a split that break the search for evaluation items."""
    return f"work/decontaminate/{key}.broken.parquet"


def sample(key: str) -> str:
    """The texts of a split that the tokenizer is trained on."""
    return f"work/sample/{key}.parquet"


def ledger(source: str, number: int) -> str:
    return f"{LEDGER}/{source}/{number:05}.parquet"


def documents(source: str, number: int) -> str:
    return f"{DOCUMENTS}/{source}/{number:05}.parquet"


def forgotten_table(key: str, kind: Literal["documents", "ledger"]) -> str:
    """A table of a split without what is to be forgotten, until all of them are there."""
    return f"{WORK}/forgotten/{key}.{kind}.parquet"


def pool(source: str, bucket: str | None) -> str:
    """What the mixture draws from: a source, or a bucket of one. No name of a source has such a sign."""
    return source if bucket is None else f"{source}@{bucket}"


def source_of(pool: str) -> str:
    return pool.partition("@")[0]


def bucket_of(pool: str) -> str | None:
    """None where a pool is a whole source."""
    return pool.partition("@")[2] or None


def tokenized(part: str, pool: str, number: int, suffix: str = "") -> str:
    """The shard of one split, or one of its views, before the mixture is known."""
    return f"work/tokens/{part}/{pool}/{number:05}{suffix}"


def former(part: str, pool: str, number: int, suffix: str = "") -> str:
    """The final shard of one split, or one of its views, in a run that is mixed anew."""
    return f"{FORMERS}/{part}/{pool}/{number:05}{suffix}"


def portion(key: str, pool: str) -> str:
    """How much of each document of a split is needed, where that is not all."""
    return f"{PORTIONS}/{key}{pool.removeprefix(source_of(pool))}.parquet"


def numbering(part: str, pool: str) -> str:
    """Which final shard each split of a pool becomes, int32 by the split's number."""
    return f"{PORTIONS}/{part}.{pool}.numbers"


def shard(part: str, pool: str, number: int, suffix: str = "") -> str:
    """A final shard, or one of its views."""
    return f"{shards(part, pool)}/{number:05}{suffix}"


def place_of_tokenized(name: str) -> tuple[str, str]:
    """Part and pool of what `tokenized` has named."""
    _, _, part, pool, _ = name.split("/")
    return part, pool


def pool_of_shard(name: str, part: str) -> str | None:
    """Of the name of a final shard or of its view; None where it is of another part."""
    return name.split("/")[2] if name.startswith(f"{TOKENS}/{part}/") else None


def is_shard(name: str, suffix: str) -> bool:
    """Whether a file below a run is a final shard, or one of its views."""
    return name.startswith(f"{TOKENS}/") and name.count("/") == 3 and name.endswith(suffix)


def shards(part: str, pool: str) -> str:
    """The folder of the final shards of a source, or of a bucket of one."""
    return f"{TOKENS}/{part}/{pool}"
