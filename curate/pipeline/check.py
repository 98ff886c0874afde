"""What can be known to be wrong before a run starts: every name, parameter, model and file of a recipe."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import polars as pl

from curate.decontaminate.evaluations import open_evaluation
from curate.dedup.index import open_index
from curate.dedup.sign import check_columns, check_keep, with_bands
from curate.errors import UsageError, nearest
from curate.filters.where import check_where, columns_of
from curate.readers.inputs import find_source
from curate.readers.reader import traits_of
from curate.recipe import Recipe, Source, TokenizerChoice
from curate.steps.bind import BUILT_IN, BoundStep, at_line, bind, has_own_steps
from curate.steps.columns import empty_batch
from curate.steps.extract import page_extractor
from curate.steps.own_columns import own_columns
from curate.steps.ranks import check_ranks, without_ranks
from curate.steps.schema import measured
from curate.steps.scrub import scrub_as_asked
from curate.tokenize.backends import END_OF_TEXT
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.marks import check_reserved, check_vocabulary, wanted_control
from curate.tokenize.own_control import check_mark
from curate.tokenize.own_views import views_of


def check_recipe(recipe: Recipe) -> None:
    """Bind every step, open every model, look for every file.

    Raises:
        RecipeError: something that the recipe names is missing or cannot be used.
    """
    for source in recipe.sources:
        page_extractor(source, recipe)
    recipe = replace(recipe, sources=tuple(_with_columns(source, recipe) for source in recipe.sources))
    for source in recipe.sources:
        _check_expressions(source, recipe, bind(source, recipe))
        check_ranks(source, recipe)
    _check_dedup(recipe)
    _check_decontaminate(recipe)
    _check_scrub(recipe)
    _check_tokenizer(recipe)
    _check_views(recipe)


def _check_expressions(source: Source, recipe: Recipe, steps: tuple[BoundStep, ...]) -> None:
    """Each `where` names columns that are there when its turn comes, and gives true or false."""
    batch = empty_batch(source)
    own: set[str] = set()  # what users' functions add has a type that only a run shows
    for step, bound in zip(source.steps, steps, strict=True):
        if step.use == "where":
            at_line(step, recipe, partial(_check_where, step.parameters["expression"], batch, own))
        elif step.use not in BUILT_IN:
            own.add(step.use.rpartition(":")[2])
        elif bound.filter.measure is not None:
            # Of no rows: what later steps may name. One that misses a column says so here, at its line.
            batch = without_ranks(at_line(step, recipe, partial(bound.filter.measure, batch)), steps)


def _with_columns(source: Source, recipe: Recipe) -> Source:
    """With the columns of its tables, as the plan will know them."""
    if not traits_of(source.read).has_own_columns:
        return source
    return replace(source, own=own_columns(source, recipe, find_source(source, recipe)))


def _check_where(expression: str, batch: pl.DataFrame, own: set[str]) -> None:
    used = columns_of(expression)
    if not used & own:  # of a column of unknown type only the name can be checked
        check_where(expression, batch.schema)
    for name in sorted(used - own - set(batch.columns)):
        raise UsageError(f'where = "{expression}": there is no column "{name}"{nearest(name, [*batch.columns, *own])}')


def _check_dedup(recipe: Recipe) -> None:
    """`keep` and the methods name columns that every source has; what users' functions add only a run shows. Indexes
    can be used."""
    if recipe.dedup is None:
        return
    for place in recipe.dedup.against:
        try:
            open_index(recipe.base / place, with_bands(recipe.dedup))
        except (UsageError, OSError) as error:
            raise recipe.recipe_error(f"[dedup]: against: {error}", "dedup", "against") from None
    for source in recipe.sources:
        if has_own_steps(source):
            continue
        columns = [*without_ranks(measured(source, recipe), bind(source, recipe)).columns, *source.columns]
        for key, check in (("keep", check_keep), ("method", check_columns)):
            try:
                check(recipe.dedup, columns)
            except UsageError as error:
                raise recipe.recipe_error(f"[dedup]: {error} in source {source.name}", "dedup", key) from None


def _check_decontaminate(recipe: Recipe) -> None:
    if recipe.decontaminate is None:
        return
    try:
        open_evaluation(recipe.decontaminate, recipe.base)
    except UsageError as error:
        raise recipe.recipe_error(f"[decontaminate]: {error}", "decontaminate", "against") from None


def _check_scrub(recipe: Recipe) -> None:
    try:
        scrub_as_asked(pl.DataFrame(schema={"id": pl.String, "text": pl.String}), recipe)
    except UsageError as error:
        raise recipe.recipe_error(f"[scrub]: {error}", "scrub", "entities") from None


def _check_tokenizer(recipe: Recipe) -> None:
    """The file can be read, encodes, says which token ends a text, and has the control tokens that are needed; or what
    is asked for can be trained."""
    choice, named = recipe.tokenize.tokenizer, recipe.tokenize.end_of_text
    key: tuple[str, ...] = ("tokenizer",) if named is None else ("end_of_text",)
    try:
        if isinstance(choice, TokenizerChoice):
            check_mark(named or END_OF_TEXT)
            key = ("tokenizer", "train", "special_tokens" if choice.train.special_tokens else "vocab_size")
            check_reserved(recipe, named or END_OF_TEXT, choice.train)
            return
        place = choice if choice == "bytes" else recipe.base / choice
        tokenizer = load_tokenizer(place, end_of_text=named, control=wanted_control(recipe))
        check_vocabulary(tokenizer, recipe)
    except (UsageError, OSError) as error:
        raise recipe.recipe_error(f"[tokenize]: {error}", "tokenize", *key) from None


def _check_views(recipe: Recipe) -> None:
    try:
        views_of(recipe)
    except UsageError as error:
        raise recipe.recipe_error(f"[tokenize]: {error}", "tokenize", "views") from None
