"""curate: from raw web crawls, books and code to the tokens a language model is trained on.

    import curate

    run = curate.run("recipe.toml", out="runs/mini", workers=2)
    run.documents("web").collect()

The names below are loaded when they are first used, so that `import curate` costs nothing.
"""

from __future__ import annotations

from importlib import import_module

from curate.version import __version__

TYPE_CHECKING = False  # as in `typing`, whose import would be most of this one's time
if TYPE_CHECKING:
    from typing import Any

    from curate.batch import Document
    from curate.errors import CurateError
    from curate.filters.custom import filter, signal, transform
    from curate.pipeline.run import run
    from curate.recipe import Recipe
    from curate.recipe_file import load
    from curate.run_folder import Run
    from curate.standalone.classifier import train_classifier
    from curate.standalone.dedup import dedup_texts
    from curate.standalone.subset import subset
    from curate.typed import Range

__all__ = [
    "CurateError",
    "Document",
    "Range",
    "Recipe",
    "Run",
    "__version__",
    "dedup_texts",
    "filter",
    "load",
    "run",
    "signal",
    "subset",
    "train_classifier",
    "transform",
]

_HOMES = {
    "CurateError": "curate.errors",
    "Document": "curate.batch",
    "Range": "curate.typed",
    "Recipe": "curate.recipe",
    "Run": "curate.run_folder",
    "dedup_texts": "curate.standalone.dedup",
    "filter": "curate.filters.custom",
    "load": "curate.recipe_file",
    "run": "curate.pipeline.run",
    "signal": "curate.filters.custom",
    "subset": "curate.standalone.subset",
    "train_classifier": "curate.standalone.classifier",
    "transform": "curate.filters.custom",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'curate' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
