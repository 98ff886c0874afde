"""TOML values as the typed values that a dataclass or a function's signature asks for.

{"ngram": 5, "prefer": ["books"]}  +  Dedup  ─▶  Dedup(ngram=5, prefer=("books",))
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from curate.errors import nearest

T = TypeVar("T")
Path = tuple[str | int, ...]
LARGEST = 2**63 - 1
SHOWN = 100
"""Characters of a value that an error shows."""


@dataclass(frozen=True, slots=True)
class Range:
    """The bounds of a number, both allowed, in a type hint: `Annotated[float, Range(0, 1)]`."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        return f"be at least {self.low}" if self.high == math.inf else f"lie between {self.low} and {self.high}"


Share = Annotated[float, Range(0, 1)]
Amount = Annotated[float, Range(0)]
Count = Annotated[int, Range(0)]
Positive = Annotated[int, Range(1)]


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
    hints = get_type_hints(kind, include_extras=True)
    values = {}
    for key, value in table.items():
        if key not in fields:
            raise Mismatch((*path, key), f'unknown key "{key}"{nearest(key, fields)}')
        values[key] = convert(value, hints[key], (*path, key))
        if "range" in fields[key].metadata:
            _check_range(values[key], Range(*fields[key].metadata["range"]), (*path, key))
    for name, field in fields.items():
        if name not in values and _is_required(field):
            raise Mismatch(path, f'the key "{name}" is missing')
    return kind(**values)


def fill(function: Callable[..., Any], table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """All keyword arguments of a function: those of the table, typed, and the defaults for the others.

    Raises:
        Mismatch: an unknown or missing parameter, or a value of the wrong type or out of its range.
    """
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function, include_extras=True)
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
    """One value as its type hint wants it: lists become tuples, integers become floats where floats are wanted.

    Raises:
        Mismatch: it is of another type, or outside a `Range` of an `Annotated` hint.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _convert_annotated(value, arguments, path)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(value, arguments, path)
    if origin is Literal:
        return _convert_literal(value, arguments, path)
    if origin in (tuple, list, Sequence):
        if not isinstance(value, list | tuple):
            raise Mismatch(path, f"expected a list, found {describe(value)}")
        items = (convert(item, arguments[0], (*path, number)) for number, item in enumerate(value))
        return list(items) if origin is list else tuple(items)
    if origin is not None and arguments and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise Mismatch(path, f"expected a table, found {describe(value)}")
        return {key: convert(item, arguments[1], (*path, key)) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else build(hint, value, path)  # type: ignore[arg-type]
    return _convert_scalar(value, hint, path)


def _convert_annotated(value: Any, arguments: tuple[Any, ...], path: Path) -> Any:
    hint, *notes = arguments
    converted = convert(value, hint, path)
    for note in notes:
        if isinstance(note, Range):
            _check_range(converted, note, path)
    return converted


def _convert_scalar(value: Any, hint: Any, path: Path) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return _to_float(value, path)
    if type(value) is not hint:
        raise Mismatch(path, f"expected {NAMES.get(hint, hint)}, found {describe(value)}")
    if hint is int and not -LARGEST <= value <= LARGEST:
        raise Mismatch(path, f"expected a whole number of 64 bits, found {describe(value)}")
    return value


def _to_float(value: int, path: Path) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Mismatch(path, f"no number is as large as {describe(value)}") from None


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
        told = _shortened(value) if isinstance(value, str) else describe(value)
        raise Mismatch(path, f'"{told}" is not known{nearest(told, map(str, choices))}')
    return value


def _check_range(value: Any, limits: Range, path: Path) -> None:
    if isinstance(value, int | float) and not limits.low <= value <= limits.high:  # as nan does not
        raise Mismatch(path, f"{path[-1]} must {limits}, found {_shortened(value)}")


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
    return f"{NAMES.get(type(value), type(value).__name__)} ({_shortened(value, repr)})"


def _shortened(value: Any, text: Callable[[Any], str] = str) -> str:
    try:
        told = text(value)
    except ValueError:  # more digits than Python writes
        return "a number of thousands of digits"
    except RecursionError:
        return "too deep to show"
    return told if len(told) <= SHOWN else f"{told[:SHOWN]}…"
