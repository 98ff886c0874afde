"""The tasks of `dedup`: one, or those of its parts, and how many ranges of hashes these work with.

documents that `filter` kept ─┬▶ few: one task, dedup.py
                              └▶ many: dedup-keys, dedup-meetings, dedup-components, dedup-rows, dedup-groups, all in
                                 shuffle.py; before the last, where `keep` asks for it, who is the cleanest, in
                                 shuffle_clean.py; then, method by method, what is cut, in shuffle_cuts.py; and one
                                 task that writes what was found

The number of ranges is written down where it is first decided: whoever goes on, and each of several processes that
share the run, works with the same one. No byte of the result depends on it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from curate.engine.plan import Plan
from curate.engine.records import committed, forget_stage, keys_done
from curate.engine.store import Store
from curate.engine.task import Task
from curate.errors import UsageError
from curate.recipe import Recipe
from curate.recipe_dedup import Dedup
from curate.run_files import RANGES, SHUFFLED

if TYPE_CHECKING:
    from pathlib import Path

ASKED = "CURATE_DEDUP_RANGES"
"""A variable of the environment: how many ranges, whatever the documents' number; 0: one process."""
MIN_DOCUMENTS = 1 << 22
"""Of fewer, one process is done sooner, and has memory for them."""
RANGE_DOCUMENTS = 1 << 16
"""So many documents for each range: its keys take some 100 MB."""
MAX_RANGES = 1 << 10
"""As many slices has each split's object; ranges of more documents are larger instead."""
PARTS = (
    "dedup-keys",
    "dedup-meetings",
    "dedup-components",
    "dedup-rows",
    "dedup-firsts",
    "dedup-lines",
    "dedup-menus",
    "dedup-clean",
    "dedup-groups",
    "dedup-sights",
    "dedup-twice",
    "dedup-windows",
    "dedup-best",
    "dedup-seen",
    "dedup-cut",
)
"""What comes before the task of `dedup` itself, each by the records of the ones before; not every recipe has all."""
KEYS, MEETINGS, COMPONENTS, ROWS, *CLEANEST, GROUPS, SIGHTS, TWICE, WINDOWS, BEST, SEEN, CUT = PARTS
FIRSTS, LINES, MENUS, CLEAN = CLEANEST
MERGED = "dedup"
"""The task that others wait for."""
ALL = "all"
TURN = "@"
"""Between the number of the method whose turn it is, and the split or range; no name of a source has such a sign."""
TASKS = {
    KEYS: "shuffle:keys_of",
    MEETINGS: "shuffle:meetings_of",
    COMPONENTS: "shuffle:components_run",
    ROWS: "shuffle:rows_of",
    FIRSTS: "shuffle_clean:firsts_of",
    LINES: "shuffle_clean:lines_of",
    MENUS: "shuffle_clean:menus_of",
    CLEAN: "shuffle_clean:clean_of",
    GROUPS: "shuffle:group_of",
    SIGHTS: "shuffle_cuts:sights_of_split",
    TWICE: "shuffle_cuts:twice_of",
    WINDOWS: "shuffle_cuts:windows_of",
    BEST: "shuffle_cuts:best_of",
    SEEN: "shuffle_seen:seen_run",
    CUT: "shuffle_cuts:cut_of",
    MERGED: "shuffle:merge_run",
}
Sizes = Mapping[str, int]
"""The keys of some tasks, and the bytes of what they read, as far as that is known."""


def parts_left(store: Store, recipe: Recipe, plan: Plan) -> Iterator[list[Task]]:
    """The tasks of the stage that are not done, in the order in which they must be: all of a list before the next is
    asked for. The last list has the task that others wait for."""
    assert recipe.dedup is not None, "the stage is only planned for recipes with [dedup]"
    ranges = _decided(store, recipe.dedup, plan)
    if not ranges:
        yield [Task("dedup", ALL, "curate.pipeline.dedup:dedup_run")]
        return
    splits = {key: plan.split(key).size for key in split_keys(plan)}
    numbers = dict.fromkeys(map(key_of, range(ranges)), 0)
    both = splits | dict.fromkeys(earlier_files(recipe), 0)
    for stage, sizes in ((KEYS, both), (MEETINGS, numbers), (COMPONENTS, {ALL: 0}), (ROWS, both)):
        yield _left(store, stage, sizes)
    groups = dict.fromkeys(map(key_of, range(groups_decided(store))), 0)
    if counts_lines(recipe.dedup):
        for stage, sizes in ((FIRSTS, groups), (LINES, splits), (MENUS, numbers), (CLEAN, splits)):
            yield _left(store, stage, sizes)
    yield _left(store, GROUPS, groups)
    for turn, in_order in turns_of(recipe.dedup).items():
        by_range = ((SIGHTS, splits), (TWICE, numbers), (WINDOWS, splits), (BEST, numbers))
        for stage, sizes in (*(((SEEN, {ALL: 0}),) if in_order else by_range), (CUT, splits)):
            yield _left(store, stage, _in_turn(str(turn), sizes))
    yield _left(store, MERGED, {ALL: 0})


def forget_parts(store: Store) -> None:
    """Nothing of them is left once the run is complete."""
    for stage in PARTS:
        forget_stage(store, stage)
    store.remove(SHUFFLED)


def _left(store: Store, stage: str, sizes: Sizes) -> list[Task]:
    done = keys_done(store, stage)
    function = f"curate.pipeline.{TASKS[stage]}"
    return [Task(stage, key, function, size) for key, size in sizes.items() if key not in done]


def _in_turn(turn: str, sizes: Sizes) -> Sizes:
    return {f"{turn}{TURN}{key}": size for key, size in sizes.items()}


def _decided(store: Store, dedup: Dedup, plan: Plan) -> int:
    """How many ranges of hashes: as it was decided when the stage began; 0 where one process does it."""
    if store.stamp(RANGES) is None and (ranges := _ranges(store, plan)) and _has_parts(dedup):
        store.write(RANGES, f"{ranges}\n".encode())
    return ranges_decided(store)


def _has_parts(dedup: Dedup) -> bool:
    from curate.dedup.meeting import has_parts  # what few documents never need

    return has_parts(dedup)


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


def earlier_files(recipe: Recipe) -> dict[str, Path]:
    """The files of the indexes that a recipe names, by the keys of their tasks: they are numbered behind all splits.

    Raises:
        UsageError: there is no index, or it was made with other parameters.
    """
    from curate.dedup.index import open_index

    assert recipe.dedup is not None
    files = (file for place in recipe.dedup.against for file in open_index(recipe.base / place, recipe.dedup))
    return {f"{TURN}{key_of(number)}": file for number, file in enumerate(files)}


def counts_lines(dedup: Dedup) -> bool:
    """Whether lines of all documents that stay decide which of near-duplicates is the cleanest."""
    from curate.dedup.methods import document_methods
    from curate.dedup.ranking import keeps_cleanest

    return keeps_cleanest(dedup) and any(method.verifies for method in document_methods(dedup))


def turns_of(dedup: Dedup) -> dict[int, bool]:
    """The methods that cut, by their place among all, and whether each takes documents one after the other."""
    from curate.dedup.methods import passage_methods

    return {dedup.method.index(method.name): method.in_order is not None for method in passage_methods(dedup)}


def key_of(number: int) -> str:
    return f"{number:05}"


def turn_and_key(key: str) -> tuple[int, str]:
    """Of a task in a method's turn: the method's place among all, and the key of the split or range."""
    turn, _, rest = key.partition(TURN)
    return int(turn), rest
