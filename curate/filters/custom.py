"""Users' own code as steps: the three decorators, and the way from a name in a recipe to a `Filter`.

@filter   document or batch ─▶ keep?        "module:function"   ─▶ base/module.py, or an importable module
@signal   batch ─▶ a column                 "name"              ─▶ entry point of the group `curate.plugins`,
@transform  document ─▶ new text                                   or a decorated function of the running script,
                                                                   which becomes "script.py:name" in the recipe
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, overload

from polars._typing import PolarsDataType

from curate.batch import Filter, ModelFile
from curate.errors import UsageError, nearest
from curate.filters.custom_files import module_files
from curate.filters.custom_measures import filter_batches, filter_documents, signal_batches, transform_documents
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
    that holds the function is named in `files`, and what it imports from the recipe's folder.

    An exception in a function costs the document that caused it: it stands in the column `error`, with its last line
    of the traceback.

    Raises:
        UsageError: there is no such function, it is no step, or a parameter is unknown, missing or of a wrong type.
    """
    function = find_function(use, base)
    mark = _mark_of(function, use)
    bound = functools.partial(function, **_checked(function, parameters, use))
    files = _source_files(function, use, base)
    if mark.kind == "filter":
        return filter_documents(bound, function.__name__, files)
    if mark.kind == "batch_filter":
        return filter_batches(bound, function.__name__, files)
    if mark.kind == "transform":
        return transform_documents(bound, files)
    assert mark.dtype is not None
    return signal_batches(bound, function.__name__, mark.dtype, files)


def find_function(use: str, base: Path) -> Callable[..., Any]:
    """The function that a recipe's `use` names.

    Raises:
        UsageError: there is none; the sentence says where it was looked for and what there is.
    """
    module_name, colon, attribute = use.partition(":")
    if not colon:
        return _find_by_name(use)
    module = _find_module(module_name, base)
    function = getattr(module, attribute, None)
    if not callable(function):
        own = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise UsageError(f'{module_name} has no function "{attribute}"{nearest(attribute, own)}')
    return typing.cast(Callable[..., Any], function)


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


def _find_module(name: str, base: Path) -> ModuleType:
    path = base / (name if name.endswith(".py") else name.replace(".", "/") + ".py")
    if path.is_file():
        files = module_files(path, base, name)
        return _load_file(str(path.resolve()), str(base.resolve()), tuple(file.sha256 for file in files))
    try:
        return importlib.import_module(name)
    except (ImportError, ValueError, TypeError) as error:  # the last two: for what is no name at all
        raise UsageError(f'there is no module "{name}": neither {path} nor installed ({error})') from error


@functools.cache
def _load_file(path: str, base: str, digests: tuple[str, ...]) -> ModuleType:
    """The file as a module under a name of its own, which hides no other; loaded anew when one of its files has other
    content. While it is loaded, and only then, it may import what lies in the recipe's folder."""
    name = f"curate_custom_{Path(path).stem}_{hashlib.sha256(''.join(digests).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        with _importing_from(base):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


@contextlib.contextmanager
def _importing_from(base: str) -> Iterator[None]:
    """Modules of the folder can be imported, and are forgotten afterwards: another version of them, or another
    recipe's folder with the same names, may come later in this process."""
    before, writes_none = set(sys.modules), sys.dont_write_bytecode
    sys.path.insert(0, base)
    sys.dont_write_bytecode = True  # bytecode is told from its source by the second: an edit may come sooner
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(base)
        sys.dont_write_bytecode = writes_none
        for name in set(sys.modules) - before:
            if _lies_below(sys.modules[name], base):
                del sys.modules[name]


def _lies_below(module: ModuleType, base: str) -> bool:
    """Whether a module is the recipe's own; an environment of installed packages may lie in the same folder."""
    file = getattr(module, "__file__", None) or ""
    return file.startswith(base + os.sep) and "site-packages" not in file


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
    hints = typing.get_type_hints(function, include_extras=True)
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


def _source_files(function: Callable[..., Any], use: str, base: Path) -> tuple[ModelFile, ...]:
    path = Path(inspect.getsourcefile(inspect.unwrap(function)) or "")
    return module_files(path, base, use) if path.is_file() else (ModelFile(use, str(path), ""),)
