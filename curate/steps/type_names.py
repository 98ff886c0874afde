"""Types of columns as words, so that a plan can hold them: as polars prints them, and back.

pl.List(pl.Float32) ─▶ "List(Float32)" ─▶ parsed, never run ─▶ pl.List(pl.Float32)
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any

import polars as pl
from polars._typing import PolarsDataType

Named = tuple[tuple[str, str], ...]
"""Columns and their types, in their order."""


def named_types(types: Mapping[str, PolarsDataType]) -> Named:
    """Types in words."""
    return tuple((name, str(dtype)) for name, dtype in pl.Schema(types).items())


@cache
def types_named(named: Named) -> Mapping[str, PolarsDataType]:
    """The types that `named_types` has put into words; asked for by every split of a run."""
    return pl.Schema((name, _type(ast.parse(word, mode="eval").body)) for name, word in named)


def _type(node: ast.expr) -> Any:
    """A type, or what stands between its brackets: fields, sizes, units, categories."""
    if isinstance(node, ast.Name):
        return _polars_type(node.id)
    if isinstance(node, ast.Dict):
        names = [ast.literal_eval(key) for key in node.keys if key is not None]
        return dict(zip(names, map(_type, node.values), strict=True))
    if isinstance(node, ast.Call):
        options = {word.arg: _type(word.value) for word in node.keywords if word.arg is not None}
        return _type(node.func)(*map(_type, node.args), **options)
    return ast.literal_eval(node)


def _polars_type(name: str) -> Any:
    found = getattr(pl, name, None)
    if isinstance(found, type) and issubclass(found, pl.DataType):
        return found
    raise ValueError(f'"{name}" is no type of polars')
