"""What a worker can load before it has a task: libraries and kernels before it hears of a run, then what the run names.

load ─▶ the run is known ─▶ load_later, whenever there is no task

A kernel that is not on disk is left to the first task: compiling takes long, and one worker does it for all.
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.engine.idle import Pieces
from curate.engine.store import Store

LOADS = "curate.pipeline.ahead:load"
"""The function below, for an engine."""


def load() -> Pieces:
    """Nothing here depends on a recipe, or changes what a task writes; returns what is left for idle moments."""
    import curate.engine.work  # noqa: F401
    from curate.pipeline.filter import load_compiled

    load_compiled()
    return load_later


def load_later(store: Store) -> Iterator[None]:
    """What `tokenize` needs. A large vocabulary takes seconds, which else the last stages of a small run wait for."""
    from curate.engine.job import open_run
    from curate.pipeline.tokenizer import open_given

    recipe, _ = open_run(store)
    import fastokens  # noqa: F401

    import curate.pipeline.tokenize  # noqa: F401

    yield
    if (tokenizer := open_given(recipe)) is not None:
        yield
        _ = tokenizer.backend.encoder  # the fast one, which is made for the first who asks
