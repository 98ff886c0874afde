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

    from curate.ablation.ablate import ablate
    from curate.ablation.baselines import ngram_baselines
    from curate.ablation.fit_mixture import fit_mixture
    from curate.ablation.mixture_runs import mixture_runs
    from curate.api import (
        Run,
        check,
        compare,
        generate,
        plan,
        recipes,
        run,
        signals,
        train,
        try_step,
        tune,
        verify,
    )
    from curate.batch import Document
    from curate.errors import CurateError
    from curate.filters.custom import filter, signal, transform
    from curate.given.recipe import load
    from curate.readers.custom import reader
    from curate.recipe import Decontaminate, Recipe, Scrub
    from curate.recipe_dedup import Dedup
    from curate.recipe_path import RecipePath
    from curate.standalone.classifier import apply_classifier, evaluate_classifier, train_classifier
    from curate.standalone.decontaminate import decontaminate_files
    from curate.standalone.dedup import dedup_files, dedup_texts
    from curate.standalone.evaluate import evaluate
    from curate.standalone.export import export
    from curate.standalone.extractor import train_extractor
    from curate.standalone.perplexity import convert_perplexity, score_perplexity, train_perplexity
    from curate.standalone.scrub import scrub_files
    from curate.standalone.subset import subset
    from curate.standalone.tokenize import tokenize_files
    from curate.tokenize.torch_dataset import torch_dataset
    from curate.train_min.chat import open_chat
    from curate.train_min.exchange import export_model, import_model
    from curate.train_min.judge import open_judge
    from curate.train_min.merging import merge_model
    from curate.typed import Range

__all__ = [
    "CurateError",
    "Decontaminate",
    "Dedup",
    "Document",
    "Range",
    "Recipe",
    "RecipePath",
    "Run",
    "Scrub",
    "__version__",
    "ablate",
    "apply_classifier",
    "check",
    "compare",
    "convert_perplexity",
    "decontaminate_files",
    "dedup_files",
    "dedup_texts",
    "evaluate",
    "evaluate_classifier",
    "export",
    "export_model",
    "filter",
    "fit_mixture",
    "generate",
    "import_model",
    "load",
    "merge_model",
    "mixture_runs",
    "ngram_baselines",
    "open_chat",
    "open_judge",
    "plan",
    "reader",
    "recipes",
    "run",
    "score_perplexity",
    "scrub_files",
    "signal",
    "signals",
    "subset",
    "tokenize_files",
    "torch_dataset",
    "train",
    "train_classifier",
    "train_extractor",
    "train_perplexity",
    "transform",
    "try_step",
    "tune",
    "verify",
]

_HOMES = {
    "CurateError": "curate.errors",
    "Decontaminate": "curate.recipe",
    "Dedup": "curate.recipe",
    "Document": "curate.batch",
    "Range": "curate.typed",
    "Recipe": "curate.recipe",
    "RecipePath": "curate.recipe_path",
    "Run": "curate.api",
    "Scrub": "curate.recipe",
    "ablate": "curate.ablation.ablate",
    "apply_classifier": "curate.standalone.classifier",
    "check": "curate.api",
    "compare": "curate.api",
    "convert_perplexity": "curate.standalone.perplexity",
    "decontaminate_files": "curate.standalone.decontaminate",
    "dedup_files": "curate.standalone.dedup",
    "dedup_texts": "curate.standalone.dedup",
    "evaluate": "curate.standalone.evaluate",
    "evaluate_classifier": "curate.standalone.classifier",
    "export": "curate.standalone.export",
    "export_model": "curate.train_min.exchange",
    "filter": "curate.filters.custom",
    "fit_mixture": "curate.ablation.fit_mixture",
    "generate": "curate.api",
    "import_model": "curate.train_min.exchange",
    "load": "curate.given.recipe",
    "merge_model": "curate.train_min.merging",
    "mixture_runs": "curate.ablation.mixture_runs",
    "ngram_baselines": "curate.ablation.baselines",
    "open_chat": "curate.train_min.chat",
    "open_judge": "curate.train_min.judge",
    "plan": "curate.api",
    "reader": "curate.readers.custom",
    "recipes": "curate.api",
    "run": "curate.api",
    "score_perplexity": "curate.standalone.perplexity",
    "scrub_files": "curate.standalone.scrub",
    "signal": "curate.filters.custom",
    "signals": "curate.api",
    "subset": "curate.standalone.subset",
    "tokenize_files": "curate.standalone.tokenize",
    "torch_dataset": "curate.tokenize.torch_dataset",
    "train": "curate.api",
    "train_classifier": "curate.standalone.classifier",
    "train_extractor": "curate.standalone.extractor",
    "train_perplexity": "curate.standalone.perplexity",
    "transform": "curate.filters.custom",
    "try_step": "curate.api",
    "tune": "curate.api",
    "verify": "curate.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'curate' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
