"""A whole run: all stages in their order, each stage's tasks that are not done yet, and the manifest at the end.

recipe ─▶ plan ─▶ stages (stages.py) ─▶ all their tasks are done (mend.py) ─▶ manifest.json
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from curate.engine.choice import EngineChoice
from curate.engine.engine import Engine, Said
from curate.engine.engines import make_engine
from curate.engine.job import open_run
from curate.engine.leases import Leases
from curate.engine.machine import machine_errors
from curate.engine.plan import Plan
from curate.engine.profile import write_profile
from curate.engine.progress import Progress, Show
from curate.engine.records import read_done
from curate.engine.sampler import Sampler
from curate.engine.store import Store
from curate.engine.stores import is_here, store_at
from curate.engine.supervisor import Supervisor
from curate.engine.timing import merge_timing, write_timing
from curate.errors import UsageError
from curate.given.recipe import GivenRecipe, load
from curate.pipeline.ahead import LOADS
from curate.pipeline.begin import begin, check_place
from curate.pipeline.build_on import base_of
from curate.pipeline.check import check_recipe
from curate.pipeline.manifest import write_manifest
from curate.pipeline.mend import do_and_mend
from curate.pipeline.parts import forget_parts
from curate.pipeline.reuse import folders_beside
from curate.pipeline.share import Rank, finish_last
from curate.pipeline.stages import Stage, stages
from curate.recipe import Limits, Recipe
from curate.run_files import MANIFEST, PLAN, WORK
from curate.run_folder import RunFolder
from curate.steps.bind import own_step_names, resolve

FRESH = "CURATE_FRESH"
"""A variable of the environment: where it is set, nothing of earlier runs is taken over unless that is asked for."""
FACTS = "curate.pipeline.facts:facts_of"
"""What must be the same on all machines of a cluster."""


def run(
    recipe: GivenRecipe,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    keep_intermediate: bool = True,
    fresh: bool | None = None,
    show: Show | None = None,
    profile: bool = False,
    rank: int = 0,
    world: int = 1,
    engine: str = "local",
    ray_address: str | None = None,
    insecure_cluster: bool = False,
    ahead: object = None,
) -> RunFolder:
    """What `curate.run` does, which says what all of this means, but for the face of what it returns; `ahead` is what
    `engines.begun_ahead` has given.

    A finished run is returned as it is, but for `work/` where that is not to be kept. With `workers` = 0 nobody watches
    over documents that crash or hang.
    """
    _check_rank(rank, world, profile=profile, engine=engine)
    resolved = checked(recipe)
    place = out if out is not None else Path("runs") / resolved.name
    with machine_errors(place):
        check_place(place)
        store = store_at(place)
        choice = EngineChoice(engine, workers, ray_address, insecure_cluster, FACTS, LOADS, ahead)
        does, told = make_engine(store, resolved.limits, choice), show or silent
        if world > 1:
            run_share(resolved, store, does, rank=rank, world=world, keep_intermediate=keep_intermediate, show=told)
            return RunFolder(place)
        earlier = folders_beside(Path(place)) if is_here(place) and not _is_fresh(fresh) else ()
        run_on(resolved, store, does, keep_intermediate=keep_intermediate, show=told, profile=profile, earlier=earlier)
    return RunFolder(place)


def _check_rank(rank: int, world: int, *, profile: bool, engine: str) -> None:
    """
    Raises:
        UsageError
    """
    if world < 1 or not 0 <= rank < world:
        raise UsageError(f"rank {rank} of {world}: ranks are counted from 0 and are fewer than the world")
    if world > 1 and profile:
        raise UsageError("a process that shares its run with others draws no profile of it")
    if world > 1 and engine != "local":
        raise UsageError("--world shares a run out without an engine for clusters; leave one of both out")


def _is_fresh(asked: bool | None) -> bool:
    return bool(os.environ.get(FRESH)) if asked is None else asked


def checked(recipe: GivenRecipe) -> Recipe:
    """A recipe with every default filled in, and nothing in it that can never work."""
    resolved = resolve(load(recipe))
    check_recipe(resolved)
    return resolved


def run_on(
    recipe: Recipe,
    store: Store,
    engine: Engine,
    *,
    keep_intermediate: bool,
    show: Show,
    profile: bool = False,
    earlier: Sequence[Path] = (),
) -> None:
    """Do everything of a checked recipe that is not done yet in a store, by an engine, which is closed at the end; what
    runs in the folders `earlier` have done is taken over.

    With `profile`, `profile/` shows where the time went; the caller is in the main thread then.
    """
    supervisor = Supervisor(store, engine, recipe.limits, show, own_step_names(recipe), is_profiled=profile)
    with store.lock(), _profiled(supervisor) if profile else nullcontext():
        plan = begin(store, recipe)
        if store.stamp(MANIFEST) is None:
            _work(supervisor, recipe, plan, earlier, keep_intermediate=keep_intermediate)
        elif not keep_intermediate:
            store.remove(WORK)


def run_share(
    recipe: Recipe,
    store: Store,
    engine: Engine,
    *,
    rank: int,
    world: int,
    keep_intermediate: bool,
    show: Show,
    leases: Leases | None = None,
) -> None:
    """The same by one of several processes, each of which calls this: returns when all is done, by whomever. Nothing of
    other runs is taken over."""
    supervisor = Supervisor(store, engine, recipe.limits, show, own_step_names(recipe), is_shared=True)
    leases = leases or Leases(store)
    with store.lock(shared=True):
        # Who comes when all is done must leave nothing behind, not even a lock.
        with nullcontext() if store.stamp(PLAN) else store.alone("begin"):
            plan = begin(store, recipe)
        if store.stamp(MANIFEST) is None:
            with leases.alive(), timed(supervisor, shared=True):
                do = Rank(supervisor, leases, rank, world).do
                do_and_mend(supervisor, recipe, plan, stages(recipe), do=do)
    finish_last(store, lambda: finish(store, recipe, plan, keep_intermediate=keep_intermediate))


def engine_of(store: Store, workers: int | None, limits: Limits) -> Engine:
    """As many worker processes as there are cores, or as are asked for; with 0 all is done in this one."""
    return make_engine(store, limits, EngineChoice(workers=workers))


def silent(progress: Progress | Said) -> None:
    pass


def _work(
    supervisor: Supervisor, recipe: Recipe, plan: Plan, earlier: Sequence[Path], *, keep_intermediate: bool
) -> None:
    store, asked = supervisor.store, stages(recipe)
    store.tidy()
    with timed(supervisor):
        base = base_of(store, *open_run(store), earlier, supervisor.show) if earlier else None
        do_and_mend(supervisor, recipe, plan, asked, base)
    # Outside of the clock, whose account is written before it: the manifest is the last file, and says all is there.
    finish(store, recipe, plan, keep_intermediate=keep_intermediate)


def finish(store: Store, recipe: Recipe, plan: Plan, *, keep_intermediate: bool) -> None:
    """The manifest of a run of which all is done, by the only process that is at it."""
    asked = stages(recipe)
    forget_parts(store)
    store.tidy()  # a worker killed in the midst of a record leaves half of it, and the manifest names all that is there
    write_manifest(store, recipe, plan, [stage.name for stage in asked])
    if keep_intermediate:
        _clear(store, asked)
    else:
        store.remove(WORK)


def _clear(store: Store, asked: Sequence[Stage]) -> None:
    """Of work/ stays what a later run may build on."""
    named = {name for stage in asked for done in read_done(store, stage.name) for name in done.outputs}
    for name in [*store.names(WORK)]:
        if name not in named:
            store.remove(name)


@contextmanager
def timed(supervisor: Supervisor, *, shared: bool = False) -> Iterator[None]:
    """Let go of the workers and write the account of time, however the work ends; of several processes that share the
    run each adds its own."""
    started, cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        supervisor.close()
        own = [time.perf_counter() - started, time.process_time() - cpu - supervisor.cpu_in_this_process]
        with supervisor.store.alone("timing") if shared else nullcontext():
            write_timing(supervisor.store, merge_timing(supervisor.store, supervisor.timing, own))


@contextmanager
def _profiled(supervisor: Supervisor) -> Iterator[None]:
    """Look at this process, too, and draw what was seen, however the work ends. A run that is complete keeps what it
    has: nothing was done."""
    was_complete = supervisor.store.stamp(MANIFEST) is not None
    sampler = Sampler()
    try:
        with sampler:
            yield
    finally:
        if not was_complete:
            write_profile(supervisor.store, {"supervisor": sampler.folded(), **supervisor.samples})
