"""What `filter` leaves of a split for the stages after it, as it was written."""

from __future__ import annotations

from pathlib import Path

from curate.engine.records import intact
from curate.engine.store import Store
from curate.run_files import Filtered, filtered


def open_filtered(store: Store, key: str, kind: Filtered) -> Path:
    """
    Raises:
        RottenFile: the file is not as it was committed.
    """
    return intact(store, "filter", key, filtered(key, kind))
