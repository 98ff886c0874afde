"""What a forum's answer must be for a model to learn from it."""

from typing import Annotated

import curate


@curate.filter
def says_something(
    document: curate.Document,
    courtesies: tuple[str, ...] = ("thanks",),
    min_share: Annotated[float, curate.Range(0, 1)] = 0.5,
) -> bool:
    """True keeps an answer of which at least this share of the words is no courtesy."""
    words = [word.strip(".,!?:;").lower() for word in document.text.split()]
    return sum(word not in courtesies for word in words) >= min_share * len(words)
