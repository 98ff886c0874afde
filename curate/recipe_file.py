"""A recipe from its file: parsed, extended, checked; every mistake with its line and what was likely meant.

quickstart | path ─▶ TOML ─▶ merged over what it `extends` ─▶ Recipe
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from curate.errors import RecipeError, nearest
from curate.recipe import (
    COMMON_CRAWL,
    OTHER_BUCKET,
    Mix,
    MixBy,
    Recipe,
    Source,
    SourceLine,
    SourceLines,
    Step,
    TokenizerChoice,
    nearest_place,
    recipe_error,
)
from curate.run_files import MIXED
from curate.toml_lines import value_lines
from curate.toml_text import NotToml, decode_toml, parse_toml
from curate.typed import Mismatch, build, describe

SHIPPED = Path(__file__).parent / "recipes"
MAX_EXTENDS = 32
"""Recipes, one over the other."""
MAX_SHOWN = 200
"""Characters of a name that an error shows."""
MAX_NAME = 100
"""Characters: names become folders."""
ROUNDED = 0.02
"""Weights that are rounded, as published ones are, sum to 1 but for this much; GPT-3's to 1.01."""
LANGUAGE = re.compile("[a-z]{3}")
NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME}}}")


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


def load_table(table: dict[str, Any], places: SourceLines) -> Recipe:
    """A recipe from a table with the keys of a file; its relative paths start from the current folder.

    Raises:
        RecipeError: it says something that cannot be; with what `places` calls that.
    """
    path = Path("recipe")
    _check_written(table, places, path)
    return _recipe(*_extended(table, places, path, ()), path)


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
    if _is_file(path):
        return path
    shipped = shipped_recipes()
    if str(path_or_name) in shipped:
        return shipped[str(path_or_name)]
    is_path = path.suffix == ".toml" or len(path.parts) > 1
    hint = _beside(path) if is_path else nearest(str(path_or_name), shipped)
    name = str(path_or_name)
    shown = name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…"
    raise RecipeError(f'there is no recipe "{shown}": neither a file nor the name of one that ships{hint}')


def _beside(path: Path) -> str:
    """The end of an error sentence: a recipe that lies where one was looked for and is called much like it."""
    try:
        others = [other.name for other in path.parent.glob("*.toml")]
    except (OSError, ValueError):  # the folder is none, or has a name that no folder has
        return ""
    close = difflib.get_close_matches(path.name, others, n=1)
    return f'; did you mean "{path.with_name(close[0])}"?' if close else ""


def _is_file(path: Path) -> bool:
    """False, too, for what no file can be called."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def shipped_recipes() -> dict[str, Path]:
    """The named recipes that come with curate."""
    files = [*SHIPPED.glob("*.toml"), *SHIPPED.glob("*/*.toml")]
    return {file.stem: file for file in sorted(files)}


def _read(path: Path, above: tuple[Path, ...] = ()) -> tuple[dict[str, Any], SourceLines]:
    """The TOML of a file, merged over what it extends, and where each value was written; `above` extend this one."""
    return _extended(*_parse(path), path, above)


def _extended(
    table: dict[str, Any], places: SourceLines, path: Path, above: tuple[Path, ...]
) -> tuple[dict[str, Any], SourceLines]:
    extended = table.pop("extends", None)
    if extended is None:
        return table, places
    parent = _find_parent(path, extended, places.get(("extends",)), (*above, path.resolve()))
    below, below_places = _read(parent, (*above, path.resolve()))
    merged = _merge(below, table)
    return merged, {**below_places, **_renumber(places, _source_names(table), _source_names(merged))}


def _parse(path: Path) -> tuple[dict[str, Any], SourceLines]:
    """One file, its sources known to be tables with names."""
    try:
        content = path.read_bytes()
        table = parse_toml(content)
    except NotToml as error:
        raise RecipeError(str(error), file=str(path), line=error.line) from None
    except OSError as error:
        raise RecipeError(f"it can't be read: {error.strerror or error}", file=str(path)) from None
    places = {at: SourceLine(str(path), line) for at, line in value_lines(decode_toml(content)).items()}
    _check_written(table, places, path)
    return table, places


def _check_written(table: Mapping[str, Any], places: SourceLines, path: Path) -> None:
    try:
        _check_sources(table.get("source", []))
    except Mismatch as mismatch:
        raise recipe_error(str(mismatch), nearest_place(mismatch.path, places), str(path)) from None


def _find_parent(path: Path, extended: Any, place: SourceLine | None, chain: tuple[Path, ...]) -> Path:
    """The file that a recipe extends: beside it, or one that ships."""
    if not isinstance(extended, str):
        raise recipe_error(f"extends: expected a recipe's name or path, found {describe(extended)}", place, str(path))
    beside = path.parent / extended
    try:
        parent = beside if _is_file(beside) else _find(extended)
    except RecipeError as error:
        raise recipe_error(f"extends: {error}", place, str(path)) from None
    if parent.resolve() in chain:
        circle = " extends ".join(each.name for each in (*chain[chain.index(parent.resolve()) :], parent))
        raise recipe_error(f"a recipe cannot extend itself: {circle}", place, str(path))
    if len(chain) > MAX_EXTENDS:
        raise recipe_error(f"this is extended by more than {MAX_EXTENDS} recipes, one by the other", place, str(path))
    return parent


def _check_sources(sources: Any) -> None:
    """What merging, and all that comes after it, may rely on."""
    if not isinstance(sources, list):
        raise Mismatch(("source",), f"a source is written as [[source]], found {describe(sources)}")
    names: list[str] = []
    for number, source in enumerate(sources):
        if not isinstance(source, Mapping):
            raise Mismatch(("source", number), f"a source is written as [[source]], found {describe(source)}")
        name = source.get("name")
        if name is None:
            raise Mismatch(("source", number), 'the key "name" is missing')
        if not isinstance(name, str):
            raise Mismatch(("source", number, "name"), f"expected a string, found {describe(name)}")
        if name in names:
            raise Mismatch(("source", number, "name"), f'the source "{name}" stands twice')
        names.append(name)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key, sources by their names, everything else is replaced."""
    merged = _merge_tables(below, above)
    if "source" in above:
        merged["source"] = _merge_sources(below.get("source", []), above["source"])
    return merged


