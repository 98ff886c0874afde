"""The views of a recipe: curate's own, and those of one's own that `[tokenize] views` names.

"my_views:LENGTHS" ─▶ base/my_views.py ─┬▶ View, whose functions see what lies beside them ─▶ NNNNN<suffix>
"lengths" ─▶ an installed package ──────┘
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec

from curate.errors import CurateError, UsageError, nearest
from curate.own_code.modules import find_module
from curate.own_code.raised import describe_raised
from curate.plugins import find_plugin, plugin_names
from curate.recipe import Recipe
from curate.tokenize.view import View
from curate.tokenize.views import PAYLOAD, VIEWS

P = ParamSpec("P")
SUFFIX = re.compile(r"(?:\.[A-Za-z0-9_-]+)+")


def views_of(recipe: Recipe) -> tuple[View, ...]:
    """All views of every shard of a run, curate's own first.

    Raises:
        UsageError: there is no such view, or two would have one name.
    """
    views = list(VIEWS)
    for use in recipe.tokenize.views:
        view = _from_module(use, recipe.base) if ":" in use else _from_package(use)
        _check_suffix(use, view.suffix, {PAYLOAD, *(other.suffix for other in views)})
        views.append(view)
    return tuple(views)


def _from_module(use: str, base: Path) -> View:
    module_name, _, attribute = use.partition(":")
    loaded = find_module(module_name, base)
    found = getattr(loaded.module, attribute, None)
    if not isinstance(found, View):
        there = [name for name, value in vars(loaded.module).items() if isinstance(value, View)]
        raise UsageError(f'{module_name} has no view "{attribute}"{nearest(attribute, there)}')
    return _told(found, use, loaded.folder.open if loaded.folder else nullcontext)


def _from_package(use: str) -> View:
    found = find_plugin(use)
    if not isinstance(found, View):
        raise UsageError(f'there is no view "{use}"{nearest(use, plugin_names())}; your own are named "module:object"')
    return _told(found, use, nullcontext)


def _told(view: View, use: str, within: Callable[[], AbstractContextManager[None]]) -> View:
    """The same; what its functions raise is told as the user's own."""

    def told(function: Callable[P, None]) -> Callable[P, None]:
        def call(*arguments: P.args, **named: P.kwargs) -> None:
            with within():
                try:
                    function(*arguments, **named)
                except (CurateError, OSError):  # what a check has found; a full disk
                    raise
                except Exception as error:
                    raise UsageError(f'the view "{use}" broke: {describe_raised(error, __file__)}') from error

        return call

    return replace(view, write=told(view.write), check=told(view.check))


def _check_suffix(use: str, suffix: str, taken: set[str]) -> None:
    if not SUFFIX.fullmatch(suffix):
        raise UsageError(f'the view "{use}" has the suffix "{suffix}"; one like ".lengths" is needed')
    if suffix in taken:
        raise UsageError(f'the view "{use}" has the suffix "{suffix}" of another file of each shard')
