"""What is left of personal data in the final documents of a run: everything that an engine knows, looked for again.

documents/<source>/*.parquet ─▶ every entity ─▶ by source and entity: findings, documents, some excerpts
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from curate.recipe import Recipe, Scrub
from curate.run_files import DOCUMENTS
from curate.run_folder import RunFolder
from curate.scrub.entities import ENTITIES, known_names
from curate.scrub.entity import Labels
from curate.scrub.findings import Findings, Hit
from curate.scrub.pii import find_personal
from curate.scrub.pseudonyms import is_pseudonym
from curate.steps.own_entities import entities_of
from curate.steps.scrub import model_folder

ROWS_AT_ONCE = 1000
EXCERPTS, AROUND = 3, 30
"""Of an entity in a source, and characters before and after a finding."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """What is left of one entity in the documents of one source; `excerpts` are on one line each."""

    source: str
    entity: str
    findings: int
    documents: int
    excerpts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """`documents` were looked at, `engine` looked, for `entities`; `left` has those of which there are any."""

    documents: int
    engine: str
    entities: tuple[str, ...]
    left: tuple[Leftover, ...]


def audit(
    run: RunFolder,
    *,
    entities: Sequence[str] | None = None,
    engine: Literal["patterns", "presidio"] | None = None,
    model: str | None = None,
) -> Audit:
    """Look again at what a run has written.

    By default with the run's own engine and model, or "patterns", for all entities that these know. Pseudonyms that the
    run has put into its texts are not counted.

    Raises:
        UsageError: the run has no documents, or the engine does not know an entity, or is not installed.
        DocumentError: a text cannot be finished.
    """
    recipe = run.recipe
    own = recipe.scrub or Scrub(entities=())
    asked = replace(own, engine=engine or own.engine, model=model if model is not None else own.model)
    asked = replace(asked, entities=tuple(entities or _all_known(asked)))
    found = [row for source in recipe.sources for row in _audit_source(run, source.name, replace(recipe, scrub=asked))]
    documents = run.documents().select(pl.len()).collect().item()
    return Audit(int(documents), asked.engine, asked.entities, tuple(found))


def _all_known(scrub: Scrub) -> list[str]:
    """Names of people and places only where there is a model."""
    known = known_names(scrub.engine)
    return [name for name in known if scrub.model is not None or not isinstance(ENTITIES[name].find, Labels)]


def _audit_source(run: RunFolder, source: str, recipe: Recipe) -> Iterator[Leftover]:
    assert recipe.scrub is not None
    asked, model = entities_of(recipe), model_folder(recipe)
    findings, documents, excerpts = Counter[str](), Counter[str](), dict[str, list[str]]()
    for texts in _texts(run.room(DOCUMENTS) / source):
        found = find_personal(texts, asked, model=model)
        for place, hits in sorted(found.hits.items()):
            left = [hit for hit in hits if not _is_ours(found, place, hit, recipe.scrub)]
            documents.update({hit.entity.name for hit in left})
            for hit in left:
                findings[hit.entity.name] += 1
                shown = excerpts.setdefault(hit.entity.name, [])
                if len(shown) < EXCERPTS:
                    shown.append(_excerpt(texts[place], hit))
    for entity in asked:
        if count := findings[entity.name]:
            yield Leftover(source, entity.name, count, documents[entity.name], tuple(excerpts[entity.name]))


def _texts(folder: Path) -> Iterator[pl.Series]:
    for file in sorted(folder.glob("*.parquet")):
        for part in pl.read_parquet(file, columns=["text"])["text"].to_frame().iter_slices(ROWS_AT_ONCE):
            yield part["text"]


def _is_ours(found: Findings, place: int, hit: Hit, scrub: Scrub) -> bool:
    return scrub.mode == "pseudonym" and is_pseudonym(found.texts[place][hit.start : hit.end])


def _excerpt(text: str, hit: Hit) -> str:
    return " ".join(text[max(0, hit.start - AROUND) : hit.end + AROUND].split())
