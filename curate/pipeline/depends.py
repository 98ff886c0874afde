"""What each stage of a run depends on by itself, besides what the stages before it have left.

recipe, plan ─▶ ingredients of each stage, by the words that a recipe has for them
             └▶ of `filter`, which nothing stands before, a digest of them and of its input, for each split

A stage whose ingredients are those of another run, after stages that have left the same files, writes the same bytes.
Nothing of it is written: a run's recipe and plan are all that it takes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curate.dedup.methods import METHODS
from curate.engine.plan import Plan, Split
from curate.pipeline.tokenizer import asked_weights
from curate.recipe import MixBy, Recipe, Source, Step, TokenizerChoice
from curate.recipe_dedup import Dedup
from curate.recipe_form import plain_value
from curate.steps.bind import step_names
from curate.steps.ranks import GROUP, RANKING, SHARE, ranks

AFTER_SIGNING = frozenset(
    {"verify", "prefer", "exempt", "lines", "substring", "ngrams", "min_words_left", "max_memory", "against", "index"}
) | {"rehydrate"}
"""Keys of [dedup] that no signature depends on, as long as all methods are curate's own."""
LIMITS = ("document_seconds", "worker_memory", "max_record_bytes")
"""Keys of [limits] by which documents are quarantined."""
OF_TOKENS = ("[tokenize] validation", "[tokenize] views")
"""Keys of [tokenize] on which the tokenizer itself does not depend."""
OF_SAMPLE = ("sample_bytes", "sample_weights")
"""Keys of a tokenizer that is trained by which its sample is drawn, and nothing else."""
DIGEST = 32
"""Hexadecimal digits: there is one in memory for each split of a run."""
NOT_OF_FILTER = ("name", "paths", "sample", "cc", "steps")
"""Keys of a source that say which inputs it has, which the splits themselves tell, and those told elsewhere."""
Ingredients = Mapping[str, Any]
"""By the words that a recipe has for them."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """Of a run. `stages`: the ingredients of each stage behind `filter`. Of `filter`, by source: `sources`, its
    ingredients but for inputs and steps, and `steps`, those of each step; by split: `before`, a digest of all but the
    steps, and `filters`, of all."""

    stages: Mapping[str, Ingredients]
    sources: Mapping[str, Ingredients]
    steps: Mapping[str, tuple[Ingredients, ...]]
    before: Mapping[str, str]
    filters: Mapping[str, str]


def dependence(recipe: Recipe, plan: Plan) -> Dependence:
    """Of a run with this resolved recipe and this plan."""
    steps = {source.name: _of_steps(source, plan) for source in recipe.sources}
    sources = {source.name: _of_source(source, recipe, plan) for source in recipe.sources}
    known = {name: _digest(of) for name, of in sources.items()}
    before = {split.key: _digest(known[split.source], _ranges(split)) for split in plan.splits}
    decided = {name: _digest(of) for name, of in steps.items()}
    filters = {split.key: _digest(before[split.key], decided[split.source]) for split in plan.splits}
    return Dependence(_of_stages(recipe, plan), sources, steps, before, filters)


def _of_source(source: Source, recipe: Recipe, plan: Plan) -> Ingredients:
    """All that `filter` depends on but inputs and steps; where these lie is said by the inputs."""
    plain = {key: value for key, value in plain_value(source).items() if key not in NOT_OF_FILTER}
    files = dict(plan.parts)
    found = {f"source {source.name}: {key}": value for key, value in plain.items()}
    found |= {f"source {source.name}: what reads it": files.get(f"source {source.name}")}
    found |= {f"source {source.name}: columns of its tables": plain_value(dict(plan.columns).get(source.name))}
    return found | _of_signing(recipe.dedup) | {"[dedup] method's own module": files.get("method")} | _limits(recipe)


def _of_signing(dedup: Dedup | None) -> dict[str, Any]:
    asked = _table("dedup", dedup)
    if dedup is None or not METHODS.keys() >= {*dedup.method}:  # nobody knows what another's method looks at
        return asked
    return {key: value for key, value in asked.items() if key.removeprefix("[dedup] ") not in AFTER_SIGNING}


def _of_steps(source: Source, plan: Plan) -> tuple[Ingredients, ...]:
    """Of each step: `use`, its parameters, and `files`, what decides besides."""
    files, each = dict(plan.parts), enumerate(source.steps)
    return tuple({**_of_step(step), "files": files.get(f"step {source.name} {number}")} for number, step in each)


def _of_step(step: Step) -> dict[str, Any]:
    """Which share of the documents it keeps is decided later; here counts whether it ranks them."""
    plain: dict[str, Any] = plain_value(step)
    if step.use not in RANKING:
        return plain
    return {key: value for key, value in plain.items() if key not in (SHARE, GROUP)} | {"ranks": ranks(step)}


def _of_ranks(recipe: Recipe) -> dict[str, Any]:
    """By source and step, the share that it keeps, and among which documents."""
    return {
        f"{source.name}: {name}.{key}": step.parameters.get(key)
        for source in recipe.sources
        for name, step in zip(step_names(source), source.steps, strict=True)
        if ranks(step)
        for key in (SHARE, GROUP)
    }


def _of_stages(recipe: Recipe, plan: Plan) -> dict[str, Ingredients]:
    """Of those that the recipe has."""
    files, limits, seed = dict(plan.parts), _limits(recipe), {"seed": recipe.seed}
    scrub = {**_table("scrub", recipe.scrub), "[scrub] files": files.get("scrub"), **seed, **limits}
    dedup = _table("dedup", recipe.dedup) | {"[dedup] files": [files.get("method"), files.get("index")]}
    clean = _table("decontaminate", recipe.decontaminate) | {"[decontaminate] files": files.get("decontaminate")}
    shares = _of_ranks(recipe)
    found: dict[str, Ingredients] = {"rank": shares, "choose": shares} if shares else {}
    found |= {"dedup": {**dedup, **scrub}} if recipe.dedup else {}
    if recipe.decontaminate:
        found |= {"decontaminate": {**clean, **limits}, "contamination": clean}
    if isinstance(recipe.tokenize.tokenizer, TokenizerChoice):
        found |= {"sizes": {}, "sample": {**_of_sample(recipe, recipe.tokenize.tokenizer), **scrub}}
    found |= {"tokenizer": _of_tokenizer(recipe, files), "tokenize": {**_of_tokens(recipe, plan), **scrub}}
    found |= {"mix": {**_table("mix", recipe.mix), **seed}, "shards": {}}
    return found | ({"materialize": {}} if recipe.mix.materialize else {})


def _of_sample(recipe: Recipe, choice: TokenizerChoice) -> dict[str, Any]:
    weights = {"[mix] weights, by which the tokenizer's sample is drawn": dict(asked_weights(recipe))}
    return {"[tokenize] sample_bytes": choice.train.sample_bytes, **weights}


def _of_tokenizer(recipe: Recipe, files: Mapping[str, Any]) -> dict[str, Any]:
    asked = {key: value for key, value in _table("tokenize", recipe.tokenize).items() if key not in OF_TOKENS}
    if isinstance(recipe.tokenize.tokenizer, TokenizerChoice):  # what the sample is has been said of the sample
        train = plain_value(recipe.tokenize.tokenizer.train)
        asked["[tokenize] tokenizer"] = {key: value for key, value in train.items() if key not in OF_SAMPLE}
    template = {"[tokenize] template's file": files.get("template")}
    return {**asked, **template, "[tokenize] tokenizer's files": files.get("tokenizer")}


def _of_tokens(recipe: Recipe, plan: Plan) -> dict[str, Any]:
    files = dict(plan.parts)
    return {
        **_of_tokenizer(recipe, files),
        "[tokenize] validation": recipe.tokenize.validation,
        "[tokenize] views": [plain_value(recipe.tokenize.views), files.get("views")],
        "[mix.by] buckets": {name: _buckets(by) for name, by in recipe.mix.by.items()},
        "columns of the tables": [plan.ledger, plan.documents],
    }


def _buckets(by: MixBy) -> Any:
    """What decides into which a document goes; how much each weighs is nothing that `tokenize` asks for."""
    return [by.column, by.edges, [*by.buckets]]


def _limits(recipe: Recipe) -> dict[str, Any]:
    return {f"[limits] {name}": getattr(recipe.limits, name) for name in LIMITS}


def _table(name: str, table: Any) -> dict[str, Any]:
    """A table of the recipe, key by key."""
    return {f"[{name}] {key}": value for key, value in plain_value(table).items()} if table is not None else {}


def _ranges(split: Split) -> list[Any]:
    """Without the split's number: it may be another one in a run with more inputs."""
    return [dataclasses.astuple(piece) for piece in split.ranges]


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST]
