"""A recipe from its file: parsed, extended, checked; every mistake with its line and what was likely meant.

quickstart | path ─▶ TOML ─▶ merged over what it `extends` ─▶ Recipe
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate.errors import RecipeError, nearest
from curate.recipe import MIXED, Place, Places, Recipe, Source, Step, mistake, nearest_place
from curate.toml_lines import value_lines
from curate.typed import Mismatch, build, describe

SHIPPED = Path(__file__).parent / "recipes"


def load(path_or_name: str | Path) -> Recipe:
    """A recipe by the path of its file, or by the name of one that ships.

    Raises:
        RecipeError: the file is missing, is not TOML, or says something that cannot be; with file and line.
    """
    path = _find(path_or_name)
    table, places = _read(path)
    if path in shipped_recipes().values():
        _check_has_inputs(table, path.stem)
    return _recipe(table, places, path)


def _check_has_inputs(table: Mapping[str, Any], name: str) -> None:
    """Most recipes that ship are a start: what to do, and nothing to do it on."""
    for source in table["source"]:
        if "paths" not in source:
            raise RecipeError(
                f'the recipe "{name}" has no inputs of its own: write one with extends = "{name}" and '
                f'[[source]] name = "{source["name"]}", paths = […] (see curate recipes {name})'
            )


def _find(path_or_name: str | Path) -> Path:
    path = Path(path_or_name)
    if path.is_file():
        return path
    shipped = shipped_recipes()
    if str(path_or_name) in shipped:
        return shipped[str(path_or_name)]
    is_path = path.suffix == ".toml" or len(path.parts) > 1
    hint = "" if is_path else nearest(str(path_or_name), shipped)
    raise RecipeError(f'there is no recipe "{path_or_name}": neither a file nor the name of one that ships{hint}')


def shipped_recipes() -> dict[str, Path]:
    """The named recipes that come with curate."""
    files = [*SHIPPED.glob("*.toml"), *SHIPPED.glob("*/*.toml")]
    return {file.stem: file for file in sorted(files)}


def _read(path: Path) -> tuple[dict[str, Any], Places]:
    """The TOML of a file, merged over what it extends, and where each value was written."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise RecipeError(f"not UTF-8 at byte {error.start}", file=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"not TOML: {error}", file=str(path)) from None
    places = {at: Place(str(path), line) for at, line in value_lines(text).items()}
    extended = table.pop("extends", None)
    if extended is None:
        return table, places
    beside = path.parent / str(extended)
    parent = beside if beside.is_file() else _find(str(extended))
    if parent.resolve() == path.resolve():
        raise RecipeError("a recipe cannot extend itself", file=str(path), line=1)
    below, below_places = _read(parent)
    merged = _merge(below, table)
    return merged, {**below_places, **_renumber(places, _source_names(table), _source_names(merged))}


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key, sources by their names, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        if key == "source" and isinstance(value, list):
            merged[key] = _merge_sources(below.get(key, []), value)
        elif isinstance(value, Mapping) and isinstance(below.get(key), Mapping):
            merged[key] = _merge(below[key], value)
        else:
            merged[key] = value
    return merged


def _merge_sources(below: list[dict[str, Any]], above: list[dict[str, Any]]) -> list[dict[str, Any]]:
    named = {source.get("name"): source for source in below}
    for source in above:
        name = source.get("name")
        named[name] = _merge(named.get(name, {}), source)
    return list(named.values())


def _source_names(table: Mapping[str, Any]) -> list[Any]:
    sources = table.get("source")
    return [source.get("name") for source in sources] if isinstance(sources, list) else []


def _renumber(places: Places, names: list[Any], merged: list[Any]) -> Places:
    """The places of a child's sources, under the numbers that the sources have after the merge."""
    return {
        ("source", merged.index(names[int(at[1])]), *at[2:]) if at[0] == "source" and len(at) > 1 else at: place
        for at, place in places.items()
    }


