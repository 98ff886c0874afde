"""Users' own code as steps: the three decorators, and the way from a name in a recipe to a `Filter`.

@filter   document or batch ─▶ keep?        "module:function"   ─▶ base/module.py, or an importable module
@signal   batch ─▶ a column                 "name"              ─▶ entry point of the group `curate.plugins`,
@transform  document ─▶ new text                                   or a decorated function of the running script,
                                                                   which becomes "script.py:name" in the recipe
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, overload

import polars as pl
from polars._typing import PolarsDataType

from curate.batch import Filter, ModelFile, Visit
from curate.errors import UsageError, nearest
from curate.filters.custom_files import module_files, named_files
from curate.filters.custom_measures import Files, filter_batches, filter_documents, signal_batches, transform_documents
from curate.filters.custom_modules import Folder, Loaded, find_module, import_root, roots_of
from curate.typed import Mismatch, convert

F = TypeVar("F", bound=Callable[..., Any])

MARK = "__curate__"
GROUP = "curate.plugins"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a decorator leaves on a function."""

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
    `Annotated[float, curate.Range(0, 1)]` is refused outside of its range. The answer stands in a
    Boolean column of the function's name.
    """
    mark = _marker(Mark("batch_filter" if batch else "filter"))
    return mark if function is None else mark(function)


def signal(*, dtype: PolarsDataType) -> Callable[[F], F]:
    """Mark `function(batch, …) -> polars.Series` as a signal: it measures, in a column of the function's name and of
    this dtype, and decides nothing. A later `where` can.
    """
    return _marker(Mark("signal", dtype))


def transform(function: F) -> F:
    """Mark `function(document, …) -> str` as a transform: what it returns becomes the document's text."""
    return _marker(Mark("transform"))(function)


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
    loaded, function = _find_function(use, base)
    mark = _mark_of(function, use)
    bound = functools.partial(function, **_checked(function, parameters, use))
    files = _source_files(loaded.module, use, parameters, base)
    step = _as_filter(bound, getattr(function, "__name__", use.rpartition(":")[2]), mark, files)
    return step if loaded.folder is None else _within(step, loaded.folder)


def _as_filter(bound: Callable[..., Any], name: str, mark: Mark, files: Files) -> Filter:
    if mark.kind == "filter":
        return filter_documents(bound, name, files)
    if mark.kind == "batch_filter":
        return filter_batches(bound, name, files)
    if mark.kind == "transform":
        return transform_documents(bound, files)
    assert mark.dtype is not None
    return signal_batches(bound, name, mark.dtype, files)


def _find_function(use: str, base: Path) -> tuple[Loaded, Callable[..., Any]]:
    """The module and the function that a recipe's `use` names.

    Raises:
        UsageError: there is none; the sentence says where it was looked for and what there is.
    """
    module_name, colon, attribute = use.partition(":")
    if not colon:
        plugin = _find_by_name(use)
        return Loaded(sys.modules[plugin.__module__]), plugin
    loaded = find_module(module_name, base)
    function = getattr(loaded.module, attribute, None)
    if not callable(function):
        own = [name for name, value in vars(loaded.module).items() if callable(value) and not name.startswith("_")]
        raise UsageError(f'{module_name} has no function "{attribute}"{nearest(attribute, own)}')
    return loaded, function


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


def script_steps(base: Path) -> dict[str, str]:
    """The decorated functions of the running script, and the names under which worker processes find them: "file:name",
    from the recipe's folder.
    """
    script = vars(sys.modules["__main__"])
    if not script.get("__file__", "").endswith(".py"):
        return {}
    file = os.path.relpath(script["__file__"], base)
    return {name: f"{file}:{name}" for name, value in script.items() if hasattr(value, MARK)}


def _marker(mark: Mark) -> Callable[[F], F]:
    def attach(function: F) -> F:
        setattr(function, MARK, mark)
        return function

    return attach


def _find_by_name(name: str) -> Callable[..., Any]:
    for point in entry_points(group=GROUP, name=name):
        return typing.cast(Callable[..., Any], point.load())
    known = entry_points(group=GROUP).names
    raise UsageError(f'there is no step "{name}"{nearest(name, known)}; your own are named "module:function"')


def _mark_of(function: Callable[..., Any], use: str) -> Mark:
    mark = getattr(function, MARK, None)
    if isinstance(mark, Mark):
        return mark
    required = [name for name, parameter in _parameters(function, use).items() if parameter.default is parameter.empty]
    if inspect.isfunction(function) and len(required) == 1:
        return Mark("filter")
    raise UsageError(f'"{use}" is no step: decorate it with @curate.filter, @curate.signal or @curate.transform')


def _checked(function: Callable[..., Any], parameters: Mapping[str, Any], use: str) -> dict[str, Any]:
    """The recipe's parameters as the signature types them; the first of the signature is the document or the batch."""
    own = dict(list(_parameters(function, use).items())[1:])
    hints = typing.get_type_hints(function, include_extras=True) if inspect.isroutine(function) else {}
    values = {}
    for name, value in parameters.items():
        if name not in own:
            raise UsageError(f'step "{use}": unknown parameter "{name}"{nearest(name, own)}')
        try:
            values[name] = convert(value, hints.get(name, Any), (name,))
        except Mismatch as mismatch:
            raise UsageError(f'step "{use}", {name}: {mismatch}') from None
    for name, parameter in own.items():
        if name not in values and parameter.default is parameter.empty:
            raise UsageError(f'step "{use}": the parameter "{name}" is missing')
    return values


def _parameters(function: Callable[..., Any], use: str) -> Mapping[str, inspect.Parameter]:
    parameters = inspect.signature(function).parameters
    if not parameters:
        raise UsageError(f'"{use}" takes no argument: a step takes a document or a batch first')
    return parameters


def _source_files(module: ModuleType, use: str, parameters: Mapping[str, Any], base: Path) -> Files:
    """Of the module that the recipe names: it may have the function from another, or have made it of another."""
    path = Path(module.__file__ or "")
    if not path.is_file():
        return (ModelFile(use, str(path), ""),)
    lists = list(named_files(set(_texts(list(parameters.values()))), [path.absolute().parent, base.resolve()]))
    roots = (*roots_of(path, use.partition(":")[0], base), *import_root(module))
    return module_files(path, roots, use, lists)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
