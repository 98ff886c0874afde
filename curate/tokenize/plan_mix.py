"""The mixture that a recipe asks for, in one part or in stages.

[mix] weights, temperature ─▶ mix.plan_mixture ─▶ Mixture       [[mix.stage]] … ─▶ stage after stage
                                                    └─ [mix.by.web] … ─▶ buckets.share_out ─▶ Mixture of buckets
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

from curate.recipe import Mix, MixStage
from curate.tokenize.buckets import by_source, most_of, share_out
from curate.tokenize.mix import DrawnStage, Mixture, Share, check_weights, fill, plan_mixture


def plan_mix(available: Mapping[str, int], mix: Mix) -> Mixture:
    """How many tokens each source gives, or each bucket of one (`web@high`), of those that it holds.

    Stages are filled in their order: what a source has given in one counts towards its `max_epochs` in the next, and
    what it cannot give goes to the others of that stage. Buckets share what their source gives.

    Raises:
        UsageError: a weight is of no known source, negative or not finite.
    """
    mixture = _of_sources(by_source(available), by_source(most_of(available, mix)), mix)
    return share_out(mixture, available, mix) if mix.by else mixture


def _of_sources(available: Mapping[str, int], limits: Mapping[str, int], mix: Mix) -> Mixture:
    if not mix.stage:
        weights = mix.weights or _tempered(available, mix.temperature)
        return plan_mixture(available, weights=weights, tokens=mix.tokens, max_epochs=mix.max_epochs, limits=limits)
    left = dict(limits)
    stages: list[DrawnStage] = []
    notes: list[str] = []
    for stage in mix.stage:
        check_weights(available, stage.weights)
        asked = _asked(stage, available)
        given = fill(asked, left, stage.tokens)
        left = {name: left[name] - given[name] for name in available}
        notes += _notes(stage, asked, given, left, mix.max_epochs)
        stages.append(DrawnStage(stage.name, given))
    full = tuple(stage for stage in stages if sum(stage.tokens.values()))
    shares = tuple(_shares(available, mix.stage, stages))
    tokens = sum(share.tokens for share in shares)
    if not tokens:
        notes.append("nothing can be drawn: no source has both a weight over 0 and tokens")
    return Mixture(tokens, mix.max_epochs, shares, tuple(notes), full)


def _tempered(available: Mapping[str, int], temperature: float) -> dict[str, float]:
    """Weights of sizes, with six digits: the last ones of a power are not the same on every machine. None for 1, where
    sizes weigh as they are."""
    if temperature == 1:
        return {}
    return {name: float(f"{held ** (1 / temperature):.6g}") for name, held in available.items() if held}


def _asked(stage: MixStage, available: Mapping[str, int]) -> dict[str, Fraction]:
    parts = {name: Fraction(str(stage.weights.get(name, 0))) for name in available}
    return {name: part / (sum(parts.values()) or 1) for name, part in parts.items()}


def _shares(available: Mapping[str, int], wanted: tuple[MixStage, ...], stages: list[DrawnStage]) -> Iterator[Share]:
    total_wanted = sum(stage.tokens for stage in wanted)
    total = sum(sum(stage.tokens.values()) for stage in stages)
    for name, held in available.items():
        requested = sum(stage.tokens * _asked(stage, available)[name] for stage in wanted) / total_wanted
        tokens = sum(stage.tokens[name] for stage in stages)
        yield Share(name, float(requested), tokens / max(total, 1), tokens, tokens / held if held else 0.0, held)


def _notes(
    stage: MixStage, asked: Mapping[str, Fraction], given: Mapping[str, int], left: Mapping[str, int], most: float
) -> Iterator[str]:
    """What differs from what the stage asked for."""
    drawn = sum(given.values())
    for name, share in asked.items():
        if share and not left[name] and given[name] < math.floor(share * stage.tokens):
            told = f"{name} was to give {float(share):.1%} and gives {given[name] / max(drawn, 1):.1%}"
            yield f"in {stage.name}, {told}: its {most:g} epochs over all stages; the rest goes to the others"
    if drawn < stage.tokens:
        yield f"{stage.name} draws {drawn:,} tokens, not {stage.tokens:,}: all of its sources are at {most:g} epochs"
