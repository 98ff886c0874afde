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
from curate.recipe import Recipe, Source, Step
from curate.toml_lines import value_lines
from curate.typed import Mismatch, build, describe

SHIPPED = Path(__file__).parent / "recipes"


def load(path_or_name: str | Path) -> Recipe:
    """A recipe by the path of its file, or by the name of one that ships.

    Raises:
        RecipeError: the file is missing, is not TOML, or says something that cannot be; with file and line.
    """
    path = _find(path_or_name, SHIPPED)
    return _recipe(_read(path), path)


def _find(path_or_name: str | Path, folder: Path) -> Path:
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


def _read(path: Path) -> dict[str, Any]:
    """The TOML of a file, merged over what it extends."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise RecipeError(f"not UTF-8 at byte {error.start}", file=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"not TOML: {error}", file=str(path)) from None
    extended = table.pop("extends", None)
    if extended is None:
        return table
    beside = path.parent / str(extended)
    parent = beside if beside.is_file() else _find(str(extended), SHIPPED)
    if parent.resolve() == path.resolve():
        raise RecipeError("a recipe cannot extend itself", file=str(path), line=1)
    return _merge(_read(parent), table)


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


def _recipe(table: dict[str, Any], path: Path) -> Recipe:
    lines = value_lines(path.read_text(encoding="utf-8"))
    try:
        sources = _sources(table.pop("source", None), lines)
        recipe = build(Recipe, _with_lists(table), ())
        recipe = replace(recipe, sources=sources, base=path.parent.resolve(), file=str(path))
        _check_names(recipe)
        return recipe
    except Mismatch as mismatch:
        raise RecipeError(str(mismatch), file=str(path), line=_nearest_line(mismatch.path, lines)) from None


def _with_lists(table: dict[str, Any]) -> dict[str, Any]:
    """`method = "minhash"` means a list of one."""
    dedup = table.get("dedup")
    if isinstance(dedup, dict) and isinstance(dedup.get("method"), str):
        return table | {"dedup": dedup | {"method": [dedup["method"]]}}
    return table


def _sources(tables: Any, lines: Mapping[tuple[str | int, ...], int]) -> tuple[Source, ...]:
    if not isinstance(tables, list) or not tables:
        raise Mismatch((), "a recipe needs at least one [[source]]")
    return tuple(_source(table, ("source", number), lines) for number, table in enumerate(tables))


def _source(table: dict[str, Any], path: tuple[str | int, ...], lines: Mapping[Any, int]) -> Source:
    rest = {key: value for key, value in table.items() if key != "steps"}
    if isinstance(rest.get("paths"), str):
        rest["paths"] = [rest["paths"]]
    source = build(Source, rest, path)
    if not source.name.replace("-", "").replace("_", "").isalnum() or not source.name.isascii():
        raise Mismatch(
            (*path, "name"), f'a source\'s name has letters, digits, "-" and "_" only, found "{source.name}"'
        )
    steps = table.get("steps", [])
    if not isinstance(steps, list):
        raise Mismatch((*path, "steps"), f"expected a list, found {describe(steps)}")
    bound = [_step(step, (*path, "steps", number), lines) for number, step in enumerate(steps)]
    return replace(source, steps=tuple(bound), line=lines.get(path))


def _step(step: Any, path: tuple[str | int, ...], lines: Mapping[Any, int]) -> Step:
    """A step is a name, a table with `use`, or a table with `where`."""
    line = lines.get(path)
    if isinstance(step, str):
        return Step(step, {}, line)
    if isinstance(step, dict) and isinstance(step.get("use"), str):
        return Step(step["use"], {key: value for key, value in step.items() if key != "use"}, line)
    if isinstance(step, dict) and isinstance(step.get("where"), str) and len(step) == 1:
        return Step("where", {"expression": step["where"]}, line)
    raise Mismatch(path, f'a step is a name, {{ use = "name", … }} or {{ where = "…" }}; found {describe(step)}')


def _check_names(recipe: Recipe) -> None:
    names = [source.name for source in recipe.sources]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Mismatch(("source", number, "name"), f'the source "{name}" stands twice')
    for name in recipe.mix.weights:
        if name not in names:
            raise Mismatch(("mix", "weights", name), f'a weight for the unknown source "{name}"{nearest(name, names)}')
        if not recipe.mix.weights[name] >= 0:
            raise Mismatch(("mix", "weights", name), f"a weight cannot be negative, found {recipe.mix.weights[name]}")
    for number, name in enumerate(recipe.dedup.prefer if recipe.dedup else ()):
        if name not in names:
            raise Mismatch(("dedup", "prefer", number), f'unknown source "{name}"{nearest(name, names)}')
    if recipe.mix.weights and not sum(recipe.mix.weights.values()) > 0:
        raise Mismatch(("mix", "weights"), "the weights are all zero")


def _nearest_line(path: tuple[str | int, ...], lines: Mapping[tuple[str | int, ...], int]) -> int | None:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)
