"""The mixture of a run as values: what it draws, and what another one would draw of the same tokens.

tokens/mixture.json ─▶ Mixing.mixture
other values, or the [mix] of another recipe ─▶ Mixing.then ─▶ (apply) the run
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from curate.errors import RunConflict
from curate.given.recipe import GivenRecipe, load
from curate.pipeline.remix import (
    Remix,
    apply_mix,
    asked_recipe,
    changed_mix,
    is_pending,
    lacking_sentence,
    remix,
)
from curate.recipe import Recipe
from curate.run_files import MIXTURE
from curate.run_folder import RunFolder
from curate.tokenize.mix import Mixture, read_mixture

if TYPE_CHECKING:
    from curate.engine.progress import Show


@dataclass(frozen=True, slots=True)
class Mixing:
    """`mixture` is what the run draws, or drew until now; `then` what was asked for instead, None where nothing was.
    `is_applied` says whether the run is that now. `notes` are sentences on what else is to be known of it."""

    mixture: Mixture
    then: Mixture | None = None
    is_applied: bool = False
    notes: tuple[str, ...] = ()


def mixing(
    run: RunFolder,
    changes: Mapping[str, Any] | None = None,
    *,
    recipe: GivenRecipe | None = None,
    apply: bool = False,
    encode: bool = False,
    workers: int | None = None,
    show: Show | None = None,
) -> Mixing:
    """What `Run.mix` does, which says what all of this means."""
    if is_pending(run):
        return _finished(run, changes, recipe=recipe, apply=apply, workers=workers, show=show)
    manifest = run.manifest  # the run is complete
    mixture = read_mixture(run.file(MIXTURE)).mixture
    if changes is None and recipe is None:
        return Mixing(mixture, notes=mixture.notes)
    own = run.recipe
    found = remix(run, changed_mix(load(recipe).mix if recipe is not None else own.mix, changes or {}, own))
    notes = (*found.mixture.notes, *_notes(found, own, manifest["name"], is_asked=apply))
    if apply and found.recipe != own:
        apply_mix(run, found.recipe, encode=encode, workers=workers, show=show)
    return Mixing(mixture, found.mixture, apply, notes)


def _finished(
    run: RunFolder,
    changes: Mapping[str, Any] | None,
    *,
    recipe: GivenRecipe | None,
    apply: bool,
    workers: int | None,
    show: Show | None,
) -> Mixing:
    """A mixture that was begun, once it is done."""
    if not apply:
        raise RunConflict(f"a new mixture of {run.place} was begun and is not done: --apply goes on with it")
    begun = asked_recipe(run)
    mix = changed_mix(load(recipe).mix if recipe is not None else begun.mix, changes or {}, begun)
    apply_mix(run, replace(begun, mix=mix), workers=workers, show=show)
    mixture = read_mixture(run.file(MIXTURE)).mixture
    return Mixing(mixture, mixture, True, mixture.notes)


def _notes(found: Remix, own: Recipe, name: str, *, is_asked: bool) -> list[str]:
    notes = []
    if found.recipe == own:
        notes.append(f"{name} has this mixture already")
    if found.recipe.tokenize != own.tokenize:
        notes.append("the tokenizer stays as it was trained: its recipe now says what the texts of its sample weighed")
    if found.lacking and not is_asked:
        notes.append(lacking_sentence(found.lacking))
    return notes
