"""Files and folders that a step's parameters name: relative to the recipe's folder, and known by their type.

def language(*, model: RecipePath | None = None)   {"model": "lid.bin"}  +  recipe's folder ─▶ {"model": "/…/lid.bin"}
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from curate.errors import UsageError
from curate.typed import Mismatch, convert


@dataclass(frozen=True, slots=True)
class InRecipeFolder:
    """Marks a string as a path that starts from the recipe's folder, in a type hint."""


RecipePath = Annotated[str, InRecipeFolder()]
"""A file or a folder; an empty string names none."""


def place_paths(values: Mapping[str, Any], hints: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The arguments of a function, each `RecipePath` among its type hints placed in the recipe's folder.

    Raises:
        UsageError: a path that is no path, or that of a file which cannot be meant.
    """
    return {name: _placed(value, hints.get(name, Any), base) for name, value in values.items()}


def _placed(value: Any, hint: Any, base: Path) -> Any:
    """A value that fits its hint, the paths in it placed, however deep in lists and tables they are."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        is_path = any(isinstance(note, InRecipeFolder) for note in arguments[1:])
        return _place(value, base) if is_path and value else value
    if origin in (Union, types.UnionType):
        return _placed(value, _fitting(value, arguments), base)
    if isinstance(value, list | tuple) and arguments:
        return type(value)(_placed(item, arguments[0], base) for item in value)
    if isinstance(value, Mapping) and len(arguments) == 2:
        return {key: _placed(item, arguments[1], base) for key, item in value.items()}
    return value


def _fitting(value: Any, choices: tuple[Any, ...]) -> Any:
    """The one of a union's types that the value is of; `convert` has found one before."""
    for choice in choices:
        try:
            if value is not None and choice is not type(None):
                convert(value, choice, ())
                return choice
        except Mismatch:
            continue
    return Any


def _place(value: str, base: Path) -> str:
    """A file or folder in the recipe's folder; what never ends when it is read is none."""
    if "\0" in value:
        raise UsageError("a path can't hold the character NUL")
    path = base / value
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UsageError(f"{path} is a pipe or a device, and no file")
    if path.is_file() and not path.stat().st_size:
        raise UsageError(f"{path} is empty")
    return str(path)
