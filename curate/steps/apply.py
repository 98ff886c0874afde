"""The recipe of a run with other thresholds, as a file that can be run: the user's own file, with only these changed.

run's recipe ─▶ the file beside its inputs that says the same ─▶ edited ─▶ new file, new name
                 └─ none: it was changed since ─▶ the resolved recipe, every default filled in
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from curate.errors import CurateError, UsageError
from curate.recipe import Recipe
from curate.recipe_edit import Edit, edited, with_inputs_of
from curate.recipe_file import SHIPPED, load, shipped_recipes
from curate.recipe_form import digest, to_toml
from curate.run_folder import RunFolder
from curate.steps.bind import resolve, step_names
from curate.steps.retune import Change, Retuned


def write_recipe(run: RunFolder, retuned: Retuned, changes: Sequence[Change], path: Path) -> bool:
    """Write the changed recipe to a new file; whether it is an edited copy of the file that the run was made from.

    Raises:
        UsageError: the file exists, or its folder is not the one that the recipe's paths start from.
    """
    base = retuned.recipe.base.resolve()
    is_shipped = base.is_relative_to(SHIPPED.resolve())
    if path.exists():
        raise UsageError(f"--apply {path}: there is such a file already; name a new one")
    if path.resolve().parent != base and not is_shipped:
        raise UsageError(f"--apply {path}: the recipe's paths start from {base}; write the new one there")
    name = _free_name(retuned.recipe.name, path.stem)
    written = _written_file(run)
    text = (
        edited(written, _edits(written, changes), name=name) if written else to_toml(replace(retuned.recipe, name=name))
    )
    path.write_bytes((with_inputs_of(text, base) if is_shipped else text).encode())
    return written is not None


def _free_name(old: str, stem: str) -> str:
    """The new file's own name, or the old one with a number: one that no run below runs/ has."""
    first = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.") or old
    names = [*([first] if first != old else []), *(f"{first}-{number}" for number in range(2, 10_000))]
    return next(name for name in names if not (Path("runs") / name).exists())


def _written_file(run: RunFolder) -> Recipe | None:
    """The recipe as the user wrote it: the file whose recipe is the run's."""
    recipe = run.recipe
    wanted = digest(resolve(recipe))
    for file in _candidates(recipe.base):
        try:
            found = load(file)
            if digest(resolve(found)) == wanted:
                return found
        except CurateError:
            continue  # another TOML file, or a recipe that was changed and is broken now
    return None


def _candidates(base: Path) -> Iterator[Path]:
    yield from sorted(base.glob("*.toml"))
    yield from shipped_recipes().values()


def _edits(written: Recipe, changes: Sequence[Change]) -> Iterator[Edit]:
    for change in changes:
        for source in resolve(written).sources:
            for number, name in enumerate(step_names(source)):
                if name == change.step:
                    yield Edit(source.name, number, change.parameter, change.value)
