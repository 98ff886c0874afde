"""`curate plan`: what a recipe would read and how the mixture would come out, from a part of the inputs; runs nothing.

recipe ─▶ inputs, splits, bytes ─▶ a part of each source taken through its steps ─▶ tokens, with their error ─▶ epochs
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.engine.plan import Plan
from curate.forecast.estimate import estimate
from curate.pipeline.check import check_recipe
from curate.pipeline.planning import make_plan
from curate.recipe import Recipe, digest
from curate.recipe_file import load
from curate.report.dedup import s_curve_line
from curate.report.show import add_column, size
from curate.steps.bind import resolve
from curate.tokenize.mix import plan_mixture

SURE = 0.01
"""A smaller relative error is not worth a note."""


def plan_values(path: str) -> dict[str, Any]:
    """The plan as plain values.

    Raises:
        RecipeError: the recipe cannot run as it is written.
    """
    recipe = resolve(load(path))
    check_recipe(recipe)
    plan = make_plan(recipe)
    sources = estimate_sources(recipe, plan)
    has_bands = recipe.dedup is not None and "minhash" in recipe.dedup.method
    curve = {"dedup": s_curve_line(recipe.dedup)} if has_bands and recipe.dedup else {}
    return curve | {
        "name": recipe.name,
        "recipe": digest(recipe),
        "sources": sources,
        "mixture": estimate_mixture(recipe, sources),
    }


def estimate_sources(recipe: Recipe, plan: Plan) -> dict[str, dict[str, Any]]:
    """By source: files, splits, bytes; and as estimated (`forecast.estimate`) documents, text, tokens, their error."""
    inputs, found = plan.inputs(), estimate(recipe, plan)
    return {
        source.name: {
            "files": len(inputs[source.name]),
            "splits": len(plan.of(source.name)),
            "bytes": sum(file.size for file in inputs[source.name]),
            "estimated_tokens": found[source.name].tokens,
            "estimated": asdict(found[source.name]),
        }
        for source in recipe.sources
    }


def estimate_mixture(recipe: Recipe, sources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Weights and epochs by source, and what there is to say about them, from `estimate_sources`."""
    in_training = 1 - recipe.tokenize.validation
    available = {name: int(source["estimated_tokens"] * in_training) for name, source in sources.items()}
    mix = recipe.mix
    mixture = plan_mixture(available, weights=mix.weights, tokens=mix.tokens, max_epochs=mix.max_epochs)
    parts = {share.name: {"weight": share.weight, "epochs": share.epochs} for share in mixture.shares}
    return {"sources": parts, "notes": list(mixture.notes)}


def plan_tables(path: str) -> list[Table | str]:
    """The plan for a terminal."""
    values = plan_values(path)
    title = f"Plan of {values['name']}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("source", "files", "splits", "input", "~text", "~tokens", "±", "share", "~epochs"):
        add_column(table, name, is_text=name == "source")
    drawn = values["mixture"]["sources"]
    for name, source in values["sources"].items():
        part = drawn.get(name, {"weight": 0.0, "epochs": 0.0})
        found = source["estimated"]
        counts = (f"{source['files']:,}", f"{source['splits']:,}", size(source["bytes"]))
        text = (size(found["bytes"]), f"{found['tokens']:,}", _error(found))
        table.add_row(name, *counts, *text, f"{part['weight']:.3f}", f"{part['epochs']:.2f}")
    curve = [f"Dedup: {values['dedup']}"] if "dedup" in values else []
    return [table, *_how(values["sources"]), *curve, *values["mixture"]["notes"]]


def _error(found: Mapping[str, Any]) -> str:
    return f"{found['error'] / found['tokens']:.0%}" if found["tokens"] else ""


def _how(sources: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What the estimates rest on."""
    for name, source in sources.items():
        found = source["estimated"]
        tried = f"{name}: {found['drawn']:,} documents were tried"
        if not found["drawn"]:
            yield f"{name}: no document can be read"
        elif found["drawn_share"] >= 1:
            yield f"{tried}, all that can be read"
        else:
            copies = f"; about {found['copy_share']:.0%} of the text are copies" if found["copy_share"] > SURE else ""
            yield f"{tried}, {found['drawn_share']:.1%} of it{copies}"
    yield "~ is an estimate, ± its standard error; the run counts."
