"""What a recipe would read and how its mixture would come out, from a part of the inputs; runs nothing.

recipe ─▶ inputs, splits, bytes ─▶ a part of each source taken through its steps ─▶ tokens, with their error ─▶ epochs
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from operator import mul
from typing import Any

from curate.dedup.methods import explanations
from curate.engine.plan import Plan
from curate.forecast.estimate import Estimate, estimate
from curate.given.recipe import GivenRecipe, load
from curate.pipeline.check import check_recipe
from curate.pipeline.dedup_memory import Expected, expected_memory
from curate.pipeline.planning import make_plan
from curate.pipeline.weighted import check_weighted
from curate.recipe import Recipe
from curate.recipe_dedup import Dedup
from curate.recipe_form import digest
from curate.steps.bind import resolve
from curate.tokenize.mix import Mixture
from curate.tokenize.plan_mix import plan_mix


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """A source, its reader, what its paths name in files, splits and bytes, and what is expected of them."""

    name: str
    read: str
    files: int
    splits: int
    bytes: int
    estimated: Estimate


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of a recipe, known by its digest. `dedup` says what the parameters of its methods mean, a line each,
    `dedup_memory` how much memory they take; nothing where there is no deduplication."""

    name: str
    recipe: str
    sources: tuple[PlannedSource, ...]
    mixture: Mixture
    dedup: tuple[str, ...]
    dedup_memory: str


def plan(recipe: GivenRecipe) -> Planned:
    """Look at all inputs, read a part of them, and foretell the mixture.

    Raises:
        RecipeError: the recipe cannot run as it is written.
    """
    resolved = resolve(load(recipe))
    check_recipe(resolved)
    found = make_plan(resolved)
    check_weighted(resolved, found)
    sources = planned_sources(resolved, found)
    explained = tuple(explanations(resolved.dedup)) if resolved.dedup else ()
    memory = dedup_memory(resolved.dedup, sources).told if resolved.dedup else ""
    return Planned(resolved.name, digest(resolved), sources, planned_mixture(resolved, sources), explained, memory)


def planned_sources(recipe: Recipe, plan: Plan) -> tuple[PlannedSource, ...]:
    """Of a resolved recipe, in its order."""
    inputs, found = plan.inputs(), estimate(recipe, plan)
    return tuple(
        PlannedSource(
            source.name,
            read=source.read,
            files=len(inputs[source.name]),
            splits=len(plan.of(source.name)),
            bytes=sum(file.wanted for file in inputs[source.name]),
            estimated=found[source.name],
        )
        for source in recipe.sources
    )


def dedup_memory(dedup: Dedup, sources: Sequence[PlannedSource]) -> Expected:
    """What deduplication will take of memory; copies, which go, come to it, too."""
    found = [source.estimated for source in sources]
    come = [1 / max(1 - one.copy_share, 0.01) for one in found]
    documents, tokens = (
        round(sum(map(mul, come, counts)))
        for counts in ([one.documents for one in found], [one.tokens for one in found])
    )
    return expected_memory(dedup, documents, tokens)


def planned_mixture(recipe: Recipe, sources: Sequence[PlannedSource]) -> Mixture:
    """Weights and epochs to expect, and what there is to say about them."""
    in_training = 1 - recipe.tokenize.validation
    available = {source.name: int(source.estimated.tokens * in_training) for source in sources}
    mixture = plan_mix(available, recipe.mix)
    counted = [
        f"{name}: what {by.column} puts into each bucket is counted in the run" for name, by in recipe.mix.by.items()
    ]
    return replace(mixture, notes=(*mixture.notes, *counted))


def plan_values(planned: Planned) -> dict[str, Any]:
    """The plan for programs: `curate plan --json`."""
    explained = {"dedup": "; ".join(planned.dedup)} if planned.dedup else {}
    explained |= {"dedup_memory": planned.dedup_memory} if planned.dedup_memory else {}
    shares = {share.name: {"drawn": share.drawn, "epochs": share.epochs} for share in planned.mixture.shares}
    return explained | {
        "name": planned.name,
        "recipe": planned.recipe,
        "sources": {source.name: _source_values(source) for source in planned.sources},
        "mixture": {"sources": shares, "notes": list(planned.mixture.notes)},
    }


def _source_values(source: PlannedSource) -> dict[str, Any]:
    facts = asdict(source)
    del facts["name"]
    return facts | {"estimated_tokens": source.estimated.tokens}
