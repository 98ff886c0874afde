"""Parameters of a command line as the recipe's own types, so that both know the same names, types and ranges.

["lines.span=3"] + {"method": ["lines"]} ─▶ Dedup(method=("lines",), lines=Lines(span=3))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from curate.errors import UsageError
from curate.toml_text import NotToml, parse_toml
from curate.typed import Mismatch, build

T = TypeVar("T")


def toml_value(text: str) -> Any:
    """What a recipe would make of it; a word without quotes is a string."""
    try:
        return parse_toml(f"value = {text}".encode("utf-8", "surrogatepass"))["value"]
    except NotToml:
        return text.strip()


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """`["width=256"]` as names and values.

    Raises:
        UsageError: one of them is not of this form.
    """
    pairs = [_pair(text) for text in settings]
    return {name: toml_value(value) for name, value in pairs}


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: expected NAME=VALUE")
    return name.strip(), value


def build_options(kind: type[T], given: Mapping[str, Any], settings: Sequence[str] = ()) -> T:
    """An instance of a recipe's table from options (None: not given) and from settings, "name.name=value".

    Raises:
        UsageError: an unknown name, or a value of the wrong type or out of its range.
    """
    table = {name: value for name, value in given.items() if value is not None}
    for text in settings:
        name, value = _pair(text)
        _put(table, name.split("."), toml_value(value))
    try:
        return build(kind, table, ())
    except Mismatch as mismatch:
        name = ".".join(str(part) for part in mismatch.path if isinstance(part, str))
        raise UsageError(f"--{name}: {mismatch}") from None


def _put(table: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {'.'.join(path)}: {part} has a value, and none below it")
        table = inner
    table[path[-1]] = value
