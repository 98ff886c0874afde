"""The table of engines: by the name that `--engine` takes, what makes one.

EngineChoice("ray", workers=8) ─▶ ENGINES["ray"] ─┬─▶ RayEngine
                                                 └─▶ what takes seconds, begun before a recipe is looked at
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from curate.engine.choice import EngineChoice
from curate.engine.engine import Engine
from curate.engine.store import Store
from curate.errors import UsageError, nearest
from curate.plugins import named_object
from curate.recipe import Limits


class EngineKind(NamedTuple):
    """Functions, as "module:function": what makes an engine, and a context that begins ahead with what it needs."""

    make: str
    ahead: str | None = None


ENGINES: Mapping[str, EngineKind] = {
    "local": EngineKind("curate.engine.local:local_engine", ahead="curate.engine.ahead:workers_ahead"),
    "ray": EngineKind("curate.engine.ray.engine:ray_engine", ahead="curate.engine.ray.link:link_ahead"),
}


def begun_ahead(choice: EngineChoice) -> AbstractContextManager[object]:
    """What may take its time while others load libraries and plan; given to `make_engine` in the same choice, and let
    go of at the end.

    Raises:
        UsageError: the engine cannot do what is asked of it.
    """
    kind = ENGINES.get(choice.name)
    if kind is None or kind.ahead is None:
        return nullcontext()
    begin: Callable[[EngineChoice], AbstractContextManager[object]] = named_object(kind.ahead)
    return begin(choice)


def make_engine(store: Store, limits: Limits, choice: EngineChoice) -> Engine:
    """The engine that was asked for; it has started nothing yet.

    Raises:
        UsageError: there is none of this name, what it needs is not installed, or it cannot do what is asked of it.
    """
    if choice.name not in ENGINES:
        raise UsageError(f'no engine is called "{choice.name}"{nearest(choice.name, ENGINES)}')
    make: Callable[[Store, Limits, EngineChoice], Engine] = named_object(ENGINES[choice.name].make)
    return make(store, limits, choice)
