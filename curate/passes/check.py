"""What can be known to be wrong before a run starts: every name, parameter, model and file of a recipe."""

from __future__ import annotations

import importlib.util

import polars as pl

from curate.errors import RecipeError, UsageError
from curate.passes.steps import bind
from curate.recipe import Recipe
from curate.scrub.pii import scrub_texts


def check_recipe(recipe: Recipe) -> None:
    """Bind every step, open every model, look for every file.

    Raises:
        RecipeError: something that the recipe names is missing or cannot be used.
    """
    for source in recipe.sources:
        bind(source, recipe)
    _check_scrub(recipe)
    _check_tokenizer(recipe)


def _check_scrub(recipe: Recipe) -> None:
    if recipe.scrub is None:
        return
    try:
        scrub_texts(pl.Series([], dtype=pl.String), entities=recipe.scrub.entities, engine=recipe.scrub.engine)
    except UsageError as error:
        raise RecipeError(f"[scrub]: {error}", file=recipe.file) from None


def _check_tokenizer(recipe: Recipe) -> None:
    choice = recipe.tokenize.tokenizer
    if isinstance(choice, str) and choice != "bytes" and not (recipe.base / choice).is_file():
        message = (
            f'[tokenize]: tokenizer = "{choice}" is neither "bytes" nor a file (looked for {recipe.base / choice})'
        )
        raise RecipeError(message, file=recipe.file)


def require_torch() -> None:
    """Training needs the extra that brings PyTorch.

    Raises:
        UsageError: it is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise UsageError('training needs PyTorch, which is not installed: pip install "curate-corpus[train]"')
