"""What decontamination came to, in sentences: by evaluation set how many items were found, and in how many documents.

counts of the manifest or of `curate decontaminate` ─▶ lines
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def set_lines(counts: Mapping[str, Any]) -> Iterator[str]:
    """A line for each set and one for the documents; nothing where there are no counts."""
    if not counts:
        return
    for name, row in counts["sets"].items():
        short = f", {row['too_short']:,} of them too short to be found" if row["too_short"] else ""
        yield f"{name}: {row['items']:,} items{short}; {row['found']:,} found, in {row['documents']:,} documents"
    yield f"Contaminated: {counts['cut']:,} documents cut, {counts['dropped']:,} dropped"
