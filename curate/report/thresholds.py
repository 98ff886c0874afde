"""Thresholds against the ranges of what they are compared with: beyond them, at their ends, or crossed.

Rule(min_words, word_count, 50) + the signal's range ─▶ "drops every document", "can never fire", "off"
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from curate.batch import Rule
from curate.text.signals import SIGNALS

UNIT = (0.0, 1.0)


def crossed(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Rule]]:
    """Pairs of a minimum and a maximum of one signal that no value satisfies."""
    numbers = [rule for rule in rules if isinstance(rule.threshold, int | float)]
    for low, high in product(numbers, numbers):
        is_pair = low.name.startswith("min_") and high.name.startswith("max_") and low.signal == high.signal
        if is_pair and low.threshold > high.threshold:
            yield low, high


def flaw_of(rule: Rule) -> str | None:
    """What is wrong with a threshold; "off" where it is at the end of the range: so rules are switched off."""
    limits = _range(rule.signal)
    if limits is None or isinstance(rule.threshold, bool) or not isinstance(rule.threshold, int | float):
        return None
    low, high = limits
    told = (
        f'{rule.threshold:g} for "{rule.signal}", which goes from {low:g} to {"any number" if high is None else high}'
    )
    is_minimum, is_maximum = rule.name.startswith("min_"), rule.name.startswith("max_")
    if (is_minimum and high is not None and rule.threshold > high) or (is_maximum and rule.threshold < low):
        return f"drops every document: {told}"
    if is_maximum and high == 1 and rule.threshold > high * 1.5:
        return f"can never fire: {told}"
    if (is_minimum and rule.threshold <= low) or (is_maximum and high is not None and rule.threshold >= high):
        return "off"
    return None


def _range(signal: str) -> tuple[float, float | None] | None:
    known = {each.name: (each.minimum, each.maximum) for each in SIGNALS}
    return known.get(signal, UNIT if signal.endswith("_score") else None)
