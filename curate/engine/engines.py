"""The table of engines: by the name that `--engine` takes, what makes one.

EngineChoice("ray", workers=8) ─▶ ENGINES["ray"] ─▶ RayEngine
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from curate.engine.choice import EngineChoice
from curate.engine.engine import Engine
from curate.engine.store import Store
from curate.errors import UsageError, nearest
from curate.plugins import named_object
from curate.recipe import Limits

ENGINES: Mapping[str, str] = {
    "local": "curate.engine.local:local_engine",
    "ray": "curate.engine.ray.engine:ray_engine",
}


def make_engine(store: Store, limits: Limits, choice: EngineChoice) -> Engine:
    """The engine that was asked for; it has started nothing yet.

    Raises:
        UsageError: there is none of this name, what it needs is not installed, or it cannot do what is asked of it.
    """
    if choice.name not in ENGINES:
        raise UsageError(f'no engine is called "{choice.name}"{nearest(choice.name, ENGINES)}')
    make: Callable[[Store, Limits, EngineChoice], Engine] = named_object(ENGINES[choice.name])
    return make(store, limits, choice)
