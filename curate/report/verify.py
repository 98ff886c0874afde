"""`curate verify`: recompute what the manifest claims, checksums and account, from the files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from curate.engine.store import file_digest
from curate.run_folder import Run


def differences(run: Run) -> Iterator[str]:
    """A sentence for every output that is not as the manifest says, and for every source whose account does not close.

    Raises:
        UsageError: the run is not complete.
    """
    manifest = run.manifest
    for name, entry in sorted(manifest["outputs"].items()):
        yield from _file_differences(run.folder / name, name, entry["size"], entry["sha256"])
    for source, counts in manifest["counts"].items():
        yield from _account_differences(run, source, counts)


def _file_differences(path: Path, name: str, size: int, sha256: str) -> Iterator[str]:
    if not path.is_file():
        yield f"{name} is missing"
    elif path.stat().st_size != size:
        yield f"{name} has {path.stat().st_size:,} bytes, the manifest says {size:,}"
    elif file_digest(path) != sha256:
        yield f"{name} has another sha256 than the manifest says"


def _account_differences(run: Run, source: str, counts: dict[str, int]) -> Iterator[str]:
    try:
        outcomes = run.ledger(source).group_by("outcome").agg(pl.len()).collect()
    except Exception as error:
        yield f"the ledger of {source} cannot be read: {error}"
        return
    found = dict(outcomes.iter_rows())
    if sum(found.values()) != counts["read"]:
        yield f"the ledger of {source} has {sum(found.values()):,} rows, the manifest says {counts['read']:,} were read"
    for outcome in ("kept", "dropped", "quarantined"):
        if found.get(outcome, 0) != counts[outcome]:
            yield f"{source}: {found.get(outcome, 0):,} {outcome} in the ledger, {counts[outcome]:,} in the manifest"
