"""What a stage's function gets, and what it gives back; the engine commits it.

Job (store, stage, key, walk, clock) ─▶ function ─▶ Made (outputs, counts) ─▶ committed whole, or not at all
                                              └─▶ None: only one document was asked for, and it passed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from curate.engine.clock import Clock
from curate.engine.fences import check_open
from curate.engine.outputs import Outputs
from curate.engine.plan import Plan, Split
from curate.engine.plan_file import read_plan
from curate.engine.store import Stamp, Store, place_of
from curate.engine.walk import Walk
from curate.engine.whole import file_digest
from curate.errors import CheckFailed, UsageError
from curate.recipe import Recipe
from curate.recipe_file import load
from curate.run_files import PLAN, RECIPE


class Made(NamedTuple):
    """The files of a task, and what its record says besides."""

    outputs: Outputs
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at one task. `walk` takes it through its documents, `clock` keeps the account of its time."""

    store: Store
    stage: str
    key: str
    walk: Walk
    clock: Clock
    fence: str = ""
    """What its commit must claim (fences.py)."""
    _opened: list[tuple[Recipe, Plan]] = field(default_factory=list, compare=False, repr=False)

    @property
    def cores(self) -> int:
        """How many threads the task may use."""
        return self.walk.cores

    @property
    def recipe(self) -> Recipe:
        return self._open()[0]

    @property
    def plan(self) -> Plan:
        return self._open()[1]

    @property
    def split(self) -> Split:
        return self.plan.split(self.key)

    def outputs(self) -> Outputs:
        """Where this attempt writes its files.

        Raises:
            RunLocked: it is fenced off, and may leave nothing behind in a run that others have finished.
        """
        check_open(self.store, self.fence)
        return Outputs(self.store.workspace(f"{self.stage}.{self.key}"))

    def _open(self) -> tuple[Recipe, Plan]:
        """Looked at once: whether they are still the same costs requests where the store is far away."""
        if not self._opened:
            self._opened.append(open_run(self.store))
        return self._opened[0]


TaskFunction = Callable[[Job], Made | None]


def open_run(store: Store) -> tuple[Recipe, Plan]:
    """The resolved recipe and the plan of a run; a process reads them once, and again where the run was made anew.

    Raises:
        UsageError: there is no run.
        CheckFailed: one of the two files is damaged.
    """
    plan = store.stamp(PLAN)
    if plan is None:
        raise UsageError(f"{place_of(store)} is not a run's folder: it has no {PLAN}")
    return _open_run(store, plan, store.stamp(RECIPE))


@lru_cache(maxsize=2)  # by what tells the files from others: a folder that is made anew is another run
def _open_run(store: Store, plan_stamp: Stamp, recipe_stamp: Stamp | None) -> tuple[Recipe, Plan]:
    plan = read_plan(store)
    assert plan is not None, "the caller has seen it"
    path = None if recipe_stamp is None else store.fetch(RECIPE)
    # Of the file, not of the recipe's values: `[train]` is in no digest of those, and a flipped bit may hit it.
    if path is None or file_digest(path) != plan.recipe_file:
        raise CheckFailed(f"{path or RECIPE} is damaged: it is not the one that the plan was made for")
    recipe = load(path).at(Path(plan.base))
    return recipe.with_own_columns(dict(plan.columns)), plan