def _merge_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A key "source" further down means nothing; whoever wrote it is told so once all is merged."""
    merged = dict(below)
    for key, value in above.items():
        is_table = isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        merged[key] = _merge_tables(below[key], value) if is_table else value
    return merged


def _merge_sources(below: list[dict[str, Any]], above: list[dict[str, Any]]) -> list[dict[str, Any]]:
    named = {source["name"]: source for source in below}
    for source in above:
        name = source["name"]
        named[name] = _merge_tables(named.get(name, {}), source)
    return list(named.values())


def _source_names(table: Mapping[str, Any]) -> list[str]:
    return [source["name"] for source in table.get("source", [])]


def _renumber(places: SourceLines, names: list[str], merged: list[str]) -> SourceLines:
    """The places of a child's sources, under the numbers that the sources have after the merge."""
    return {
        ("source", merged.index(names[int(at[1])]), *at[2:]) if at[0] == "source" and len(at) > 1 else at: place
        for at, place in places.items()
    }


def _recipe(table: dict[str, Any], places: SourceLines, path: Path) -> Recipe:
    try:
        sources = _sources(table.pop("source", None), places)
        recipe = build(Recipe, _with_lists(table), ())
        recipe = replace(recipe, sources=sources, file=str(path), places=places).at(path.parent.resolve())
        _check_names(recipe)
        return recipe
    except Mismatch as mismatch:
        raise recipe_error(str(mismatch), nearest_place(mismatch.path, places), str(path)) from None


def _with_lists(table: dict[str, Any]) -> dict[str, Any]:
    """`method = "minhash"` means a list of one."""
    dedup = table.get("dedup")
    if isinstance(dedup, dict) and isinstance(dedup.get("method"), str):
        return table | {"dedup": dedup | {"method": [dedup["method"]]}}
    return table


def _sources(tables: list[dict[str, Any]] | None, places: SourceLines) -> tuple[Source, ...]:
    if not tables:
        raise Mismatch((), "a recipe needs at least one [[source]]")
    return tuple(_source(table, ("source", number), places) for number, table in enumerate(tables))


