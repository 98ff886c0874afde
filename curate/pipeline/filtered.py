"""What `filter` leaves of a split for the stages after it, as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from curate.engine.store import intact

STAGE = "filter"

Kind = Literal["documents", "signatures", "ledger"]


def filtered_name(key: str, kind: Kind) -> str:
    """The path below the run."""
    return f"work/{STAGE}/{key}.{kind}.parquet"


def filtered(run: Path, key: str, kind: Kind) -> Path:
    """
    Raises:
        RottenFile: the file is not as it was committed.
    """
    return intact(run, STAGE, key, filtered_name(key, kind))
