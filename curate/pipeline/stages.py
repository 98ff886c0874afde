"""Which stages a recipe's run consists of, and the tasks of each: one, or one for each split.

filter (─▶ rank ─▶ choose) ─▶ dedup (─▶ decontaminate ─▶ contamination) (─▶ sizes ─▶ sample) ─▶ tokenizer ─▶ tokenize
  ─▶ mix ─▶ shards (─▶ materialize)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from curate.engine.plan import Plan
from curate.engine.task import Task
from curate.recipe import Recipe, TokenizerChoice
from curate.steps.ranks import ranked_sources


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the run: its tasks depend on the stages before it, never on one another."""

    name: str
    function: str
    per_split: bool


REDECIDE = "curate.pipeline.redecide:redecide_split"
"""What `filter` does of a split whose last step alone is another one than in an earlier run."""

RANKS = (
    Stage("rank", "curate.pipeline.rank:rank_run", False),
    Stage("choose", "curate.pipeline.rank:choose_split", True),
)
SAMPLE = (
    Stage("sizes", "curate.pipeline.tokenizer:sizes_run", False),
    Stage("sample", "curate.pipeline.tokenizer:sample_split", True),
)


def stages(recipe: Recipe) -> tuple[Stage, ...]:
    """What this recipe's run consists of."""
    return (
        Stage("filter", "curate.pipeline.filter:filter_split", True),
        *(RANKS if ranked_sources(recipe) else ()),
        *((Stage("dedup", "curate.pipeline.dedup:dedup_run", False),) if recipe.dedup else ()),
        *(_decontamination() if recipe.decontaminate else ()),
        *(SAMPLE if isinstance(recipe.tokenize.tokenizer, TokenizerChoice) else ()),
        Stage("tokenizer", "curate.pipeline.tokenizer:tokenizer_run", False),
        Stage("tokenize", "curate.pipeline.tokenize:tokenize_split", True),
        Stage("mix", "curate.pipeline.mix:mix_run", False),
        Stage("shards", "curate.pipeline.mix:shards_of_split", True),
        *((Stage("materialize", "curate.pipeline.mix:materialize_run", False),) if recipe.mix.materialize else ()),
    )


def _decontamination() -> Iterator[Stage]:
    yield Stage("decontaminate", "curate.pipeline.decontaminate:decontaminate_split", True)
    yield Stage("contamination", "curate.pipeline.decontaminate:contamination_run", False)


def keys_of(stage: Stage, plan: Plan) -> Iterable[str]:
    return plan.splits.keys() if stage.per_split else ("all",)


def task_of(stage: Stage, plan: Plan, key: str, again: Set[str]) -> Task:
    """`again`: splits whose files of an earlier run are there, to be decided on again."""
    size = plan.split(key).size if stage.per_split else 0
    return Task(stage.name, key, REDECIDE if key in again else stage.function, size)