def _recipe(table: dict[str, Any], places: Places, path: Path) -> Recipe:
    try:
        sources = _sources(table.pop("source", None), places)
        recipe = build(Recipe, _with_lists(table), ())
        recipe = replace(recipe, sources=sources, base=path.parent.resolve(), file=str(path), places=places)
        _check_names(recipe)
        return recipe
    except Mismatch as mismatch:
        raise mistake(str(mismatch), nearest_place(mismatch.path, places), str(path)) from None


def _with_lists(table: dict[str, Any]) -> dict[str, Any]:
    """`method = "minhash"` means a list of one."""
    dedup = table.get("dedup")
    if isinstance(dedup, dict) and isinstance(dedup.get("method"), str):
        return table | {"dedup": dedup | {"method": [dedup["method"]]}}
    return table


def _sources(tables: Any, places: Places) -> tuple[Source, ...]:
    if not isinstance(tables, list) or not tables:
        raise Mismatch((), "a recipe needs at least one [[source]]")
    return tuple(_source(table, ("source", number), places) for number, table in enumerate(tables))


def _source(table: dict[str, Any], path: tuple[str | int, ...], places: Places) -> Source:
    rest = {key: value for key, value in table.items() if key != "steps"}
    if isinstance(rest.get("paths"), str):
        rest["paths"] = [rest["paths"]]
    if "name" in rest and "paths" not in rest:
        name = rest["name"]
        raise Mismatch(path, f'the source "{name}" has no paths: add [[source]] name = "{name}", paths = […]')
    source = build(Source, rest, path)
    if source.split and source.read != "books":
        raise Mismatch((*path, "split"), f'split is for books, and this source reads "{source.read}"')
    if not source.name.replace("-", "").replace("_", "").isalnum() or not source.name.isascii():
        raise Mismatch(
            (*path, "name"), f'a source\'s name has letters, digits, "-" and "_" only, found "{source.name}"'
        )
    steps = table.get("steps", [])
    if not isinstance(steps, list):
        raise Mismatch((*path, "steps"), f"expected a list, found {describe(steps)}")
    bound = [_step(step, (*path, "steps", number), places) for number, step in enumerate(steps)]
    return replace(source, steps=tuple(bound), place=places.get(path))


def _step(step: Any, path: tuple[str | int, ...], places: Places) -> Step:
    """A step is a name, a table with `use`, or a table with `where`."""
    place = places.get(path)
    if isinstance(step, str):
        return Step(step, {}, place)
    if isinstance(step, dict) and isinstance(step.get("use"), str):
        return Step(step["use"], {key: value for key, value in step.items() if key != "use"}, place)
    if isinstance(step, dict) and isinstance(step.get("where"), str) and len(step) == 1:
        return Step("where", {"expression": step["where"]}, place)
    raise Mismatch(path, f'a step is a name, {{ use = "name", … }} or {{ where = "…" }}; found {describe(step)}')


def _check_names(recipe: Recipe) -> None:
    names = [source.name for source in recipe.sources]
    folded = [name.lower() for name in names]
    for number, name in enumerate(names):
        if folded[number] in folded[:number]:  # folders of some file systems do not tell capitals from small letters
            raise Mismatch(("source", number, "name"), f'the source "{name}" stands twice')
        if folded[number] == MIXED:
            message = f'"{name}" is the folder of the mixed sequence, so no source can have this name'
            raise Mismatch(("source", number, "name"), message)
    for name in recipe.mix.weights:
        if name not in names:
            raise Mismatch(("mix", "weights", name), f'a weight for the unknown source "{name}"{nearest(name, names)}')
        if not recipe.mix.weights[name] >= 0:
            raise Mismatch(("mix", "weights", name), f"a weight cannot be negative, found {recipe.mix.weights[name]}")
    for key in ("prefer", "exempt"):
        for number, name in enumerate(getattr(recipe.dedup, key) if recipe.dedup else ()):
            if name not in names:
                raise Mismatch(("dedup", key, number), f'unknown source "{name}"{nearest(name, names)}')
    if recipe.mix.weights and not sum(recipe.mix.weights.values()) > 0:
        raise Mismatch(("mix", "weights"), "the weights are all zero")
