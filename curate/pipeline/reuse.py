"""What an earlier run has done already, taken over: the same ingredients (depends.py) after the same files.

folders beside the run's ─▶ those of this version ─▶ a stage's tasks ─▶ their files under second names, looked at
  ─▶ done/<stage>/<key>.json           ▲                    └▶ what nobody has done, or is damaged, is done anew
                                       └── those that have left the same of the stage before ──┘
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from curate.engine.job import open_run
from curate.engine.plan import Plan
from curate.engine.posix import PosixStore
from curate.engine.records import Done, keys_done, read_one, write_done
from curate.engine.store import Store
from curate.engine.whole import file_digest, second_name
from curate.errors import CurateError
from curate.pipeline.depends import Dependence, dependence
from curate.recipe import Recipe
from curate.run_files import FORGOTTEN, NEXT_FORGET, NEXT_RECIPE, PLAN

MAX_RUNS = 30
"""Of the folders beside the run's, so many are looked at, those that were begun last."""
UNREADABLE = (CurateError, OSError, ValueError, KeyError, TypeError)
"""What opening the folder of another version, or of half a run, may raise."""


@dataclass(frozen=True)
class EarlierRun:
    """A run beside the one at work, finished or not."""

    folder: Path
    recipe: Recipe
    plan: Plan

    @property
    def store(self) -> Store:
        return PosixStore(self.folder.absolute())

    @cached_property
    def depends(self) -> Dependence:
        """Of a large plan this takes a while: the last run is mostly the one that has everything."""
        return dependence(self.recipe, self.plan)

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """The key of each split by the digest of its `filter`: in a run with other inputs it may have another one."""
        return {digest: key for key, digest in self.depends.filters.items()}

    @cached_property
    def keys_before(self) -> Mapping[str, str]:
        """By the digest of all that its `filter` depends on but the source's steps."""
        return {digest: key for key, digest in self.depends.before.items()}


@dataclass(frozen=True, slots=True)
class Taken:
    """Of one stage: how many `tasks` were not done, how many of them were taken, and from which folders."""

    stage: str
    tasks: int
    taken: int
    folders: tuple[Path, ...]


def folders_beside(folder: Path) -> list[Path]:
    """Those that may be runs, the last that was begun first."""
    here = folder.absolute()
    plans = [path for path in folder.parent.glob(f"*/{PLAN}") if path.parent.name != here.name]
    return [path.parent for path in sorted(plans, key=_began, reverse=True)][:MAX_RUNS]


def _began(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, str(path)


def earlier_runs(folders: Iterable[Path], plan: Plan) -> Iterator[EarlierRun]:
    """Those among some folders of which something may be taken: of the same versions, and with all that they made."""
    for folder in folders:
        store = PosixStore(folder.absolute())
        try:
            recipe, its = open_run(store)
            if (its.version, its.libraries) == (plan.version, plan.libraries) and _is_whole(store):
                yield EarlierRun(folder, recipe, its)
        except UNREADABLE:
            continue


def _is_whole(store: Store) -> bool:
    """Whether its files are what its recipe says: nobody is changing them, and nothing of it was forgotten."""
    is_changing = any(store.stamp(name) is not None for name in (NEXT_RECIPE, NEXT_FORGET))
    return not is_changing and not keys_done(store, FORGOTTEN)


def take_stage(
    store: Store, stage: str, keys: Iterable[str], depends: Dependence, earlier: Sequence[EarlierRun]
) -> Taken:
    """Take what is not done of a stage, as far as runs have it that have left the same before it."""
    done = keys_done(store, stage)
    missing = [key for key in keys if key not in done]
    folders = [folder for key in missing if (folder := _take(store, stage, key, depends, earlier))]
    return Taken(stage, len(missing), len(folders), tuple(dict.fromkeys(folders)))


def alike_after(
    store: Store, stage: str, keys: Sequence[str], plan: Plan, earlier: Iterable[EarlierRun]
) -> list[EarlierRun]:
    """The runs that have left the very files of a stage that are here, and no others. Ingredients would not tell:
    limits of time may have cost another document, and other weights may have drawn the same sample."""
    splits = [*plan.splits.keys()]
    return [
        run
        for run in earlier
        if [*run.plan.splits.keys()] == splits
        and all(read_one(run.store, stage, key) == read_one(store, stage, key) for key in keys)
    ]


def _take(store: Store, stage: str, key: str, depends: Dependence, earlier: Sequence[EarlierRun]) -> Path | None:
    """The folder of the run whose files a task has now; None where nobody has done it."""
    for run in earlier:
        done = _done_by(run, stage, key, depends)
        if done is not None and take_files(store, renamed(done, key), run.store, list(done.outputs)):
            return run.folder
    return None


def _done_by(run: EarlierRun, stage: str, key: str, depends: Dependence) -> Done | None:
    """The record of the task that is the same in another run."""
    if stage == "filter":
        there = run.keys.get(depends.filters[key])
        return read_one(run.store, stage, there) if there is not None else None
    is_same = run.depends.stages.get(stage) == depends.stages[stage]
    return read_one(run.store, stage, key) if is_same else None


def renamed(done: Done, key: str) -> Done:
    """The record of a task whose split has another key; the order of its files stays."""
    if key == done.key:
        return done
    outputs = {name.replace(f"/{done.key}.", f"/{key}."): entry for name, entry in done.outputs.items()}
    return replace(done, key=key, outputs=outputs)


def take_files(store: Store, done: Done, origin: Store, names: Sequence[str]) -> bool:
    """Commit a task with files of another run, which have these names there, in the order of the record's; False where
    one of them is not as the record says."""
    workspace = store.workspace(f"{done.stage}.{done.key}")
    for (name, entry), there in zip(done.outputs.items(), names, strict=True):
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            second_name(origin.fetch(there), path)
        except (FileNotFoundError, PermissionError):  # its work/ was not kept, or is somebody else's
            return False
        # Once it has its second name: whatever is done to the other, nobody puts another file under this one.
        if path.stat().st_size != entry["size"] or file_digest(path) != entry["sha256"]:
            return False
    store.put(workspace, dict.fromkeys(done.outputs))
    write_done(store, done)
    return True
