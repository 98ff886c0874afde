"""The tokens of a run as values: what each source has, and what the mixture draws from it.

manifest.json, tokens/mixture.json ─▶ SourceTokens per source
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from curate.run_files import source_of
from curate.run_folder import RunFolder
from curate.tokenize.mix import Share


@dataclass(frozen=True, slots=True)
class SourceTokens:
    """Documents and bytes that were kept, tokens of both parts; `share` is that of all of its buckets together, and
    None where nothing is drawn."""

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
    shares: dict[str, Share] = {}
    for share in (Share(**values) for values in run.mixture["mixture"]["shares"]):
        name = source_of(share.name)
        shares[name] = _together(name, shares[name], share) if name in shares else replace(share, name=name)
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


def _together(name: str, one: Share, other: Share) -> Share:
    tokens, available = one.tokens + other.tokens, one.available + other.available
    requested, drawn = one.requested + other.requested, one.drawn + other.drawn
    return Share(name, requested, drawn, tokens, tokens / available if available else 0.0, available)
