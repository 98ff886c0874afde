"""The tokens of a run as values: what each source has, and what the mixture draws from it.

manifest.json, tokens/mixture.json ─▶ SourceTokens per source
"""

from __future__ import annotations

from dataclasses import dataclass

from curate.run_folder import RunFolder
from curate.tokenize.mix import Share


@dataclass(frozen=True, slots=True)
class SourceTokens:
    """Documents and bytes that were kept, tokens of both parts; `share` is None where nothing is drawn."""

    source: str
    documents: int
    bytes: int
    train: int
    validation: int
    share: Share | None


def source_tokens(run: RunFolder) -> tuple[SourceTokens, ...]:
    """One row per source, in the manifest's order.

    Raises:
        UsageError: the run is not complete.
    """
    shares = {share["name"]: Share(**share) for share in run.mixture["mixture"]["shares"]}
    return tuple(
        SourceTokens(
            source,
            counts["kept"],
            counts["kept_bytes"],
            counts["tokens"].get("train", 0),
            counts["tokens"].get("validation", 0),
            shares.get(source),
        )
        for source, counts in run.manifest["counts"].items()
    )
