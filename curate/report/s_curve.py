"""How often MinHash finds pairs of some similarities, and what then decides, in one sentence.

bands, rows, verify ─▶ "14 bands of 8 rows find pairs of similarity 0.8: 92.4%, …; kept apart below 0.7"
"""

from __future__ import annotations

from curate.dedup.s_curve import candidate_probability
from curate.recipe import Dedup, Verify

SIMILARITIES = (0.5, 0.6, 0.7, 0.8, 0.9)


def s_curve_sentence(dedup: Dedup) -> str:
    """How often pairs of some similarities become candidates, and what then decides."""
    chances = [candidate_probability(similarity, bands=dedup.bands, rows=dedup.rows) for similarity in SIMILARITIES]
    found = [
        f"{similarity}: {chance:.1%}" if chance < 0.9995 else f"{similarity}: over 99.9%"
        for similarity, chance in zip(SIMILARITIES, chances, strict=True)
    ]
    check = _verification(dedup.verification)
    return f"{dedup.bands} bands of {dedup.rows} rows find pairs of similarity {', '.join(found)}; {check}"


def _verification(asked: Verify) -> str:
    """What verification keeps apart, in words."""
    parts = [f"below {asked.jaccard}"] if asked.jaccard else []
    if asked.containment:
        parts.append(f"where less than {asked.containment:.0%} of the {asked.ngram}-grams stand in what stays")
    return f"kept apart {' or '.join(parts)}" if parts else "not verified"
