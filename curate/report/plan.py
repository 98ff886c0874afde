"""`curate plan`: what a recipe would read and how the mixture would come out, from sizes alone; runs nothing.

recipe ─▶ inputs, splits, bytes ─▶ estimated tokens by source ─▶ epochs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.engine.plan import Plan
from curate.passes.check import check_recipe
from curate.passes.inputs import make_plan
from curate.passes.steps import resolve
from curate.recipe import Recipe, digest
from curate.recipe_file import load
from curate.report.dedup import s_curve_line
from curate.report.show import add_column, size
from curate.tokenize.mix import plan_mixture

TOKENS_PER_INPUT_BYTE: Mapping[str, float] = {"warc": 0.02, "books": 0.23, "code": 0.25, "tables": 0.23}
"""Rough, for a first look: what is left of an input's bytes as tokens, compressed web pages included. Real crawls
differ by language and filters; the run itself counts."""
COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip", ".epub", ".tgz", ".parquet")
COMPRESSION = 3.5


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
        "mixture": _mixture(recipe, sources),
    }


def estimate_mixture(recipe: Recipe, plan: Plan) -> dict[str, Any]:
    """Weights and epochs by source, and what there is to say about them, from the inputs' sizes."""
    return _mixture(recipe, estimate_sources(recipe, plan))


def estimate_sources(recipe: Recipe, plan: Plan) -> dict[str, dict[str, int]]:
    """By source: files, splits, bytes and, from these, tokens."""
    inputs = plan.inputs()
    return {
        source.name: {
            "files": len(inputs[source.name]),
            "splits": len(plan.of(source.name)),
            "bytes": sum(file.size for file in inputs[source.name]),
            "estimated_tokens": sum(_tokens(file.name, file.size, source.read) for file in inputs[source.name]),
        }
        for source in recipe.sources
    }


def plan_tables(path: str) -> list[Table | str]:
    """The plan for a terminal."""
    values = plan_values(path)
    table = Table(title=f"Plan of {values['name']}", title_justify="left", box=SIMPLE_HEAD)
    for name in ("source", "files", "splits", "input", "~tokens", "share", "~epochs"):
        add_column(table, name, is_text=name == "source")
    drawn = values["mixture"]["sources"]
    for name, source in values["sources"].items():
        part = drawn.get(name, {"weight": 0.0, "epochs": 0.0})
        counts = (
            f"{source['files']:,}",
            f"{source['splits']:,}",
            size(source["bytes"]),
            f"{source['estimated_tokens']:,}",
        )
        table.add_row(name, *counts, f"{part['weight']:.3f}", f"{part['epochs']:.2f}")
    note = "~ Tokens are estimated from the inputs' sizes; the run counts them."
    curve = [f"Dedup: {values['dedup']}"] if "dedup" in values else []
    return [table, note, *curve, *values["mixture"]["notes"]]


def _tokens(name: str, bytes_: int, read: str) -> int:
    is_compressed = name.endswith(COMPRESSED) and read != "warc"
    return int(bytes_ * TOKENS_PER_INPUT_BYTE[read] * (COMPRESSION if is_compressed else 1.0))


def _mixture(recipe: Recipe, sources: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    available = {name: source["estimated_tokens"] for name, source in sources.items()}
    mix = recipe.mix
    mixture = plan_mixture(available, weights=mix.weights, tokens=mix.tokens, max_epochs=mix.max_epochs)
    parts = {share.name: {"weight": share.weight, "epochs": share.epochs} for share in mixture.shares}
    return {"sources": parts, "notes": list(mixture.notes)}
