"""A run opened for reading, from a folder or an object store: manifest, account, documents, ledger.

run = RunFolder("runs/mini");  run.documents("web").collect();  run.ledger().filter(pl.col("step") == "dedup")
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.engine.object_address import stored_place
from curate.engine.plan import Plan, Split
from curate.engine.posix import PosixStore
from curate.engine.sealed import read_sealed
from curate.engine.store import Store
from curate.engine.stores import store_at
from curate.errors import CheckFailed, UsageError
from curate.recipe import Recipe
from curate.run_files import (
    DOCUMENTS,
    LEDGER,
    MANIFEST,
    MIXTURE,
    NEXT_FORGET,
    PLAN,
    RECIPE,
    SPLIT_ENDS,
    SPLITS,
    TIMING,
    TOKENIZER,
    TOKENS,
)

MAX_HINTS = 5
"""Runs that are named where one is not there."""

if TYPE_CHECKING:  # who trains on tokens that were carried elsewhere has no polars
    import polars as pl


@dataclass(frozen=True, slots=True, repr=False)
class RunFolder:
    """The folder of a run, finished or not, or its address on an object store ("s3://bucket/runs/mini"), of which what
    is looked at is copied to this machine."""

    place: Path | str
    _copied: set[str] = field(default_factory=set, compare=False, repr=False)
    """Names below which all was copied already."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", stored_place(self.place) or Path(self.place))
        if self.store.stamp(PLAN) is None:
            what = _what_is_wrong(self.place) if isinstance(self.place, Path) else f"it has no {PLAN}"
            raise UsageError(f"{self.place} is not a run's folder: {what}")

    def __repr__(self) -> str:
        return f'{type(self).__name__}("{self.place}")'

    @property
    def store(self) -> Store:
        """The folder as those see it who work in it."""
        return PosixStore(self.place) if isinstance(self.place, Path) else store_at(self.place)

    @property
    def folder(self) -> Path:
        """A folder of this machine with all of the run, but for what an object store has of `work/`."""
        return self.room("")

    def room(self, name: str) -> Path:
        """One of its folders, on this machine."""
        if isinstance(self.place, Path):
            return self.place / name
        from curate.engine.run_copies import copied_folder

        return copied_folder(self.place, name, self._copied)

    def file(self, name: str) -> Path:
        """One of its files, on this machine, which need not be there."""
        if isinstance(self.place, Path):
            return self.place / name
        from curate.engine.run_copies import copied_file

        return copied_file(self.place, name)

    def look_again(self) -> None:
        """It was changed."""
        self._copied.clear()

    @property
    def recipe(self) -> Recipe:
        """As it was resolved.

        Raises:
            CheckFailed: it, or the plan, is damaged.
        """
        return self._open()[0]

    @property
    def plan(self) -> Plan:
        return self._open()[1]

    @property
    def is_complete(self) -> bool:
        return self.file(MANIFEST).is_file()

    @property
    def manifest(self) -> dict[str, Any]:
        """Digests, versions, inputs and outputs, counts per source and step.

        Raises:
            UsageError: the run is not complete.
            CheckFailed: the file is damaged.
        """
        self._look_for(MANIFEST)
        return read_sealed(self.file(MANIFEST))

    @property
    def mixture(self) -> dict[str, Any]:
        return self._json(MIXTURE)

    @property
    def timing(self) -> dict[str, Any]:
        return self._json(TIMING)

    def documents(self, source: str | None = None) -> pl.LazyFrame:
        """Final, scrubbed documents of one source or of all, which have the same columns."""
        return self._scan(DOCUMENTS, source)

    def ledger(self, source: str | None = None) -> pl.LazyFrame:
        """One row per record read: id, source, url, outcome, step, reason, value, every signal that a source measures;
        null where its own source does not."""
        return self._scan(LEDGER, source)

    def split_of(self, id: str) -> Split:
        """The split in which a record was read.

        Raises:
            UsageError: the run read none with this id.
        """
        import polars as pl

        source = id.partition("/")[0]
        files = sorted(self.room(LEDGER).glob(f"{escape(source)}/*.parquet"))
        rows = (
            pl.scan_parquet(files, glob=False, include_file_paths="file")
            if files
            else pl.LazyFrame({"id": [], "file": []})
        )
        found = rows.filter(pl.col("id") == id).select("file").collect()["file"]
        if found.is_empty():
            raise UsageError(f"{self.place} read no record with the id {id}")
        return self.plan.split(f"{source}-{Path(found[0]).stem}")

    def _open(self) -> tuple[Recipe, Plan]:
        from curate.engine.job import open_run

        return open_run(self.store)

    def _json(self, name: str) -> dict[str, Any]:
        self._look_for(name)
        try:
            table: dict[str, Any] = json.loads(self.file(name).read_text(encoding="utf-8"))
        except ValueError as error:
            raise CheckFailed(f"{self.file(name)} is damaged: {error}") from error
        return table

    def _look_for(self, name: str) -> None:
        if not self.file(name).is_file():
            if self.file(NEXT_FORGET).is_file():
                raise UsageError(f"documents of {self.place} are being forgotten: curate forget {self.place} goes on")
            raise UsageError(
                f'{self.place} has no {name} yet: "curate run" has not finished there; '
                f"curate run RECIPE --out {self.place} goes on"
            )

    def _scan(self, room: str, source: str | None) -> pl.LazyFrame:
        import polars as pl

        files = sorted(self.room(room).glob(f"{source or '*'}/*.parquet"))
        if not files:
            raise UsageError(f"{self.place}/{room} holds no files{f' of source {source!r}' if source else ''}")
        return pl.scan_parquet(files, glob=False)


def folder_of(place: Path | str) -> Path:
    """A folder of this machine with what a trainer needs of a run, or with its `tokens/` alone, which somebody has
    carried here."""
    address = stored_place(place)
    if address is None:
        return Path(place)
    run = RunFolder(address)
    for name in (RECIPE, PLAN, SPLITS, SPLIT_ENDS, TOKENIZER):
        run.file(name)
    return run.room(TOKENS).parent


def _what_is_wrong(folder: Path) -> str:
    """With the runs that lie beside what is not there."""
    if folder.is_file():
        return "it is a file"
    if folder.is_dir():
        return f"it has no {PLAN}"
    runs = sorted(str(plan.parent) for plan in folder.parent.glob(f"*/{PLAN}"))[:MAX_HINTS]
    return f"it is not there; these are: {', '.join(runs)}" if runs else "it is not there"
