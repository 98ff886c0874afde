"""What a run builds on: earlier runs, as long as they have left the same, stage by stage; and what is said of it.

folders beside the run's ─▶ earlier runs ─▶ a stage: taken (reuse.py) or decided on again (redecide.py) │ done anew
                                 ▲                                                        │
                                 └────────── those that have left the same files ─────────┘

A run that is killed meanwhile has records of what it took, and the same call takes the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.engine.engine import Said
from curate.engine.plan import Plan
from curate.engine.progress import Show
from curate.engine.records import keys_done
from curate.engine.store import Store
from curate.pipeline.depends import Dependence, Ingredients, dependence
from curate.pipeline.redecide import Nearly, take_nearly
from curate.pipeline.reuse import EarlierRun, Taken, alike_after, earlier_runs, take_stage
from curate.recipe import Recipe
from curate.run_files import EARLIER

NOTHING = Nearly(0, (), ())


@dataclass(slots=True)
class Base:
    """What a run at work builds on, while it goes from stage to stage."""

    store: Store
    recipe: Recipe
    plan: Plan
    depends: Dependence
    earlier: list[EarlierRun]
    show: Show
    is_used: bool = False
    """Whether anything was taken, so that what is not must be said."""

    def before(self, stage: str, keys: Sequence[str]) -> None:
        """Take what the earlier runs have done of a stage."""
        if not self.earlier:
            return
        taken = take_stage(self.store, stage, keys, self.depends, self.earlier)
        nearly = self._nearly(keys) if stage == "filter" and taken.taken < taken.tasks else NOTHING
        self.is_used |= bool(taken.taken or nearly.taken)
        if line := "; ".join(self._told(taken, nearly)):
            self.show(Said(stage, line))

    def after(self, stage: str, keys: Sequence[str]) -> None:
        """Forget the earlier runs that have left something else of a stage that is done."""
        if not self.earlier:
            return
        self.earlier = alike_after(self.store, stage, keys, self.plan, self.earlier)
        order = ["filter", *self.depends.stages]
        rest = order[order.index(stage) + 1 :]
        if self.is_used and not self.earlier and rest:
            self.show(Said(", ".join(rest), f"anew, after another {stage}"))

    def _nearly(self, keys: Sequence[str]) -> Nearly:
        done = keys_done(self.store, "filter") | keys_done(self.store, EARLIER)
        missing = (self.plan.split(key) for key in keys if key not in done)
        return take_nearly(self.store, missing, self.recipe, self.depends, self.earlier)

    def _told(self, taken: Taken, nearly: Nearly) -> Iterator[str]:
        """What is taken, from whom, and why the rest is not."""
        are_splits = taken.tasks > 1 or taken.stage == "filter"
        if taken.taken:
            count = f"{taken.taken} of {taken.tasks} splits " if are_splits else ""
            yield f"{count}as in {_names(taken.folders)}"
        if nearly.taken:
            yield f"{nearly.taken} of {taken.tasks} splits decided again, with the texts in {_names(nearly.folders)}"
        rest = taken.tasks - taken.taken - nearly.taken
        if rest and (self.is_used or nearly.obstacles):
            why = ", ".join(nearly.obstacles or self._differing(taken.stage))
            yield (f"{rest} anew" if rest < taken.tasks else "anew") + (f" ({why})" if why else "")

    def _differing(self, stage: str) -> Sequence[str]:
        """What a stage is to be made of that an earlier run has otherwise, as it stands in the recipe."""
        other = self.earlier[0].depends
        mine, its = (_ingredients(run, stage) for run in (self.depends, other))
        if stage == "filter" and mine == its and {*self.depends.before.values()} - {*other.before.values()}:
            return ["inputs"]
        return [label for label in {**its, **mine} if mine.get(label) != its.get(label)]


def base_of(store: Store, recipe: Recipe, plan: Plan, folders: Iterable[Path], show: Show) -> Base | None:
    """What a run can build on of runs in these folders; None where there is none of them."""
    earlier = list(earlier_runs(folders, plan))
    return Base(store, recipe, plan, dependence(recipe, plan), earlier, show) if earlier else None


def _ingredients(depends: Dependence, stage: str) -> Ingredients:
    if stage != "filter":
        return depends.stages.get(stage, {})
    return {label: value for source in depends.sources.values() for label, value in source.items()}


def _names(folders: Sequence[Path]) -> str:
    return " and ".join(map(str, folders))
