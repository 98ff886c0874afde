"""Words beside a candidate that say what it is: "card", "IBAN", "SSN", in a piece of text before it and behind it.

"… my PESEL number is 44051401359" ─▶ is_spoken_of("pesel", …) ─▶ True
"""

from __future__ import annotations

from functools import cache
from typing import Any

MAX_BEFORE, MAX_AFTER = 48, 24
"""How many bytes before and behind a candidate are looked at."""
SPACED = r"\p{Latin}\p{Greek}\p{Cyrillic}\p{Hebrew}\p{Arabic}\p{Devanagari}"


def is_spoken_of(words: str, data: bytes, start: int, end: int) -> bool:
    """Whether one of the words, alternatives of a regular expression in small letters, stands beside the candidate.

    It stands as a word, or at the head of a name: `card_number`, `cardNumber`.
    """
    pattern = words_pattern(words)
    return bool(pattern.search(data[max(0, start - MAX_BEFORE) : start]) or pattern.search(data[end : end + MAX_AFTER]))


@cache
def words_pattern(words: str) -> Any:
    """The words where none of the letters that have spaces between words goes on."""
    import re2

    return re2.compile(f"(?:^|[^{SPACED}])(?i:{words})(?:$|[^{SPACED}]|[A-Z])".encode())  # type: ignore[no-untyped-call]
