"""What a worker can load before it has a task, and hears of a recipe: libraries, and the kernels of every text.

A kernel that is not on disk is left to the first task: compiling takes long, and one worker does it for all.
"""

from __future__ import annotations

LOADS = "curate.pipeline.ahead:load"
"""The function below, for an engine."""


def load() -> None:
    """Nothing here depends on a recipe, or changes what a task writes."""
    import curate.engine.work  # noqa: F401
    from curate.pipeline.filter import load_compiled

    load_compiled()
