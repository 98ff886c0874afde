"""What publications say that their rules took away, to stand beside what a recipe takes here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PublishedRate(NamedTuple):
    """`share` of `unit` that a rule removed, in the corpus of `source`."""

    share: float
    unit: str
    source: str


FINEWEB = "FineWeb, arXiv:2406.17557"
DOLMA = "Dolma, arXiv:2402.00159"
C4_IN_FINEWEB = "C4's rule in FineWeb's ablation, arXiv:2406.17557"

PUBLISHED: Mapping[str, PublishedRate] = {
    "fineweb.min_terminal_punctuation_line_ratio": PublishedRate(0.1014, "tokens", FINEWEB),
    "fineweb.max_duplicate_full_line_character_ratio": PublishedRate(0.1247, "tokens", FINEWEB),
    "fineweb.max_short_line_ratio": PublishedRate(0.0373, "tokens", FINEWEB),
    "c4.drop_curly_brackets": PublishedRate(0.028, "tokens", C4_IN_FINEWEB),
    "c4.drop_lorem_ipsum": PublishedRate(0.005, "tokens", C4_IN_FINEWEB + ": less than this"),
}
"""By "step.rule"."""

PUBLISHED_STEPS: Mapping[str, PublishedRate] = {
    "fineweb": PublishedRate(0.22, "tokens", FINEWEB),
    "c4": PublishedRate(0.30, "tokens", C4_IN_FINEWEB + "; 7 % without the rule of end marks"),
    "gopher_quality": PublishedRate(0.1523, "characters", DOLMA + ", with gopher_repetition"),
    "language": PublishedRate(0.617, "bytes", DOLMA + ", English at .5"),
    "code": PublishedRate(0.672, "bytes", "DeepSeek-Coder, arXiv:2401.14196, with deduplication"),
}
"""By step: of all its rules together."""
