"""What decides a run's bytes beside its recipe and inputs: own modules, models, lists, evaluation sets, the tokenizer,
and indexes of earlier documents. The plan holds all of them by name and digest, so that a change is noticed.

recipe ─▶ files of every step, [decontaminate], [tokenize], [dedup], [scrub] ─▶ ModelFile(name, path, sha256)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from curate.decontaminate.evaluations import evaluation_files
from curate.dedup.methods import METHODS, methods_of
from curate.engine.plan import Plan
from curate.engine.whole import file_digest
from curate.errors import RunConflict
from curate.model_file import ModelFile
from curate.own_code.functions import module_files_of
from curate.readers.inputs import reader_of
from curate.recipe import Recipe
from curate.run_files import INDEX, PLAN
from curate.steps.bind import bind
from curate.steps.scrub import scrub_files
from curate.steps.source_reader import reader_files
from curate.tokenize.templates import TEMPLATES, run_template


def deciding_files(recipe: Recipe) -> tuple[ModelFile, ...]:
    """Each once, sorted by name.

    Raises:
        RecipeError: one of them is missing.
    """
    found = {file for files in files_by_part(recipe).values() for file in files}
    return tuple(sorted(found, key=lambda file: (file.name, file.sha256, file.path)))


def files_by_part(recipe: Recipe) -> dict[str, tuple[ModelFile, ...]]:
    """By what asks for them: "source web" is its reader, "step web 2" the third of its steps.

    Raises:
        RecipeError: one of them is missing.
    """
    found: dict[str, Iterable[ModelFile]] = {}
    for source in recipe.sources:
        found[f"source {source.name}"] = reader_of(source, recipe).files
        steps = enumerate(bind(source, recipe))
        found |= {f"step {source.name} {number}": step.filter.files for number, step in steps}
    found |= {"method": method_files(recipe), "index": index_files(recipe), "decontaminate": _evaluations(recipe)}
    found |= {"scrub": scrub_files(recipe), "tokenizer": tokenizer_files(recipe)}
    found |= {"template": template_files(recipe), "views": view_files(recipe)}
    return {part: tuple(files) for part, files in found.items()}


def digests_of(files: Iterable[ModelFile]) -> tuple[tuple[str, str], ...]:
    """Names and digests, as they stand in the plan."""
    return tuple(sorted({(file.name, file.sha256) for file in files}))


def check_as_planned(plan: Plan, files: Iterable[ModelFile]) -> None:
    """Before a worker uses files: they are those with which the run began.

    Raises:
        RunConflict: one was changed in the meantime; says which.
    """
    changed = sorted({name for name, _ in set(digests_of(files)) - set(plan.files)})
    if changed:
        raise RunConflict(f"{changed[0]} has changed since this run was planned; choose another --out")


def files_of_sources(recipe: Recipe) -> Iterator[ModelFile]:
    """Own readers and steps with what they import and name, models and lists."""
    yield from reader_files(recipe)
    for source in recipe.sources:
        for step in bind(source, recipe):
            yield from step.filter.files


def _evaluations(recipe: Recipe) -> list[ModelFile]:
    return evaluation_files(recipe.decontaminate, recipe.base) if recipe.decontaminate else []


def tokenizer_files(recipe: Recipe) -> Iterator[ModelFile]:
    """The file of a tokenizer that is not trained here, and what describes it beside it."""
    choice = recipe.tokenize.tokenizer
    if not isinstance(choice, str) or choice == "bytes":
        return
    path = recipe.base / choice
    for file in (path, path.with_name("tokenizer_config.json")):
        if file.is_file():
            yield ModelFile(file.name, str(file), file_digest(file))


def template_files(recipe: Recipe) -> Iterator[ModelFile]:
    """A template of one's own, where the recipe's sources have conversations."""
    path = recipe.base / recipe.tokenize.template
    if recipe.tokenize.template not in TEMPLATES and run_template(recipe) is not None:
        yield ModelFile(path.name, str(path), file_digest(path))


def method_files(recipe: Recipe) -> Iterator[ModelFile]:
    """The modules of methods of deduplication that curate does not bring."""
    methods = methods_of(recipe.dedup) if recipe.dedup else ()
    return module_files_of((method.name for method in methods), recipe.base, METHODS)


def view_files(recipe: Recipe) -> Iterator[ModelFile]:
    """The modules of views of shards that curate does not bring."""
    return module_files_of(recipe.tokenize.views, recipe.base)


def index_files(recipe: Recipe) -> Iterator[ModelFile]:
    """An index by the digests of its files: what repeats a document there is dropped."""
    for place in recipe.dedup.against if recipe.dedup else ():
        folder = recipe.base / place
        files = sorted(file for file in folder.rglob("*") if file.is_file() and _is_of_index(file, folder))
        told = [f"{file.relative_to(folder).as_posix()} {file_digest(file)}" for file in files]
        yield ModelFile(f"index {place}", str(folder), hashlib.sha256("\n".join(told).encode()).hexdigest())


def _is_of_index(file: Path, folder: Path) -> bool:
    """Of a run that has an index only that counts."""
    is_run = (folder / PLAN).is_file()
    return not is_run or file.is_relative_to(folder / INDEX)
