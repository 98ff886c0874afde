"""docs/recipe.md: every table and key of a recipe, and every built-in step, from the code that reads them.

dataclasses of curate/recipe*.py: fields, hints, ranges, docstrings ─▶ a table each
READERS: which files, keys, columns                                ─▶ a row each
BUILT_IN filters: signatures, docstrings                           ─▶ a section each
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import math
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin, get_type_hints

from curate import recipe
from curate.readers.reader import READERS
from curate.recipe_path import InRecipeFolder
from curate.steps.bind import BUILT_IN, factory
from curate.typed import Range

HEAD = """# The recipe

<!-- made by docs/generate.py of curate/recipe*.py and the built-in filters: change those, and run it -->

A recipe is one TOML file. What it does not say has the default below; an unknown key, a wrong type or a value out of
its range is refused before anything runs, with the line and what was likely meant. `curate recipes` lists recipes
that ship, `extends = "fineweb"` starts from one: tables merge key by key, sources by their names, lists are replaced.
A run keeps the recipe with every default filled in as `RUN/recipe.toml`.

```toml
name = "mini"

[[source]]
name = "web"
read = "warc"
paths = ["crawl/*.warc.gz"]
steps = [{ use = "language", keep = ["en"] }, "gopher_quality", { where = "digit_ratio < 0.2" }]

[dedup]
```
"""
OWN_READERS = """
A key for another reader is refused with its line; where an extended recipe has it, it is left aside. A reader of one's
own is `read = "my_readers:posts"`, the function `posts` of the file `my_readers.py` beside the recipe, and listens to
all of these keys: see [sources.md](sources.md#your-own-reader).
"""
STEPS = """
## Steps

The steps of a source decide on its documents in their order. A step is the name of a filter, `"gopher_quality"`; a
table with its parameters, `{ use = "gopher_quality", min_words = 30 }`; or a condition, `{ where = "digit_ratio <
0.2" }`. One's own are `{ use = "my_filters:no_recipes" }`: the function `no_recipes` of the file `my_filters.py`
beside the recipe. A value on a threshold is kept. `curate signals` lists what is measured on every document, `curate
try RECIPE STEP` shows what a step does, and [filters.md](filters.md) says where toolkits disagree about the published
rules.
"""
NAMES: Mapping[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
PLURALS: Mapping[Any, str] = {str: "texts", int: "whole numbers", float: "numbers"}
MANY = 10_000
"""Numbers of more are written in groups of three."""
SHOWN_ITEMS = 6
"""Of a default that is a list; longer ones are counted."""


def recipe_page() -> str:
    parts = [HEAD, *_listed("Keys of the recipe itself", "", recipe.Recipe)]
    parts += _listed("`[[source]]`", "source", recipe.Source)
    parts += _readers()
    for name, kind in _tables(recipe.Recipe):
        parts += _listed(f"`[{name}]`", name, kind)
    parts.append(STEPS)
    for name in BUILT_IN:
        parts += _step(name)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip() + "\n"


def _readers() -> Iterator[str]:
    yield from (
        "",
        "### Readers",
        "",
        "| `read` | files | keys of its own | columns that it may know |",
        "|---|---|---|---|",
    )
    for name, reader in READERS.items():
        keys, columns = (_quoted(names) for names in (sorted(reader.traits.keys), reader.traits.columns))
        yield f'| `"{name}"` | {reader.about} | {keys} | {columns} |'
    yield OWN_READERS


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tables(kind: type) -> Iterator[tuple[str, type]]:
    """The tables of a table, by key; those that a key may also be, or of which it is a list, too."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        is_apart = kind is recipe.Recipe and _is_list(hints[field.name])  # sources have a section of their own
        if field.metadata.get("toml", True) and not is_apart:
            choices = (hints[field.name], *get_args(hints[field.name]))
            yield from ((field.name, each) for each in choices if _is_table(each))


def _is_list(hint: Any) -> bool:
    return get_origin(hint) is tuple


def _is_table(hint: Any) -> TypeGuard[type]:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _listed(title: str, path: str, kind: type) -> Iterator[str]:
    """A table's section, and one for each table within."""
    marks = "###" if "." in title else "##"
    yield from ("", f"{marks} {title}", "", *_sentences(kind), "")
    yield from ("| key | value | default | meaning |", "|---|---|---|---|")
    yield from _rows(path, kind)
    if kind is not recipe.Recipe:
        hints = get_type_hints(kind)
        for name, below in _tables(kind):
            named = f"{path}.{name}{'.SOURCE' if get_origin(hints[name]) is Mapping else ''}"
            title = f"`[[{named}]]`" if _is_list(hints[name]) else f"`[{named}]`"
            yield from _listed(title, f"{path}.{name}", below)


def _sentences(kind: type) -> list[str]:
    """The first paragraph of what a class says of itself."""
    return (inspect.getdoc(kind) or "").partition("\n\n")[0].splitlines()


def _rows(path: str, kind: type) -> Iterator[str]:
    hints, told = get_type_hints(kind, include_extras=True), _docstrings(kind)
    for field in dataclasses.fields(kind):
        is_steps = field.name == "steps"
        if not field.metadata.get("toml", True) and not is_steps:
            continue
        value = (
            "list of steps" if is_steps else _value(hints[field.name], field.metadata.get("range"), path, field.name)
        )
        meaning = told.get(field.name) or _meaning_of_table(hints[field.name])
        cells = (f"`{field.name}`", value, "`[]`" if is_steps else _default(field), meaning)
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _meaning_of_table(hint: Any) -> str:
    """What the table says of itself that a key is, or may be."""
    tables = (each for each in _choices(hint) if _is_table(each))
    return next((" ".join(_sentences(each)) for each in tables), "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _docstrings(kind: type) -> dict[str, str]:
    """Of the fields of a class: the string that stands below each."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        line.target.id: inspect.cleandoc(str(below.value.value))
        for line, below in pairwise(body.body)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def _value(hint: Any, limits: Any, path: str, name: str) -> str:
    """What may stand there, in words."""
    choices = [each for each in _choices(hint) if each is not type(None)]
    return " or ".join(_one(each, limits, f"{path}.{name}" if path else name) for each in choices)


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _one(hint: Any, limits: Any, path: str) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if _is_path(hint):
        return "path"
    if origin is Annotated:
        found = next(((note.low, note.high) for note in arguments[1:] if isinstance(note, Range)), limits)
        return _one(arguments[0], found, path)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(choice)}`" for choice in arguments)
    if origin is tuple and _is_table(arguments[0]):
        return f"list of [`[[{path}]]`](#{re.sub(r'[^a-z_-]', '', path)})"
    if origin is tuple:
        return f"list of {_plural(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping) and _is_table(arguments[1]):
        return f"by source a {_one(arguments[1], None, f'{path}.SOURCE')}"
    if origin is not None and issubclass(origin, Mapping):
        return f"table of {_plural(arguments[1])}"
    if _is_table(hint):
        return f"table [`[{path}]`](#{re.sub(r'[^a-z_-]', '', path.lower())})"
    return NAMES[hint] + (_between(limits) if limits and hint in (int, float) else "")


def _is_path(hint: Any) -> bool:
    return any(isinstance(note, InRecipeFolder) for note in get_args(hint)[1:])


def _plural(hint: Any) -> str:
    if _is_path(hint):
        return "paths"
    if get_origin(hint) is Literal:
        return _one(hint, None, "")
    if get_origin(hint) is tuple:
        return f"lists of {_plural(get_args(hint)[0])}"
    if get_origin(hint) is Annotated:
        bounds = next(((note.low, note.high) for note in get_args(hint)[1:] if isinstance(note, Range)), None)
        return _plural(get_args(hint)[0]) + (_between(bounds) if bounds else "")
    return PLURALS[hint]


def _between(limits: tuple[float, float]) -> str:
    low, high = limits
    return f", {_bound(low)} or more" if high == math.inf else f", {_bound(low)} to {_bound(high)}"


def _bound(value: float) -> str:
    """A power of two as such."""
    if not isinstance(value, int) or value < 1 << 20:
        return _number(value)
    power = f"2^{(value + 1).bit_length() - 1}"
    return {0: power, -1: f"{power} - 1"}.get(value - (1 << ((value + 1).bit_length() - 1)), _number(value))


def _number(value: float) -> str:
    if value == int(value) and abs(value) >= MANY:
        return f"{int(value):_}"
    return f"{value:g}"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return _toml(field.default_factory())
    return "required" if field.default is dataclasses.MISSING else _toml(field.default)


def _toml(value: Any) -> str:
    """As a recipe has it; of a table its own section tells."""
    if value is None:
        return "none"
    if dataclasses.is_dataclass(value):
        return ""
    if isinstance(value, tuple) and len(value) > SHOWN_ITEMS:
        return f"{len(value)} of them"
    return f"`{_literal(value)}`"


def _literal(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, Mapping):
        return "{}"
    return _number(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False)


def _step(name: str) -> Iterator[str]:
    """A built-in filter: its docstring without what it raises, and its parameters."""
    function = factory(name)
    yield from ("", f"### `{name}`", "", *_told(function), "")
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function, include_extras=True)
    yield from ("| parameter | value | default |", "|---|---|---|")
    for key, parameter in parameters.items():
        is_required = parameter.default is inspect.Parameter.empty
        cells = (f"`{key}`", _value(hints[key], None, "", key), "required" if is_required else _toml(parameter.default))
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _told(function: Any) -> list[str]:
    """Angle brackets outside of code would be taken for HTML."""
    told = (inspect.getdoc(function) or "").partition("\nRaises:")[0].strip()
    parts = re.split(r"(`[^`]*`)", told)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts).splitlines()
