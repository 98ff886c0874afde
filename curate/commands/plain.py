"""What the commands on plain tables have in common: the formats that they write, and what they could not read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from curate.terminal import warn

if TYPE_CHECKING:
    from curate.standalone.tables import Unread

COLUMNS = {
    "text": "the column of texts",
    "id": "the column of ids, each of which must stand once",
    "url": "the column of addresses",
    "timestamp": "the column of dates",
}
"""Options that name columns, and what these hold."""
FORMATS = ".parquet, .jsonl, .jsonl.gz or .jsonl.zst"
SHOWN = 10
QUARANTINE_EXCEEDED = 3


def tell_unread(unread: Sequence[Unread]) -> int:
    """Name what could not be read; the exit code says so, too."""
    for part in unread[:SHOWN]:
        warn(f"curate: {part.place} could not be read: {part.reason}: {part.detail}", style="bold yellow")
    if len(unread) > SHOWN:
        warn(f"curate: … and {len(unread) - SHOWN:,} more", style="bold yellow")
    rows = sum(part.rows for part in unread)
    if not rows:
        return 0
    warn(f"curate: {rows:,} rows could not be read; the rest is done", style="bold yellow")
    return QUARANTINE_EXCEEDED
