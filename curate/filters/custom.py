"""Users' own code as steps: the three decorators, and the way from a name in a recipe to a `Filter`.

@filter   document or batch ─▶ keep?        "module:function", "name" ─▶ the function (`own_code`) ─▶ Filter
@signal   batch ─▶ a column
@transform  document ─▶ new text
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import polars as pl
from polars._typing import PolarsDataType

from curate.batch import Filter, Visit
from curate.errors import UsageError
from curate.filters.custom_measures import filter_batches, filter_documents, signal_batches, transform_documents
from curate.own_code.functions import FoundFunction, Mark, OwnFunction, find_function, marker
from curate.own_code.modules import Folder

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Measuring:
    """What a step's function takes and answers."""

    kind: Literal["filter", "batch_filter", "signal", "transform"]
    dtype: PolarsDataType | None = None


@overload
def filter(function: F) -> F: ...
@overload
def filter(*, batch: bool = False) -> Callable[[F], F]: ...
def filter(function: F | None = None, *, batch: bool = False) -> F | Callable[[F], F]:
    """Mark `function(document, …) -> bool` as a filter: True keeps. With `batch=True` it takes a `polars.DataFrame`
    and returns a Boolean `polars.Series` of the same length, and must judge each row by itself.

    Parameters after the first are the recipe's; they need defaults or must be given there. One of the type
    `Annotated[float, curate.Range(0, 1)]` is refused outside of its range, one of the type `curate.RecipePath` is a
    path from the recipe's folder. The answer stands in a Boolean column of the function's name.
    """
    mark = _marker(Measuring("batch_filter" if batch else "filter"))
    return mark if function is None else mark(function)


def signal(*, dtype: PolarsDataType) -> Callable[[F], F]:
    """Mark `function(batch, …) -> polars.Series` as a signal: it measures, in a column of the function's name and of
    this dtype, and decides nothing. A later `where` can.
    """
    return _marker(Measuring("signal", dtype))


def transform(function: F) -> F:
    """Mark `function(document, …) -> str` as a transform: what it returns becomes the document's text."""
    return _marker(Measuring("transform"))(function)


def resolve_custom(use: str, parameters: Mapping[str, Any], *, base: Path) -> Filter:
    """The step that `use` names, with its parameters checked against the function's signature.

    `base` is the recipe's folder: "my_filters:f" is looked for in `base/my_filters.py` first. A function without a
    decorator is taken for a per-document filter if its first parameter is the only one without a default. The file
    that holds the function is named in `files`, what it imports from the recipe's folder, and the lists that it or a
    parameter names.

    An exception in a function costs the document that caused it: it stands in the column `error`, with its last line
    of the traceback.

    Raises:
        UsageError: there is no such function, it is no step, or a parameter is unknown, missing or of a wrong type.
    """
    found = find_function("step", use, base)
    measuring = _measuring(found)
    own = found.bind(parameters)
    step = _as_filter(own, measuring)
    return step if own.folder is None else _within(step, own.folder)


def _as_filter(own: OwnFunction, measuring: Measuring) -> Filter:
    if measuring.kind == "filter":
        return filter_documents(own.bound, own.name, own.files)
    if measuring.kind == "batch_filter":
        return filter_batches(own.bound, own.name, own.files)
    if measuring.kind == "transform":
        return transform_documents(own.bound, own.files)
    assert measuring.dtype is not None
    return signal_batches(own.bound, own.name, measuring.dtype, own.files)


def _within(step: Filter, folder: Folder) -> Filter:
    """The same step, whose function can import from its folder also where it is called."""
    measure, measure_each = step.measure, step.measure_each
    assert measure is not None

    def measure_within(batch: pl.DataFrame) -> pl.DataFrame:
        with folder.open():
            return measure(batch)

    def measure_each_within(batch: pl.DataFrame, visit: Visit) -> pl.DataFrame:
        assert measure_each is not None
        with folder.open():
            return measure_each(batch, visit)

    return replace(step, measure=measure_within, measure_each=measure_each and measure_each_within)


def _marker(measuring: Measuring) -> Callable[[F], F]:
    return marker(Mark("step", measuring))


def _measuring(found: FoundFunction) -> Measuring:
    if found.mark is not None and isinstance(found.mark.details, Measuring):
        return found.mark.details
    is_plain = inspect.isfunction(found.function) and not found.is_marked_otherwise
    if is_plain and len(found.required()) == 1:
        return Measuring("filter")
    raise UsageError(f'"{found.use}" is no step: decorate it with @curate.filter, @curate.signal or @curate.transform')
