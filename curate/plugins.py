"""Objects of installed packages that curate finds by their names: steps, readers, methods, entities.

[project.entry-points."curate.plugins"]  by_title = "my_package.methods:BY_TITLE"  ─▶  find_plugin("by_title")
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "curate.plugins"


def find_plugin(name: str) -> Any:
    """What an installed package offers under this name, or None."""
    return next((point.load() for point in _points() if point.name == name), None)


def plugin_module(name: str) -> ModuleType:
    """The module that holds what `find_plugin` finds."""
    return import_module(next(point.module for point in _points() if point.name == name))


def plugin_names() -> list[str]:
    return sorted(point.name for point in _points())


def _points() -> Iterator[EntryPoint]:
    from importlib.metadata import entry_points  # as slow to load as all of the command line besides

    yield from entry_points(group=GROUP)
