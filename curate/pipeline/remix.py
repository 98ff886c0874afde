"""Another mixture for a run that is done: nothing is read, filtered or tokenized again.

new [mix] ─▶ planned on the tokens that the run counted ─▶ recipe.next.toml ─▶ tokens back in work/ ─▶ recipe, plan
  ─▶ mix ─▶ shards (─▶ materialize) ─▶ manifest ─▶ recipe.next.toml goes

From the moment that recipe.next.toml stands there the run is not complete, and the same call goes on; before, nothing
was touched.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.engine.job import open_run
from curate.engine.machine import machine_errors
from curate.engine.plan import Plan
from curate.engine.plan_file import check_splits, read_plan, write_plan
from curate.engine.progress import Show
from curate.engine.records import committed, forget_stage
from curate.engine.sealed import opened
from curate.engine.store import Store
from curate.engine.stores import store_at
from curate.engine.supervisor import Supervisor
from curate.errors import CheckFailed, RottenFile, RunConflict, UsageError
from curate.pipeline.former import is_enough
from curate.pipeline.manifest import write_manifest
from curate.pipeline.mend import do_and_mend
from curate.pipeline.retokenized import bring_back, lacking_shards
from curate.pipeline.run import engine_of, silent, timed
from curate.pipeline.stages import stages
from curate.pipeline.tokenizer import sample_weights
from curate.readers.reader import traits_of
from curate.recipe import Mix, MixBy, Recipe, TokenizerChoice
from curate.recipe_file import check_mix, load
from curate.recipe_form import digest, to_toml
from curate.run_files import (
    FORMER_MANIFEST,
    FORMERS,
    MANIFEST,
    MIXTURE,
    NEXT_FORGET,
    NEXT_RECIPE,
    PORTIONS,
    RECIPE,
    TOKENS,
    WORK,
)
from curate.run_folder import RunFolder
from curate.steps.deciding_files import check_as_planned, view_files
from curate.tokenize.buckets import pools_of
from curate.tokenize.mix import Mixture, read_mixture
from curate.tokenize.plan_mix import plan_mix
from curate.typed import Mismatch, build
from curate.version import __version__

AFTER = ("mix", "shards", "materialize")
"""The stages that a mixture decides."""


@dataclass(frozen=True, slots=True)
class Remix:
    """A recipe whose mixture is another one, and what that draws of the tokens that the run has.

    `lacking`: by source, of how many of its shards the run has not kept all tokens, and how many there are.
    """

    recipe: Recipe
    mixture: Mixture
    lacking: Mapping[str, tuple[int, int]]


def is_pending(run: RunFolder) -> bool:
    """Whether another mixture was begun and is not done."""
    return run.store.stamp(NEXT_RECIPE) is not None


def changed_mix(mix: Mix, changes: Mapping[str, Any], recipe: Recipe) -> Mix:
    """`mix` with other values, by the names that they have in a recipe: `{"weights": {"web": 0.5, "books": 0.5}}`.

    Raises:
        UsageError: an unknown name or source, or values that cannot be.
    """
    table = {field.name: getattr(mix, field.name) for field in dataclasses.fields(mix)}
    try:
        changed = build(Mix, table | dict(changes), ("mix",))
        check_mix(changed, [source.name for source in recipe.sources])
    except Mismatch as mismatch:
        raise UsageError(f"{'.'.join(map(str, mismatch.path))}: {mismatch}") from None
    return changed


def asked_recipe(run: RunFolder) -> Recipe:
    """The recipe of a run; where another mixture was begun, with that."""
    if not is_pending(run):
        return run.recipe
    plan = _plan(run.store)
    return load(run.store.fetch(NEXT_RECIPE)).at(Path(plan.base)).with_own_columns(dict(plan.columns))


def remix(run: RunFolder, mix: Mix) -> Remix:
    """What another mixture would draw of a finished run; nothing is touched.

    A tokenizer that the run has trained stays: what its sample's texts weighed is written into the recipe, where the
    new weights would have drawn another sample.

    Raises:
        UsageError: buckets are asked for that the run has not made (their weights may be others), or tokens of a
            source of which it has kept no document.
    """
    _check_buckets(run.recipe.mix, mix)
    recipe = _with_tokenizer(run.store, run.recipe, mix)
    before = read_mixture(run.file(MIXTURE)).mixture
    available = {share.name: share.available for share in before.shares}
    _check_held(run.recipe.mix, mix, available)
    mixture, old = plan_mix(available, mix), plan_mix(available, run.recipe.mix)
    # Behind what the mixture itself says stands what was held out of each source, which no mixture changes.
    notes = (*mixture.notes, *before.notes[len(old.notes) :])
    lacking = lacking_shards(run.store, run.plan, _enough(before, mixture))
    return Remix(recipe, replace(mixture, notes=notes), lacking)


def _enough(before: Mixture, then: Mixture) -> set[str]:
    """The pools of which the run's final shards hold all that another mixture takes."""
    shares = {share.name: share for share in then.shares}
    return {share.name for share in before.shares if is_enough(share, shares[share.name])}


