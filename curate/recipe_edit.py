"""A recipe's file with another name and a few parameters changed, and nothing else: comments, order and spelling stay.

text ─▶ document ─▶ [[source]] ─▶ steps[n]: "gopher_quality" ─▶ { use = "gopher_quality", min_words = 30 } ─▶ text
                       └─ steps that it has by `extends` only are written out first
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import InlineTable, Item

from curate.recipe import FROM_PYTHON, Recipe, Step


@dataclass(frozen=True, slots=True)
class Edit:
    """The parameter of a source's step, by the step's place."""

    source: str
    step: int
    parameter: str
    value: Any


def edited(recipe: Recipe, edits: Iterable[Edit], *, name: str) -> str:
    """The text of the file that `recipe` was loaded from (`load`, not resolved), changed."""
    document = tomlkit.parse(Path(recipe.file).read_bytes().decode())
    document["name"] = name
    for edit in edits:
        steps = _steps_of(_source(document, edit.source), recipe)
        _change(steps, edit)
    return tomlkit.dumps(document)


def with_inputs_of(text: str, base: Path) -> str:
    """A recipe's text for another folder: the paths of its sources start from `base`, as they did."""
    document = tomlkit.parse(text)
    for source in document["source"]:
        for number, path in enumerate(source["paths"]):
            mark, plain = ("@", path[1:]) if path.startswith("@") else ("", path)
            if "://" not in plain and not plain.startswith(FROM_PYTHON):
                source["paths"][number] = mark + str(base / plain)
    return tomlkit.dumps(document)


def _source(document: tomlkit.TOMLDocument, name: str) -> Any:
    """The table of a source; a new one where the file has it from what it extends."""
    sources: Any = document.setdefault("source", tomlkit.aot())
    for source in sources:
        if source["name"] == name:
            return source
    table = tomlkit.table()
    table["name"] = name
    sources.append(table)
    return sources[-1]


def _steps_of(source: Any, recipe: Recipe) -> Any:
    if "steps" not in source:
        steps = tomlkit.array()
        for step in recipe.source(source["name"]).steps:
            steps.append(_written(step))
        source["steps"] = steps.multiline(True)
    return source["steps"]


def _written(step: Step) -> Any:
    if step.use == "where":
        return _inline({"where": step.parameters["expression"]})
    return _inline({"use": step.use, **step.parameters}) if step.parameters else step.use


def _change(steps: Any, edit: Edit) -> None:
    """The step becomes a table, if it is none; what stood in it is spelled as it was."""
    step = steps[edit.step]
    if isinstance(step, str):
        steps[edit.step] = _inline({"use": step, edit.parameter: edit.value})
        return
    key = "where" if "where" in step and edit.parameter == "expression" else edit.parameter
    if isinstance(step, InlineTable):
        steps[edit.step] = _inline({**step, key: edit.value})
    else:  # a table with a header of its own, [[source.steps]]
        step[key] = edit.value


def _inline(table: Mapping[str, Any]) -> Any:
    return tomlkit.value(_spelled(table))


def _spelled(value: Any) -> str:
    if isinstance(value, Item) and not isinstance(value, InlineTable):
        return str(value.as_string())
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{tomlkit.key(key).as_string()} = {_spelled(item)}" for key, item in value.items()) + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_spelled, value)) + "]"
    return str(tomlkit.item(value).as_string())