def _source(table: dict[str, Any], path: tuple[str | int, ...], places: SourceLines) -> Source:
    rest = {key: value for key, value in table.items() if key != "steps"}
    if isinstance(rest.get("paths"), str):
        rest["paths"] = [rest["paths"]]
    if isinstance(rest.get("cc"), dict):
        rest["cc"] = {key: [value] if isinstance(value, str) else value for key, value in rest["cc"].items()}
    if "name" in rest and "paths" not in rest:
        name = rest["name"]
        raise Mismatch(path, f'the source "{name}" has no paths: add [[source]] name = "{name}", paths = […]')
    parameters: dict[str, Any] = {}
    if "read" in rest:
        rest["read"], parameters = _reader(rest["read"], (*path, "read"))
    source = build(Source, rest, path)
    if not NAME.fullmatch(source.name):
        told = f'a source\'s name has up to {MAX_NAME} letters, digits, "-" and "_", found {describe(source.name)}'
        raise Mismatch((*path, "name"), told)
    if not source.paths or not all(source.paths):
        raise Mismatch((*path, "paths"), f'the source "{source.name}" has an empty path, or none')
    _check_crawls(source, path)
    if not source.extractors or len({*source.extractors}) < len(source.extractors):
        told = f"extract names each extractor once, at least one, found {describe(list(source.extractors))}"
        raise Mismatch((*path, "extract"), told)
    steps = table.get("steps", [])
    if not isinstance(steps, list):
        raise Mismatch((*path, "steps"), f"expected a list, found {describe(steps)}")
    bound = [_step(step, (*path, "steps", number), places) for number, step in enumerate(steps)]
    return replace(source, steps=tuple(bound), place=places.get(path), reader_parameters=parameters)


def _check_crawls(source: Source, path: tuple[str | int, ...]) -> None:
    """What is said of a crawl is said to one."""
    for key, is_said in (("sample", source.sample != 1), ("cc", source.cc is not None)):
        if is_said and not all(path in source.crawls for path in source.paths):
            told = f'{key} chooses from crawls, "{COMMON_CRAWL}CC-MAIN-2024-10", and here are other paths, too'
            raise Mismatch((*path, key), told)
    if source.cc is not None and not (source.cc.url or source.cc.domain or source.cc.language):
        raise Mismatch((*path, "cc"), "cc says by what records are chosen: url, domain or language")
    for language in source.cc.language if source.cc else ():
        if not LANGUAGE.fullmatch(language):
            told = f'the index has languages in three letters (ISO 639-3), as "eng", found {describe(language)}'
            raise Mismatch((*path, "cc", "language"), told)


def _reader(read: Any, path: tuple[str | int, ...]) -> tuple[str, dict[str, Any]]:
    """A reader is a name, or a table with `use` and the parameters of the user's function."""
    if isinstance(read, str):
        return read, {}
    if isinstance(read, dict) and isinstance(read.get("use"), str):
        return read["use"], {key: value for key, value in read.items() if key != "use"}
    raise Mismatch(path, f'a reader is a name or {{ use = "module:function", … }}; found {describe(read)}')


def _step(step: Any, path: tuple[str | int, ...], places: SourceLines) -> Step:
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
    if (
        recipe.name in ("", ".", "..")
        or "/" in recipe.name
        or not recipe.name.isprintable()
        or len(recipe.name) > MAX_NAME
    ):
        raise Mismatch(
            ("name",), f"a name is a folder's, of up to {MAX_NAME} characters, found {describe(recipe.name)}"
        )
    names = [source.name for source in recipe.sources]
    folded = [name.lower() for name in names]
    for number, name in enumerate(names):
        if folded[number] in folded[:number]:  # folders of some file systems do not tell capitals from small letters
            raise Mismatch(("source", number, "name"), f'the source "{name}" stands twice')
        if folded[number] == MIXED:
            message = f'"{name}" is the folder of the mixed sequence, so no source can have this name'
            raise Mismatch(("source", number, "name"), message)
    check_mix(recipe.mix, names)
    if isinstance(recipe.tokenize.tokenizer, TokenizerChoice):
        place = ("tokenize", "tokenizer", "train", "sample_weights")
        _check_weights(recipe.tokenize.tokenizer.train.sample_weights, place, names)
    _check_fim(recipe, names)
    for key in ("prefer", "exempt"):
        for number, name in enumerate(getattr(recipe.dedup, key) if recipe.dedup else ()):
            if name not in names:
                raise Mismatch(("dedup", key, number), f'unknown source "{name}"{nearest(name, names)}')


def _check_fim(recipe: Recipe, names: Sequence[str]) -> None:
    for number, name in enumerate(recipe.tokenize.fim.sources if recipe.tokenize.fim else ()):
        place = ("tokenize", "fim", "sources", number)
        if name not in names:
            raise Mismatch(place, f'unknown source "{name}"{nearest(name, names)}')
        if recipe.source(name).read == "conversations":
            raise Mismatch(place, f'the documents of "{name}" are conversations, which have no middle to fill in')