def _check_held(old: Mix, new: Mix, available: Mapping[str, int]) -> None:
    for name, weight in new.overall_weights.items():
        held = any(available.get(pool) for pool in pools_of(name, new))
        if weight and not held and weight != old.overall_weights.get(name):
            raise UsageError(f'mix.weights.{name}: the run has kept no document of "{name}"; take its weight away')


def _check_buckets(old: Mix, new: Mix) -> None:
    for source in {**old.by, **new.by}:
        before, after = ((by.column, by.edges, [*by.buckets]) if by else None for by in _both(source, old, new))
        if before != after:
            raise UsageError(
                f"mix.by.{source}: the run has other buckets, into which documents go as they are tokenized; their "
                "weights can be changed here, and other buckets need a new run"
            )


def _both(source: str, old: Mix, new: Mix) -> tuple[MixBy | None, MixBy | None]:
    return old.by.get(source), new.by.get(source)


def _with_tokenizer(store: Store, recipe: Recipe, mix: Mix) -> Recipe:
    choice, changed = recipe.tokenize.tokenizer, replace(recipe, mix=mix)
    if not isinstance(choice, TokenizerChoice):
        return changed
    held = committed(store, "sizes", "all").counts["kept_bytes"]
    weights = sample_weights(recipe, held)
    if sample_weights(changed, held) == weights:
        return changed
    trained = replace(choice.train, sample_weights=weights)
    return replace(changed, tokenize=replace(recipe.tokenize, tokenizer=TokenizerChoice(trained)))


def apply_mix(
    run: RunFolder, recipe: Recipe, *, encode: bool = False, workers: int | None = None, show: Show | None = None
) -> None:
    """Make a run what it would be if it had been run with this recipe, whose mixture is another one.

    `encode`: documents of which the run has not kept all tokens may be encoded again.

    Raises:
        UsageError: the run has not kept all tokens, and may not encode any.
        RunConflict: it was made by another version, own views have changed, or another new mixture was begun.
        RunLocked: another process works in the folder.
        MachineError, Interrupted: stopped; the same call goes on.
    """
    with machine_errors(run.place):
        store = store_at(run.place)
        supervisor = Supervisor(store, engine_of(store, workers, recipe.limits), recipe.limits, show or silent)
        with store.lock():
            _begin(store, recipe, encode)
            _go_on(supervisor)
    run.look_again()


def _begin(store: Store, recipe: Recipe, encode: bool) -> None:
    plan, wanted = _plan(store), to_toml(recipe).encode()
    if store.stamp(NEXT_FORGET) is not None:
        raise RunConflict("documents are being forgotten, and that is not done: curate forget RUN goes on with it")
    check_splits(store)
    if plan.version != __version__:
        raise RunConflict(
            f"the run was made by curate {plan.version}, this is {__version__}; a new run has one version"
        )
    check_as_planned(plan, view_files(recipe))
    if store.stamp(NEXT_RECIPE) is not None:
        if store.read(NEXT_RECIPE) != wanted:
            raise RunConflict("another new mixture was begun and is not done: curate mix RUN --apply goes on with that")
        return
    lacking = lacking_shards(store, plan, _enough_for(store, recipe.mix))
    if lacking and not encode:
        raise UsageError(lacking_sentence(lacking))
    if talks := [name for name in lacking if traits_of(recipe.source(name).read).are_conversations]:
        raise UsageError(
            f"the run has not kept all tokens of {', '.join(talks)}, and its documents/ do not tell the control tokens "
            "of conversations from text that spells them; a run without --discard-intermediate has the tokens still"
        )
    store.write(FORMER_MANIFEST, store.read(MANIFEST))
    store.write(NEXT_RECIPE, wanted)


