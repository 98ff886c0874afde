"""How a run begins: its folder looked at, recipe and plan written; or compared with those that it began with.

recipe ─▶ plan ─┬▶ a new folder: recipe.toml, plan.json
                └▶ one that was begun: the same? ─▶ its own plan │ what is another
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

from curate.engine.job import open_run
from curate.engine.object_store import ObjectStore
from curate.engine.plan import Plan, check_plan
from curate.engine.plan_file import check_splits, read_plan, write_plan
from curate.engine.store import Store, place_of
from curate.engine.stores import store_at
from curate.errors import CheckFailed, RunConflict, UsageError
from curate.pipeline.planning import make_plan
from curate.pipeline.weighted import check_weighted
from curate.recipe import Recipe
from curate.recipe_form import changed_keys, to_toml
from curate.run_files import LOCK, NEXT_FORGET, NEXT_RECIPE, PLAN, RECIPE


def check_place(place: Path | str) -> None:
    """
    Raises:
        UsageError: it is none that a run could use.
    """
    store = store_at(place)
    if isinstance(store, ObjectStore):
        # In this order, as another that shares the run may just write its first sign.
        if not store.is_empty() and not any(store.names(LOCK)) and not any(map(store.stamp, (PLAN, RECIPE))):
            raise UsageError(f"{place} is not empty and not a run's; choose another --out")
    else:
        _check_folder(Path(place))


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, and a run needs a folder; choose another --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LOCK).exists():
        raise UsageError(f"{folder} is not empty and not a run's folder; choose another --out")


def begin(store: Store, recipe: Recipe) -> Plan:
    """The plan of the run: a new one, or the one that it began with.

    Raises:
        RunConflict: it began with another recipe, input or version, or something else was begun and is not done.
        CheckFailed: one of its papers is damaged.
    """
    if store.stamp(NEXT_RECIPE) is not None:
        place = place_of(store)
        raise RunConflict(f"a new mixture of {place} was begun and is not done: curate mix {place} --apply goes on")
    if store.stamp(NEXT_FORGET) is not None:
        place = place_of(store)
        raise RunConflict(f"documents of {place} are being forgotten, and that is not done: curate forget {place}")
    plan = make_plan(recipe)
    old = read_plan(store)
    if old is None:
        check_weighted(recipe, plan)
        # The recipe first: the plan makes the folder a run's, and has the recipe's digest.
        store.write(RECIPE, to_toml(recipe).encode())
        write_plan(store, plan)
        return open_run(store)[1]
    check_splits(store)
    if old.recipe != plan.recipe:
        raise _other_recipe(store, recipe)
    check_plan(old, plan, place_of(store))
    if store.stamp(RECIPE) is None:
        raise CheckFailed(f"{place_of(store)}/{RECIPE} is missing; choose another --out")
    return open_run(store)[1]  # a damaged one is refused here, and not written into the manifest


def _other_recipe(store: Store, recipe: Recipe) -> RunConflict:
    """Says what is another than in the run's own recipe, and how to come by a run that is like it but for that."""
    place = place_of(store)
    changed = ", ".join(changed_keys(open_run(store)[0], recipe))
    free = next(other for number in count(2) if not _is_taken(other := f"{place}-{number}"))
    return RunConflict(
        f"{place} was begun with another recipe ({changed}; see {place}/{RECIPE}); choose another --out: --out {free} "
        "takes over what stays the same"
    )


def _is_taken(place: str) -> bool:
    store = store_at(place)
    return store.stamp(PLAN) is not None if isinstance(store, ObjectStore) else Path(place).exists()
