"""What decontamination came to, in sentences: `curate show`, `curate decontaminate`.

Contamination ─▶ a line for each set and one for the documents
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.report.contamination import Contamination


def set_lines(found: Contamination | None) -> Iterator[str]:
    """Nothing where nothing was looked for."""
    if found is None:
        return
    for each in found.sets:
        short = f", {each.too_short:,} of them too short to be found" if each.too_short else ""
        yield f"{each.name}: {each.items:,} items{short}; {each.found:,} found, in {each.documents:,} documents"
    yield f"Contaminated: {found.cut:,} documents cut, {found.dropped:,} dropped"