def _enough_for(store: Store, mix: Mix) -> set[str]:
    before = read_mixture(store.fetch(MIXTURE)).mixture
    return _enough(before, plan_mix({share.name: share.available for share in before.shares}, mix))


def lacking_sentence(lacking: Mapping[str, tuple[int, int]]) -> str:
    """What to do where a run has not kept all tokens."""
    told = ", ".join(f"{name} ({lacks:,} of {of:,} shards)" for name, (lacks, of) in lacking.items())
    return (
        f"the run has kept only the tokens that its own mixture needs of {told}: --encode makes the others again from "
        "its documents/, and a run without --discard-intermediate has them still"
    )


def _go_on(supervisor: Supervisor) -> None:
    """From wherever it stands."""
    store, plan = supervisor.store, _plan(supervisor.store)
    is_kept = next(store.names(f"{WORK}/filter"), None) is not None
    is_switched = plan.recipe_file == hashlib.sha256(store.read(NEXT_RECIPE)).hexdigest()
    if not is_switched or store.stamp(MANIFEST) is None:
        store.remove(MANIFEST)
        store.tidy()
        with timed(supervisor):
            if not is_switched:
                _prepare(supervisor, plan, is_kept)
                _switch(store, plan)
            recipe, plan = open_run(store)
            _do(supervisor, recipe, plan)
        store.tidy()
        models = opened(store.read(FORMER_MANIFEST), FORMER_MANIFEST)["models"]
        write_manifest(store, recipe, plan, [stage.name for stage in stages(recipe)], models=models)
    _clear(store, is_kept)


def _prepare(supervisor: Supervisor, plan: Plan, is_kept: bool) -> None:
    """All tokens are back in work/, or the run is what it was."""
    store = supervisor.store
    if store.stamp(MIXTURE) is None:
        return  # they are: see `_switch`
    try:
        bring_back(supervisor, plan, _enough_for(store, load(store.fetch(NEXT_RECIPE)).mix))
    except (CheckFailed, RottenFile) as error:
        store.write(MANIFEST, store.read(FORMER_MANIFEST))
        _clear(store, is_kept)
        raise CheckFailed(f"{error}; the run stays as it was") from error


def _clear(store: Store, is_kept: bool) -> None:
    store.remove(FORMERS if is_kept else WORK)
    store.remove(FORMER_MANIFEST)
    store.remove(NEXT_RECIPE)  # last: while it is there, the same call goes on


def _do(supervisor: Supervisor, recipe: Recipe, plan: Plan) -> None:
    try:
        do_and_mend(supervisor, recipe, plan, [stage for stage in stages(recipe) if stage.name in AFTER])
    except RottenFile as rotten:  # of what the stages before have left, which are not done again here
        raise CheckFailed(f"{rotten}; a run with another --out makes it anew") from rotten


def _switch(store: Store, plan: Plan) -> None:
    """What the old mixture decided goes, and the run's papers ask for the new one; the plan last, as it says so."""
    store.remove(MIXTURE)  # first: it says that final shards are whole, and work/ need not have all of them yet
    for stage in AFTER:
        forget_stage(store, stage)
    for name in (TOKENS, PORTIONS):
        store.remove(name)
    content = store.read(NEXT_RECIPE)
    store.write(RECIPE, content)
    recipe = load(store.fetch(RECIPE))
    write_plan(store, replace(plan, recipe=digest(recipe), recipe_file=hashlib.sha256(content).hexdigest()))


def _plan(store: Store) -> Plan:
    plan = read_plan(store)
    assert plan is not None, "a run's folder has one"
    return plan
