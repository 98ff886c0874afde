"""A run on disk, opened for reading: manifest, account, documents, ledger.

run = curate.Run("runs/mini");  run.documents("web").collect();  run.ledger().filter(pl.col("step") == "dedup")
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from curate.engine.plan import PLAN, Plan, read_plan
from curate.engine.sealed import read_sealed
from curate.engine.store import file_digest
from curate.errors import CheckFailed, UsageError
from curate.recipe import Recipe
from curate.recipe_file import load

RECIPE = "recipe.toml"
MANIFEST = "manifest.json"
Identity = tuple[int, int, int]

DOCUMENTS = {
    "id": pl.String,
    "source": pl.String,
    "url": pl.String,
    "text": pl.String,
    "byte_count": pl.Int64,
    "token_count": pl.Int64,
}
"""Columns that documents of every source have."""


def open_run(run: Path) -> tuple[Recipe, Plan]:
    """The resolved recipe and the plan of a run; a process reads them once, and again where the folder was made anew.

    Raises:
        UsageError: the folder is not a run's.
        CheckFailed: one of the two files is damaged.
    """
    if not (run / PLAN).is_file():
        raise UsageError(f"{run} is not a run's folder: it has no {PLAN}")
    return _open_run(run, _identity(run / PLAN), _identity(run / RECIPE))


@lru_cache(maxsize=2)
def _open_run(run: Path, plan_identity: Identity, recipe_identity: Identity) -> tuple[Recipe, Plan]:
    plan = read_plan(run)
    assert plan is not None, "the caller has seen it"
    if not (run / RECIPE).is_file() or file_digest(run / RECIPE) != plan.recipe_file:
        raise CheckFailed(f"{run / RECIPE} is damaged: it is not the one that the plan was made for")
    recipe = replace(load(run / RECIPE), base=Path(plan.base))
    return recipe.with_own_columns(dict(plan.columns)), plan


def _identity(path: Path) -> Identity:
    """What tells a file from another one that had the same path before."""
    facts = path.stat() if path.is_file() else None
    return (facts.st_ino, facts.st_mtime_ns, facts.st_size) if facts else (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Run:
    """The folder of a run, finished or not."""

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / "plan.json").is_file():
            raise UsageError(f"{self.folder} is not a run's folder: it has no plan.json")

    @property
    def is_complete(self) -> bool:
        return (self.folder / MANIFEST).is_file()

    @property
    def manifest(self) -> dict[str, Any]:
        """Digests, versions, inputs and outputs, counts per source and step.

        Raises:
            UsageError: the run is not complete.
            CheckFailed: the file is damaged.
        """
        self._look_for(MANIFEST)
        return read_sealed(self.folder / MANIFEST)

    @property
    def mixture(self) -> dict[str, Any]:
        return self._json("tokens/mixture.json")

    @property
    def timing(self) -> dict[str, Any]:
        return self._json("timing.json")

    def documents(self, source: str | None = None) -> pl.LazyFrame:
        """Final, scrubbed documents of one source or of all; none where all were dropped."""
        if self.is_complete and self._keeps_nothing(source):
            return pl.LazyFrame(schema=DOCUMENTS)
        return self._scan("documents", source)

    def _keeps_nothing(self, source: str | None) -> bool:
        counts = self.manifest["counts"]
        return (source is None or source in counts) and not any(
            count["kept"] for name, count in counts.items() if source in (None, name)
        )

    def ledger(self, source: str | None = None) -> pl.LazyFrame:
        """One row per record read: id, source, url, outcome, step, reason, value, every signal."""
        return self._scan("ledger", source)

    def _json(self, name: str) -> dict[str, Any]:
        self._look_for(name)
        try:
            table: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except ValueError as error:
            raise CheckFailed(f"{self.folder / name} is damaged: {error}") from error
        return table

    def _look_for(self, name: str) -> None:
        if not (self.folder / name).is_file():
            raise UsageError(f'{self.folder} has no {name} yet: "curate run" has not finished there')

    def _scan(self, room: str, source: str | None) -> pl.LazyFrame:
        files = sorted((self.folder / room).glob(f"{source or '*'}/*.parquet"))
        if not files:
            raise UsageError(f"{self.folder / room} holds no files{f' of source {source!r}' if source else ''}")
        return pl.concat([pl.scan_parquet(file) for file in files], how="diagonal_relaxed")
