"""The funnel of a run as values: what came in, what each step dropped or cut, what came out.

manifest.json ─▶ FunnelRow per source, step and reason ─▶ by step ─▶ totals over all sources
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from curate.recipe_file import load
from curate.run_files import RECIPE
from curate.run_folder import RunFolder
from curate.steps.bind import step_names

Outcome = Literal["read", "apart", "dropped", "quarantined", "cut", "kept"]
NO_DOCUMENTS = ("record_type", "content_type", "file_type", "binary")
"""Reasons of what is no document at all, but a request, a picture or a program: it stands apart from the shares."""
ALL = "all"
ORDER: Mapping[str, int] = {"apart": 0, "dropped": 1, "quarantined": 2, "cut": 3}


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One line of the funnel: documents and bytes of text that a step took out, and what was left after it.

    "read" is all that came in, "apart" what of it is no document, "cut" what was cut out of texts that stayed: its
    documents are those that were cut and did not leave. Bytes are those of the text at that moment.
    """

    source: str
    step: str
    reason: str
    outcome: Outcome
    documents: int
    bytes: int
    left: int
    left_bytes: int


def funnel(run: RunFolder) -> list[FunnelRow]:
    """All rows, sources in the recipe's order, steps in the order in which they decide.

    Raises:
        UsageError: the run is not complete.
    """
    counts = run.manifest["counts"]
    recipe = load(run.file(RECIPE))
    return [
        row
        for source in recipe.sources
        if source.name in counts
        for row in _counted(source.name, step_names(source), counts[source.name])
    ]


def by_step(rows: Sequence[FunnelRow]) -> list[FunnelRow]:
    """One row a step and outcome: the reasons of each added up."""
    merged: list[FunnelRow] = []
    for row in rows:
        last = merged[-1] if merged else None
        if last and (last.source, last.step, last.outcome) == (row.source, row.step, row.outcome):
            merged[-1] = _sum(replace(row, reason=""), last)
        else:
            merged.append(replace(row, reason=""))
    return merged


def totals(rows: Sequence[FunnelRow]) -> list[FunnelRow]:
    """The rows of all sources together, one an outcome."""
    groups: dict[Outcome, list[FunnelRow]] = {}
    for row in rows:
        groups.setdefault(row.outcome, []).append(row)
    amounts = {
        outcome: (sum(row.documents for row in group), sum(row.bytes for row in group))
        for outcome, group in groups.items()
    }
    order: Sequence[Outcome] = ("read", "apart", "dropped", "quarantined", "cut", "kept")
    return list(_left_over(ALL, [("", "", outcome, *amounts[outcome]) for outcome in order if outcome in amounts]))


def documents_read(rows: Sequence[FunnelRow]) -> int:
    """Of the rows of one source: what shares are shares of, all that came in but what is no document."""
    signs = {"read": 1, "apart": -1}
    return sum(signs.get(row.outcome, 0) * row.documents for row in rows)


Taken = tuple[str, str, Outcome, int, int]
"""Step, reason, outcome, documents, bytes."""


def _counted(source: str, steps: Sequence[str], counts: Mapping[str, Any]) -> Iterator[FunnelRow]:
    taken = [*_gone(counts["steps"]), *(_cut(name, *amount) for name, amount in counts.get("cut", {}).items())]
    order = ["read", "extract", *steps, "dedup", "decontaminate", "scrub"]
    places = {name: place for place, name in enumerate(order)}
    taken.sort(key=lambda each: (places.get(each[0], len(order)), ORDER[each[2]], each[1]))
    read: Taken = ("read", "", "read", counts["read"], counts["read_bytes"])
    kept: Taken = ("kept", "", "kept", counts["kept"], counts["kept_bytes"])
    return _left_over(source, [read, *taken, kept])


def _gone(steps: Mapping[str, tuple[int, int]]) -> Iterator[Taken]:
    for key, (documents, size) in steps.items():
        outcome, _, named = key.partition("/")
        step, _, reason = named.rpartition("/")  # "../job.py:polite" is the name of a step, too
        is_apart = step == "read" and outcome == "dropped" and reason in NO_DOCUMENTS
        told: Outcome = "apart" if is_apart else "quarantined" if outcome == "quarantined" else "dropped"
        yield step, reason, told, documents, size


def _cut(step: str, documents: int, size: int) -> Taken:
    return step, "", "cut", documents, size


def _left_over(source: str, taken: Sequence[Taken]) -> Iterator[FunnelRow]:
    """Each with what is left after it."""
    left = left_bytes = 0
    for step, reason, outcome, documents, size in taken:
        if outcome == "read":
            left, left_bytes = documents, size
        elif outcome != "kept":
            left -= documents if outcome != "cut" else 0
            left_bytes -= size
        yield FunnelRow(source, step, reason, outcome, documents, size, left, left_bytes)


def _sum(row: FunnelRow, more: FunnelRow) -> FunnelRow:
    return replace(row, documents=row.documents + more.documents, bytes=row.bytes + more.bytes)
