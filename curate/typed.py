"""TOML values as the typed values that a dataclass or a function's signature asks for.

{"ngram": 5, "prefer": ["books"]}  +  Dedup  ─▶  Dedup(ngram=5, prefer=("books",))
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from curate.errors import nearest

T = TypeVar("T")
Path = tuple[str | int, ...]


class Mismatch(Exception):
    """A value that does not fit, and its path in the recipe."""

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        super().__init__(message)


def build(kind: type[T], table: Any, path: Path) -> T:
    """An instance of a dataclass from a TOML table.

    Raises:
        Mismatch: an unknown or missing key, a wrong type, or a value outside the field's `range`.
    """
    if not isinstance(table, Mapping):
        raise Mismatch(path, f"expected a table, found {describe(table)}")
    fields = {field.name: field for field in dataclasses.fields(kind) if field.metadata.get("toml", True)}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in fields:
            raise Mismatch((*path, key), f'unknown key "{key}"{nearest(key, fields)}')
        values[key] = convert(value, hints[key], (*path, key))
        _check_range(values[key], fields[key].metadata.get("range"), (*path, key))
    for name, field in fields.items():
        if name not in values and _is_required(field):
            raise Mismatch(path, f'the key "{name}" is missing')
    return kind(**values)


def fill(function: Callable[..., Any], table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """All keyword arguments of a function: those of the table, typed, and the defaults for the others.

    Raises:
        Mismatch: an unknown or missing parameter, or a value of the wrong type.
    """
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function)
    for key in table:
        if key not in parameters:
            raise Mismatch((*path, key), f'unknown parameter "{key}"{nearest(key, parameters)}')
    values = {}
    for name, parameter in parameters.items():
        if name in table:
            values[name] = convert(table[name], hints.get(name, Any), (*path, name))
        elif parameter.default is inspect.Parameter.empty:
            raise Mismatch(path, f'the parameter "{name}" is missing')
        else:
            values[name] = parameter.default
    return values


def convert(value: Any, hint: Any, path: Path) -> Any:
    """One value as its type hint wants it: lists become tuples, integers become floats where floats are wanted."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(value, arguments, path)
    if origin is Literal:
        return _convert_literal(value, arguments, path)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise Mismatch(path, f"expected a list, found {describe(value)}")
        return tuple(convert(item, arguments[0], (*path, number)) for number, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise Mismatch(path, f"expected a table, found {describe(value)}")
        return {key: convert(item, arguments[1], (*path, key)) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else build(hint, value, path)  # type: ignore[arg-type]
    return _convert_scalar(value, hint, path)


def _convert_scalar(value: Any, hint: Any, path: Path) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise Mismatch(path, f"expected {NAMES.get(hint, hint)}, found {describe(value)}")
    return value


def _convert_union(value: Any, choices: tuple[Any, ...], path: Path) -> Any:
    if value is None and type(None) in choices:
        return None
    mismatches = []
    for choice in choices:
        try:
            return convert(value, choice, path)
        except Mismatch as mismatch:
            mismatches.append(mismatch)
    deepest = max(mismatches, key=lambda mismatch: len(mismatch.path))
    raise deepest


def _convert_literal(value: Any, choices: tuple[Any, ...], path: Path) -> Any:
    if value not in choices:
        raise Mismatch(path, f'"{value}" is not known{nearest(str(value), map(str, choices))}')
    return value


def _check_range(value: Any, limits: tuple[float, float] | None, path: Path) -> None:
    if limits and isinstance(value, int | float) and not limits[0] <= value <= limits[1]:
        raise Mismatch(path, f"{path[-1]} must lie between {limits[0]} and {limits[1]}, found {value}")


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


NAMES: Mapping[Any, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def describe(value: Any) -> str:
    """A value for an error sentence: what it is, and what it says."""
    return f"{NAMES.get(type(value), type(value).__name__)} ({value!r})"
