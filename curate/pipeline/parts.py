"""The tasks of `dedup`: one, or those of its parts, and how many ranges of hashes these work with.

documents that `filter` kept ─┬▶ few: one task, dedup.py
                              └▶ many: dedup-keys, dedup-meetings, dedup-components, dedup-rows, dedup-groups, and one
                                 task that writes what they found: shuffle.py

The number of ranges is written down where it is first decided: whoever goes on, and each of several processes that
share the run, works with the same one. No byte of the result depends on it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator

from curate.engine.plan import Plan
from curate.engine.records import committed, forget_stage, keys_done
from curate.engine.store import Store
from curate.engine.task import Task
from curate.errors import UsageError
from curate.recipe import Recipe
from curate.run_files import RANGES, SHUFFLED

ASKED = "CURATE_DEDUP_RANGES"
"""A variable of the environment: how many ranges, whatever the documents' number; 0: one process."""
MIN_DOCUMENTS = 1 << 22
"""Of fewer, one process is done sooner, and has memory for them."""
RANGE_DOCUMENTS = 1 << 16
"""So many documents for each range: its keys take some 100 MB."""
MAX_RANGES = 1 << 10
"""As many slices has each split's object; ranges of more documents are larger instead."""
KEYS, MEETINGS, COMPONENTS, ROWS, GROUPS = PARTS = (
    "dedup-keys",
    "dedup-meetings",
    "dedup-components",
    "dedup-rows",
    "dedup-groups",
)
"""What comes before the task of `dedup` itself, each by the records of the one before."""
ALL = "all"
TASKS = "curate.pipeline.shuffle"
"""The module of their functions."""


def parts_left(store: Store, recipe: Recipe, plan: Plan) -> Iterator[list[Task]]:
    """The tasks of the stage that are not done, in the order in which they must be: all of a list before the next is
    asked for. The last list has the task that others wait for."""
    ranges = _decided(store, recipe, plan)
    if not ranges:
        yield [Task("dedup", ALL, "curate.pipeline.dedup:dedup_run")]
        return
    numbers = [*map(key_of, range(ranges))]
    yield _left(store, KEYS, split_keys(plan), "keys_of", plan)
    yield _left(store, MEETINGS, numbers, "meetings_of")
    yield _left(store, COMPONENTS, [ALL], "components_run")
    yield _left(store, ROWS, split_keys(plan), "rows_of", plan)
    yield _left(store, GROUPS, map(key_of, range(groups_decided(store))), "group_of")
    yield [Task("dedup", ALL, f"{TASKS}:merge_run")]


def forget_parts(store: Store) -> None:
    """Nothing of them is left once the run is complete."""
    for stage in PARTS:
        forget_stage(store, stage)
    store.remove(SHUFFLED)


def _left(store: Store, stage: str, keys: Iterable[str], function: str, plan: Plan | None = None) -> list[Task]:
    done = keys_done(store, stage)
    sizes = ((key, plan.split(key).size if plan else 0) for key in keys if key not in done)
    return [Task(stage, key, f"{TASKS}:{function}", size) for key, size in sizes]


def _decided(store: Store, recipe: Recipe, plan: Plan) -> int:
    """How many ranges of hashes: as it was decided when the stage began; 0 where one process does it."""
    if store.stamp(RANGES) is None and (ranges := _ranges(store, plan)) and _has_parts(recipe):
        store.write(RANGES, f"{ranges}\n".encode())
    return ranges_decided(store)


def _has_parts(recipe: Recipe) -> bool:
    from curate.dedup.meeting import meeting_columns  # what few documents never need

    assert recipe.dedup is not None, "the stage is only planned for recipes with [dedup]"
    return bool(meeting_columns(recipe.dedup)) and not recipe.dedup.against  # documents of an index have no split


def _ranges(store: Store, plan: Plan) -> int:
    """As many as the documents that `filter` has kept ask for."""
    asked = os.environ.get(ASKED)
    if asked is not None:
        if not asked.isdecimal() or int(asked) > MAX_RANGES:
            raise UsageError(f'the environment variable {ASKED} is a number up to {MAX_RANGES:,}, found "{asked}"')
        return int(asked)
    documents = sum(committed(store, "filter", key).counts["kept"] for key in split_keys(plan))
    return min(math.ceil(documents / RANGE_DOCUMENTS), MAX_RANGES) if documents >= MIN_DOCUMENTS else 0


def ranges_decided(store: Store) -> int:
    return int(store.read(RANGES)) if store.stamp(RANGES) else 0


def groups_decided(store: Store) -> int:
    return int(committed(store, COMPONENTS, ALL).counts["groups"])


def split_keys(plan: Plan) -> Iterable[str]:
    """Their keys, in the order by which documents are numbered."""
    return plan.splits.keys()


def key_of(number: int) -> str:
    return f"{number:05}"
