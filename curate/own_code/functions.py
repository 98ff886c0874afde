"""A user's function, found by the name that a recipe gives it, with its parameters checked and its files known.

"module:function" ─▶ base/module.py, or an importable module ─┐
"name"            ─▶ entry point of the group `curate.plugins` ─┴▶ Found ─▶ parameters bound, files of the module
                     or a marked function of the running script, which becomes "script.py:name" in the recipe
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import typing
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple, TypeVar

from curate.errors import UsageError, nearest
from curate.model_file import ModelFile
from curate.own_code.files import module_files, named_files
from curate.own_code.modules import Folder, Loaded, find_module, import_root, roots_of
from curate.plugins import find_plugin, plugin_module, plugin_names
from curate.recipe_path import place_paths
from curate.typed import Mismatch, convert

F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["step", "reader"]

MARK = "__curate__"


class Mark(NamedTuple):
    """What a decorator leaves on a function: what it is for, and what only such functions have."""

    kind: Kind
    details: Any = None


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """A function with its parameters bound, and the folder that it imports from; null where it is an installed one."""

    name: str
    bound: Callable[..., Any]
    files: tuple[ModelFile, ...]
    folder: Folder | None


@dataclass(frozen=True, slots=True)
class FoundFunction:
    """What a name in a recipe leads to."""

    kind: Kind
    use: str
    base: Path
    loaded: Loaded
    function: Callable[..., Any]

    @property
    def mark(self) -> Mark | None:
        mark = getattr(self.function, MARK, None)
        return mark if isinstance(mark, Mark) and mark.kind == self.kind else None

    @property
    def is_marked_otherwise(self) -> bool:
        return hasattr(self.function, MARK) and self.mark is None

    def required(self) -> list[str]:
        """The names of its parameters without a default."""
        parameters = _parameters(self)
        return [name for name, parameter in parameters.items() if parameter.default is parameter.empty]

    def bind(self, parameters: Mapping[str, Any], *, given: int = 1) -> OwnFunction:
        """With the recipe's parameters; the first `given` of the signature are curate's to give.

        Raises:
            UsageError: a parameter is unknown, missing or of a wrong type.
        """
        bound = functools.partial(self.function, **_checked(self, parameters, given))
        files = source_files(self.loaded.module, self.use, parameters, self.base)
        name = getattr(self.function, "__name__", self.use.rpartition(":")[2])
        return OwnFunction(name, bound, files, self.loaded.folder)


def marker(mark: Mark) -> Callable[[F], F]:
    """The decorator that leaves this mark."""

    def attach(function: F) -> F:
        setattr(function, MARK, mark)
        return function

    return attach


def find_function(kind: Kind, use: str, base: Path) -> FoundFunction:
    """The function that a recipe calls so; `base` is its folder, where modules are looked for first.

    Raises:
        UsageError: there is none; the sentence says where it was looked for and what there is.
    """
    module_name, colon, attribute = use.partition(":")
    if not colon:
        plugin = _find_plugin(kind, use)
        return FoundFunction(kind, use, base, Loaded(sys.modules[plugin.__module__]), plugin)
    loaded = find_module(module_name, base)
    function = getattr(loaded.module, attribute, None)
    if not callable(function):
        own = [name for name, value in vars(loaded.module).items() if callable(value) and not name.startswith("_")]
        raise UsageError(f'{module_name} has no function "{attribute}"{nearest(attribute, own)}')
    return FoundFunction(kind, use, base, loaded, function)


def script_functions(kind: Kind, base: Path) -> dict[str, str]:
    """The marked functions of the running script, and the names under which worker processes find them: "file:name",
    from the recipe's folder.
    """
    script = vars(sys.modules["__main__"])
    if not script.get("__file__", "").endswith(".py"):
        return {}
    file = os.path.relpath(script["__file__"], base)
    marks = {name: getattr(value, MARK, None) for name, value in script.items()}
    return {name: f"{file}:{name}" for name, mark in marks.items() if isinstance(mark, Mark) and mark.kind == kind}


def _find_plugin(kind: Kind, name: str) -> Callable[..., Any]:
    found = find_plugin(name)
    if not callable(found):
        told = nearest(name, plugin_names())
        raise UsageError(f'there is no {kind} "{name}"{told}; your own are named "module:function"')
    return typing.cast(Callable[..., Any], found)


def _checked(found: FoundFunction, parameters: Mapping[str, Any], given: int) -> dict[str, Any]:
    """The recipe's parameters as the signature types them, paths placed in the recipe's folder."""
    own = dict(list(_parameters(found).items())[given:])
    hints = typing.get_type_hints(found.function, include_extras=True) if inspect.isroutine(found.function) else {}
    values = {}
    for name, value in parameters.items():
        if name not in own:
            raise UsageError(f'{found.kind} "{found.use}": unknown parameter "{name}"{nearest(name, own)}')
        try:
            values[name] = convert(value, hints.get(name, Any), (name,))
        except Mismatch as mismatch:
            raise UsageError(f'{found.kind} "{found.use}", {name}: {mismatch}') from None
    for name, parameter in own.items():
        if name not in values and parameter.default is parameter.empty:
            raise UsageError(f'{found.kind} "{found.use}": the parameter "{name}" is missing')
    defaults = {name: each.default for name, each in own.items() if each.kind is not each.POSITIONAL_ONLY}
    return place_paths(defaults | values, hints, found.base)


def _parameters(found: FoundFunction) -> Mapping[str, inspect.Parameter]:
    parameters = inspect.signature(found.function).parameters
    if not parameters:
        first = "a document or a batch" if found.kind == "step" else "a file"
        raise UsageError(f'"{found.use}" takes no argument: a {found.kind} takes {first} first')
    return parameters


def source_files(module: ModuleType, use: str, parameters: Mapping[str, Any], base: Path) -> tuple[ModelFile, ...]:
    """What `use` is made of: the file of the module that the recipe names, which may have the function from another,
    what it imports from beside it, and the lists that it or a parameter names."""
    path = Path(module.__file__ or "")
    if not path.is_file():
        return (ModelFile(use, str(path), ""),)
    lists = list(named_files(set(_texts(list(parameters.values()))), [path.absolute().parent, base.resolve()]))
    roots = (*roots_of(path, use.partition(":")[0], base), *import_root(module))
    return module_files(path, roots, use, lists)


def module_files_of(names: Iterable[str], base: Path, built_in: Container[str] = ()) -> Iterator[ModelFile]:
    """What objects are made of that a recipe names, "module:object" or as a package offers them, and curate does not
    bring."""
    for name in names:
        if ":" in name:
            yield from source_files(find_module(name.partition(":")[0], base).module, name, {}, base)
        elif name not in built_in:
            yield from source_files(plugin_module(name), name, {}, base)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
