"""Objects found by their names: curate's own by "module:object", those of installed packages by what they offer.

[project.entry-points."curate.plugins"]  by_title = "my_package.methods:BY_TITLE"  ─▶  find_plugin("by_title")
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

GROUP = "curate.plugins"


def named_object(place: str) -> Any:
    """The object at "module:object", as the tables of curate's own kinds and its tasks say where theirs stands."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def find_plugin(name: str) -> Any:
    """What an installed package offers under this name, or None."""
    try:
        return _point(name, tuple(sys.path)).load()
    except Missing:
        return None


def plugin_module(name: str) -> ModuleType:
    """The module that holds what `find_plugin` finds."""
    return import_module(_point(name, tuple(sys.path)).module)


def plugin_names() -> list[str]:
    """What installed packages offer, without importing them."""
    return sorted(_points().names)


class Missing(Exception):
    """No package offers anything of a name. An exception, as what raises is looked for again: it may be installed by
    then."""


@cache
def _point(name: str, path: tuple[str, ...]) -> EntryPoint:
    """A look at all installed packages takes milliseconds, and every batch of documents asks."""
    for point in _points():
        if point.name == name:
            return point
    raise Missing(name)


def _points() -> EntryPoints:
    from importlib.metadata import entry_points  # as slow to load as all of the command line besides

    return entry_points(group=GROUP)
