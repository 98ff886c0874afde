"""What scrubbing plain files came to, and what an audit found left: `curate scrub`.

Scrubbed, Audit ─▶ lines
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.printable import printable
from curate.report.audit import Audit
from curate.standalone.scrub import Scrubbed


def scrubbed_lines(scrubbed: Scrubbed) -> Iterator[str]:
    yield f"{scrubbed.rows:,} rows; something was found in {scrubbed.changed:,} of those that are written"
    yield from (f"  {entity}: {count:,}" for entity, count in scrubbed.findings.items())
    if scrubbed.dropped:
        yield f"{scrubbed.dropped:,} rows were dropped, as they had more than max_findings"
    yield from (f"{path}: written." for path in scrubbed.outputs)


def audit_lines(found: Audit) -> Iterator[str]:
    yield f"{found.documents:,} documents; the engine {found.engine} looked for {', '.join(found.entities)}"
    for each in found.left:
        yield f"{each.source}: {each.findings:,} × {each.entity} in {each.documents:,} documents"
        yield from (f"  … {printable(excerpt)} …" for excerpt in each.excerpts)
    if not found.left:
        yield "Nothing is left of these."
