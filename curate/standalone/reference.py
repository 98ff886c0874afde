"""What a language model is trained on or asked about: tables, sources of recipes, runs with their documents or tokens.

tables, recipes ─▶ by a hash of the text ─┬▶ train ──────┐
runs ─▶ as the run divided them ──────────┴▶ validation ─┴▶ pieces: a stream of words, the texts, how many bytes
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curate.engine.plan import Plan
from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.filters.ngram.model import pieces
from curate.filters.ngram.words import Units, WordStream, token_stream, word_stream
from curate.pipeline.check import check_recipe
from curate.pipeline.planning import make_plan
from curate.pipeline.tokenizer import keyed_share
from curate.recipe import Recipe
from curate.recipe_file import load
from curate.run_files import DOCUMENTS, MANIFEST, PLAN, Part, shards
from curate.run_folder import RunFolder
from curate.standalone.labeled import HeldOut, LabeledTables, open_tables
from curate.standalone.tables import inputs_of
from curate.steps.bind import resolve
from curate.steps.kept import kept_documents
from curate.text.buffers import TextBuffers, text_buffers
from curate.tokenize.shards import Shard, open_shard

COLUMNS = ["id", "text"]
SHARD_FILES = "*.bin"
RECIPE_SUFFIX = ".toml"


class Piece(NamedTuple):
    """Some megabytes of words; `texts` is None where they are tokens. `bytes` are those of UTF-8."""

    stream: WordStream
    texts: TextBuffers | None
    bytes: int


@dataclass(frozen=True, slots=True)
class Reference:
    """Inputs that were found; `share` of the texts in tables and recipes' sources is held out for validation."""

    tables: LabeledTables | None
    runs: tuple[RunFolder, ...]
    recipes: tuple[tuple[Recipe, Plan], ...]
    share: float
    seed: int

    def frames(self, part: Part | None = None) -> Iterator[pl.DataFrame]:
        """`id` and `text` of one part, or of all; of tables that were opened with a label also this."""
        for run in self.runs:
            yield from _documents(run, part)
        kept = (kept_documents(recipe, source, plan) for recipe, plan in self.recipes for source in recipe.sources)
        for rows in chain(*kept, self.tables.frames() if self.tables is not None else ()):
            yield rows if part is None else rows.filter(self._is_of(part, rows["text"]))

    def pieces(self, units: Units, part: Part | None = None, *, places: bool = False) -> Iterator[Piece]:
        """One part cut into words, in the order of the files; with the `places` of words in the texts.

        Raises:
            UsageError: tokens are asked of tables, which have none.
        """
        if units == "tokens":
            yield from self._tokens(part)
            return
        for frame in self.frames(part):
            for texts in pieces(text_buffers(frame["text"])):
                yield Piece(word_stream(texts, units, places=places), texts, len(texts.data))

    def files(self) -> list[dict[str, Any]]:
        """What is read, by content."""
        runs = [
            {
                "run": Path(run.place).resolve().name,
                "manifest_sha256": file_sha256(str(run.file(MANIFEST)), what="manifest"),
            }
            for run in self.runs
        ]
        read = [
            {"source": name, "name": file.name, "bytes": file.size, "sha256": file_sha256(file.uri, what="input")}
            for _, plan in self.recipes
            for name, files in plan.inputs().items()
            for file in files
        ]
        recipes = [{"recipe": recipe.name, "digest": plan.recipe} for recipe, plan in self.recipes]
        return [*runs, *recipes, *read, *(self.tables.files() if self.tables else [])]

    def paths(self) -> set[Path]:
        read = {Path(uri).resolve() for _, plan in self.recipes for uri in inputs_of(plan.splits) if "://" not in uri}
        return read | (self.tables.paths() if self.tables else set())

    def _is_of(self, part: Part, texts: pl.Series) -> pl.Series:
        held_out = HeldOut(self.share, self.seed).is_in(texts.rename("text").to_frame())
        return held_out if part == "validation" else ~held_out

    def _tokens(self, part: Part | None) -> Iterator[Piece]:
        if self.tables is not None or self.recipes:
            raise UsageError("only a run has tokens; name the folders of runs, and nothing else")
        for run in self.runs:
            for name in (part,) if part else ("train", "validation"):
                for source in run.recipe.sources:
                    for path in sorted(run.room(shards(name, source.name)).glob(SHARD_FILES)):
                        yield _tokens_of(open_shard(path))


def open_reference(
    inputs: Sequence[str | Path], *, text: str = "text", label: str | None = None, share: float = 0.0, seed: int = 17
) -> Reference:
    """The inputs: folders of runs that are done, recipes (`.toml`: what the steps of their sources keep), and tables
    (JSON Lines or Parquet, or folders of them).

    Raises:
        UsageError: no such file, none is given, or a run is not done.
        RecipeError: a recipe cannot run.
    """
    folders = [Path(one) for one in inputs if (Path(one) / PLAN).is_file()]
    runs = tuple(RunFolder(folder) for folder in folders)
    for run in runs:
        if not run.is_complete:
            raise UsageError(f'{run.place} is not done: "curate run" has not finished there')
    recipes = tuple(_opened(one) for one in inputs if Path(one).suffix == RECIPE_SUFFIX)
    others = [one for one in inputs if Path(one) not in folders and Path(one).suffix != RECIPE_SUFFIX]
    needed = others or not (runs or recipes)
    tables = open_tables(others, text=text, label=label) if needed else None
    return Reference(tables, runs, recipes, share, seed)


def _opened(path: str | Path) -> tuple[Recipe, Plan]:
    recipe = resolve(load(path))
    check_recipe(recipe)
    return recipe, make_plan(recipe)


def _documents(run: RunFolder, part: Part | None) -> Iterator[pl.DataFrame]:
    """The final documents, divided as `curate.pipeline.tokenize` does: by a keyed hash of the id."""
    recipe = run.recipe
    for path in sorted(run.room(DOCUMENTS).glob("*/*.parquet")):
        rows = pl.read_parquet(path, columns=COLUMNS)
        is_validation = keyed_share(rows["id"], seed=recipe.seed, purpose="validation") < recipe.tokenize.validation
        yield rows if part is None else rows.filter(is_validation if part == "validation" else ~is_validation)


def _tokens_of(shard: Shard) -> Piece:
    """Without the token that ends a text, in whose place a model has an end of its own."""
    ends = shard.ends.astype(np.int64)
    last = shard.tokens[ends - 1].astype(np.int64)
    is_end = last == (np.bincount(last).argmax() if len(last) else 0)
    tokens = np.delete(shard.tokens, ends[is_end] - 1).astype(np.int64)
    offsets = np.concatenate([[0], ends - np.cumsum(is_end)])
    return Piece(token_stream(tokens, offsets), None, int(shard.documents()["bytes"].sum()))