def check_mix(mix: Mix, sources: Sequence[str]) -> None:
    """
    Raises:
        Mismatch: a weight of an unknown source, or values that exclude one another.
    """
    _check_shares(mix.weights, ("mix", "weights"), sources)
    for name, by in mix.by.items():
        if name not in sources:
            raise Mismatch(("mix", "by", name), f'buckets of the unknown source "{name}"{nearest(name, sources)}')
        _check_by(by, ("mix", "by", name))
    if mix.weights and mix.temperature != 1:
        raise Mismatch(("mix", "temperature"), "a temperature makes weights of sizes, and here are weights already")
    if not mix.stage:
        return
    given = {"weights": bool(mix.weights), "tokens": mix.tokens is not None, "temperature": mix.temperature != 1}
    for key in (key for key, is_given in given.items() if is_given):
        raise Mismatch(("mix", key), "each [[mix.stage]] has its own tokens and weights; there are none beside stages")
    for number, stage in enumerate(mix.stage):
        place = ("mix", "stage", number)
        if not stage.name or stage.name in [each.name for each in mix.stage[:number]]:
            raise Mismatch((*place, "name"), f"every stage has a name of its own, found {describe(stage.name)}")
        if not stage.weights:
            raise Mismatch(place, f'the stage "{stage.name}" has no weights: which sources does it draw from?')
        _check_shares(stage.weights, (*place, "weights"), sources)


def _check_by(by: MixBy, place: tuple[str | int, ...]) -> None:
    """Edges rise and part as many buckets as there are weights; names of buckets can be those of folders."""
    if isinstance(by.weights, Mapping) != (not by.edges):
        told = "edges go with a list of weights, and values with a table of them"
        raise Mismatch((*place, "weights"), f"{told}, found {describe(by.weights)} and edges {describe([*by.edges])}")
    if not isinstance(by.weights, Mapping) and len(by.weights) != len(by.edges) + 1:
        told = f"{len(by.edges)} edges part {len(by.edges) + 1} buckets"
        raise Mismatch((*place, "weights"), f"{told}, found {len(by.weights)} weights")
    if not all(low < high for low, high in pairwise((-math.inf, *by.edges, math.inf))):
        raise Mismatch((*place, "edges"), f"edges are numbers that rise, found {describe([*by.edges])}")
    if OTHER_BUCKET in by.weights:
        told = f'of all values that are not named the weight is "{OTHER_BUCKET} = …" beside "column"'
        raise Mismatch((*place, "weights", OTHER_BUCKET), told)
    for name, weight in by.buckets.items():
        if not (name.isprintable() and name.strip() == name and name and "/" not in name and len(name) <= MAX_NAME):
            told = f'the value of a bucket names a folder: up to {MAX_NAME} characters without "/"'
            raise Mismatch((*place, "weights"), f"{told}, found {describe(name)}")
        if not 0 <= weight < math.inf:
            raise Mismatch((*place, "weights", name), f"a weight is a number of at least 0, found {weight}")
    if len({name.lower() for name in by.buckets}) < len(by.buckets):
        raise Mismatch(
            (*place, "weights"), "two values differ in capitals only, which folders of some file systems don't"
        )
    if not any(by.buckets.values()):
        raise Mismatch((*place, "weights"), "the weights are all zero")


def _check_weights(weights: Mapping[str, float], place: tuple[str | int, ...], sources: Sequence[str]) -> None:
    for name, weight in weights.items():
        if name not in sources:
            raise Mismatch((*place, name), f'a weight for the unknown source "{name}"{nearest(name, sources)}')
        if not 0 <= weight < math.inf:
            raise Mismatch((*place, name), f"a weight is a number of at least 0, found {weight}")
    if weights and not sum(weights.values()) > 0:
        raise Mismatch(place, "the weights are all zero")


def _check_shares(weights: Mapping[str, float], place: tuple[str | int, ...], sources: Sequence[str]) -> None:
    """Weights of the mixture: a sum that is not 1 is a slip of the pen, after which all shares are others."""
    _check_weights(weights, place, sources)
    total = sum(weights.values())
    if weights and abs(total - 1) > ROUNDED:
        shares = ", ".join(f"{name} = {weight / total:.4g}" for name, weight in weights.items())
        raise Mismatch(place, f"weights are shares of the tokens, and these sum to {total:.6g}, not to 1: {shares}?")
