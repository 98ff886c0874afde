"""All tasks of a run's stages that are not done, and again those whose files a later one finds damaged.

stage ─▶ its tasks without a record ─▶ done by whomever ─▶ next stage ─▶ … ─▶ is all there that the records name?
  ▲                                                └─ a file is not as it was committed: its record goes ─┐
  └────────────────────────────────────────────────────────────────────────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from curate.engine.at_once import asked_of_each
from curate.engine.plan import Plan
from curate.engine.records import check_there, committed, forget, forget_stage, intact, keys_done
from curate.engine.store import Store, place_of
from curate.engine.supervisor import Supervisor
from curate.engine.task import Task
from curate.errors import MachineError, RottenFile
from curate.pipeline.build_on import Base
from curate.pipeline.parts import PARTS, parts_left
from curate.pipeline.stages import Stage, keys_of, task_of
from curate.recipe import Recipe
from curate.run_files import EARLIER, WORK, filtered
from curate.steps.bind import bind, has_own_steps
from curate.steps.source_reader import has_own_reader
from curate.steps.user_errors import ROWS, check_reader_errors, check_user_errors

MAX_ROTTEN = 100
"""Damaged files that are made anew before the disk is blamed."""


def do_and_mend(
    supervisor: Supervisor,
    recipe: Recipe,
    plan: Plan,
    asked: Sequence[Stage],
    base: Base | None = None,
    do: Callable[[Sequence[Task]], None] | None = None,
) -> None:
    """Some stages, or all, as far as `base` has not done them already. Where a task finds a file damaged that another
    one of them wrote, that one is done again before. `do` sees to it that all tasks of a stage get done (default: the
    supervisor itself).

    Raises:
        RottenFile: the file is of a stage that was not asked for.
    """
    for _ in range(MAX_ROTTEN):
        try:
            _run_stages(supervisor, recipe, plan, asked, base, do or supervisor.run_stage)
            _check_records(supervisor.store, plan, asked)
            return
        except RottenFile as rotten:
            supervisor.close()  # no worker may go on with what it has read of the damaged file
            if rotten.stage not in {EARLIER, *PARTS, *(stage.name for stage in asked)}:
                raise
            forget(supervisor.store, rotten.stage, rotten.key)
    place = place_of(supervisor.store)
    raise MachineError(f"files in {place} keep changing between stages; is its disk failing?")


def _run_stages(
    supervisor: Supervisor,
    recipe: Recipe,
    plan: Plan,
    asked: Sequence[Stage],
    base: Base | None,
    do: Callable[[Sequence[Task]], None],
) -> None:
    """All tasks that are not done, stage by stage."""
    for stage in asked:
        if base is not None:
            base.before(stage.name, [*keys_of(stage, plan)])
        # Names of records alone: whether what they say is whole is asked by who builds on it, and at the end of all.
        done = keys_done(supervisor.store, stage.name)
        again = keys_done(supervisor.store, EARLIER) if stage.name == "filter" else set()
        left = [task_of(stage, plan, key, again) for key in keys_of(stage, plan) if key not in done]
        for tasks in parts_left(supervisor.store, recipe, plan) if left and stage.name == "dedup" else [left]:
            do(tasks)
        if stage.name == "filter":  # before anything costly is built on what a user's broken function has left
            _check_user_errors(supervisor.store, recipe, plan)
            forget_stage(supervisor.store, EARLIER)
            supervisor.store.remove(f"{WORK}/{EARLIER}")
        if base is not None:
            base.after(stage.name, [*keys_of(stage, plan)])


def _check_records(store: Store, plan: Plan, asked: Sequence[Stage]) -> None:
    """Before the manifest is made of them: no record of a stage that was done long ago has been damaged since, and all
    that they name is there."""
    tasks = ((stage.name, key) for stage in asked for key in keys_of(stage, plan))
    for _ in asked_of_each(store, lambda task: check_there(store, committed(store, *task)), tasks):
        pass


def _check_user_errors(store: Store, recipe: Recipe, plan: Plan) -> None:
    """Of each source as a whole; a part of it was watched as it was read."""
    for source in recipe.sources:
        if not (has_own_steps(source) or has_own_reader(source)):
            continue
        files = [intact(store, "filter", split.key, filtered(split.key, "ledger")) for split in plan.of(source.name)]
        rows = pl.concat([pl.read_parquet(file, columns=list(ROWS)) for file in files])
        check_user_errors(rows, [step.name for step in bind(source, recipe)], recipe.limits.max_errors)
        if has_own_reader(source):
            check_reader_errors(rows, source.read, recipe.limits.max_errors)
