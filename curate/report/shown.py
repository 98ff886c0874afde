"""What `curate show` says of a finished run, as one value: its funnel, its tokens, what was cut and found.

manifest.json, tokens/mixture.json ─▶ Shown
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from curate.report.contamination import Contamination, contamination
from curate.report.funnel import FunnelRow, funnel
from curate.report.tokens import SourceTokens, source_tokens
from curate.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class PassagesCut:
    """What a method of deduplication cut out of texts, and how many documents those were."""

    method: str
    documents: int
    parts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A run's name, the digest of its recipe, and what became of its documents.

    `funnel` has a row for every reason (`curate.report.funnel.by_step` adds them up); `notes` is what there is to say
    of the mixture.
    """

    name: str
    recipe: str
    funnel: tuple[FunnelRow, ...]
    tokens: tuple[SourceTokens, ...]
    cuts: tuple[PassagesCut, ...]
    contamination: Contamination | None
    notes: tuple[str, ...]


def shown(run: RunFolder) -> Shown:
    """
    Raises:
        UsageError: the run is not complete.
    """
    manifest = run.manifest
    return Shown(
        manifest["name"],
        manifest["recipe"],
        tuple(funnel(run)),
        source_tokens(run),
        tuple(_cuts(manifest.get("dedup", {}))),
        contamination(manifest.get("contamination", {})),
        tuple(run.mixture["mixture"]["notes"]),
    )


def _cuts(counts: Mapping[str, Any]) -> Iterator[PassagesCut]:
    """Beside numbers of copies there is a table for each method that cut texts."""
    for method, cut in counts.items():
        if isinstance(cut, Mapping):
            yield PassagesCut(method, cut["documents"], cut["parts"], cut["bytes"])


def shown_values(run: RunFolder) -> dict[str, Any]:
    """The account of a run for programs: `curate show --json`."""
    manifest = run.manifest
    chosen = {key: manifest.get(key, {}) for key in ("name", "recipe", "counts", "dedup", "contamination", "tokens")}
    return chosen | {"mixture": run.mixture, "funnel": [asdict(row) for row in funnel(run)]}
