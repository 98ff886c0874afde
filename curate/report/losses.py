"""The near-duplicates of a run that lose most: words that the copy that stays doesn't have.

dedup/losses.parquet ─▶ Loss each, the greatest first
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from curate.dedup.methods import document_methods
from curate.errors import UsageError
from curate.run_files import LOSSES
from curate.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Loss:
    """A removed document, the copy that stays, and a passage of what only the removed one has."""

    id: str
    duplicate_of: str
    similarity: float | None
    containment: float | None
    novel_words: int
    excerpt: str | None
    """None where one of the two texts is not there any more."""


def losses(run: RunFolder) -> tuple[Loss, ...]:
    """The near-duplicates with most words of their own, the greatest loss first.

    Raises:
        UsageError: the run has no deduplication by similarity, or did not read the texts.
    """
    dedup = run.recipe.dedup
    if dedup is None or not any(method.verifies for method in document_methods(dedup)):
        raise UsageError(f'{run.place} has no near-duplicates: its recipe has no [dedup] with the method "minhash"')
    if not dedup.is_verified:
        raise UsageError(f"{run.place} compared no texts (verify = 0), so nobody knows what its near-duplicates lose")
    path = run.file(LOSSES)
    if not path.is_file():
        raise UsageError(f"{run.place} has no {LOSSES} yet: deduplication has not finished there")
    return tuple(Loss(**row) for row in pl.read_parquet(path).iter_rows(named=True))
