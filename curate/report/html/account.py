"""What all parts of the report read: a finished run, opened once.

RUN ─▶ manifest, recipe, plan, funnel, columns of its tables ─▶ Account
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.engine.plan import Plan
from curate.recipe import Recipe, Step
from curate.report.funnel import FunnelRow, funnel
from curate.run_files import DOCUMENTS
from curate.run_folder import RunFolder
from curate.steps.bind import step_names

CONDITION = "where"
"""The step whose name says nothing of what it asks."""


@dataclass(frozen=True, slots=True)
class Account:
    """`ledger` and `documents` are the types of their columns; a run that kept nothing has no documents."""

    run: RunFolder
    manifest: Mapping[str, Any]
    recipe: Recipe
    plan: Plan
    funnel: tuple[FunnelRow, ...]
    ledger: pl.Schema
    documents: pl.Schema

    @property
    def sources(self) -> list[str]:
        """Names, in the recipe's order."""
        return [source.name for source in self.recipe.sources if source.name in self.manifest["counts"]]

    def told(self, source: str, name: str) -> str:
        """A step for a reader: a condition by what it asks, as "where#7" says nothing; others by their names."""
        found = self.recipe.source(source)
        asked = dict(zip(step_names(found), found.steps, strict=True)).get(name)
        return told_step(asked) if asked else name

    def total(self, name: str) -> int:
        """A count of the manifest over all sources: "read", "kept", "kept_bytes" …"""
        return sum(counts[name] for counts in self.manifest["counts"].values())

    @property
    def tokens(self) -> int:
        """Of both parts."""
        return sum(sum(counts["tokens"].values()) for counts in self.manifest["counts"].values())


def told_step(step: Step) -> str:
    return f"{CONDITION} {step.parameters['expression']}" if step.use == CONDITION else step.use


def open_account(run: RunFolder) -> Account:
    """
    Raises:
        UsageError: the run is not complete.
        CheckFailed: a file of it is damaged.
    """
    has_documents = any(run.room(DOCUMENTS).glob("*/*.parquet"))
    return Account(
        run,
        run.manifest,
        run.recipe,
        run.plan,
        tuple(funnel(run)),
        run.ledger().collect_schema(),
        run.documents().collect_schema() if has_documents else pl.Schema(),
    )
