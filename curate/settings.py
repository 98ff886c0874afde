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


def build_options(kind: type[T], given: Mapping[str, Any], settings: Sequence[str] = ()) -> T:
    """An instance of a recipe's table from options (None: not given) and from settings, "name.name=value".

    Raises:
        UsageError: an unknown name, or a value of the wrong type or out of its range.
    """
    table = {name: value for name, value in given.items() if value is not None}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text}: expected NAME=VALUE")
        _put(table, name.strip().split("."), toml_value(value))
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
