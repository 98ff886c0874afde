"""Better, worse or not separable: two sources of chance, the documents that were held out and the seeds of training.

nats of each passage, by arm and seed ─┬▶ differences, documents drawn again and again ──────┐
                                       └▶ spread of both arms' seeds ─▶ Student's t ─────────┴▶ interval, p ─▶ verdict

A paired bootstrap over documents (Koehn 2004, "Statistical significance tests for machine translation evaluation")
says how much depends on what was held out, and nothing about training: of two models that were trained on the same
texts in another order, one is a little better on nearly all documents. So each draw of documents gets, added, a draw of
the seeds' noise: Student's t with the degrees of freedom of the spread that was measured, times its standard error.
The spread is that of the two arms that are compared, by as many trainings of each, so that it is right as well where
one of them scatters more; a third arm, of data that trains badly, may scatter a hundred times as much, and would hide
what these show. Pairing by seeds makes noise smaller where arms have much in common; the spread does not count on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Verdict = Literal["better", "worse", "not separable"]

ALL = "all"
"""The mean over sources, each of one weight."""
MIN_UNITS = 8
"""Documents, or passages of fewer documents, that a bootstrap can draw from."""
DRAWS = 10_000
DRAWS_AT_ONCE = 500
COVERAGE = 0.95


class PassageNats(NamedTuple):
    """By passage: UTF-8 `bytes` int64[n], `source` and `document` as text; `nats` float64[seeds, n] by arm, of which
    the first one is the baseline and may have more seeds than the others, behind those that all have."""

    bytes: Ints
    source: Sequence[str]
    document: Sequence[str]
    nats: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class ArmVerdict:
    """An arm beside the baseline on one group of passages; `difference` in bits per byte, below 0 where the arm is
    better, with its interval of 95 % and p, two-sided; `verdict` where p, corrected for how many questions were asked
    of its kind (Holm 1979), is small enough. `units` were drawn: documents, or passages where those are few."""

    arm: str
    group: str
    bits_per_byte: float
    baseline: float
    difference: float
    low: float
    high: float
    p: float
    corrected_p: float
    verdict: Verdict
    better_seeds: int
    seeds: int
    units: int
    of: Literal["documents", "passages"]


class _Group(NamedTuple):
    """The passages of a group, and to which unit each belongs."""

    rows: Ints
    unit: Ints
    of: Literal["documents", "passages"]

    @property
    def units(self) -> int:
        return int(self.unit.max()) + 1


def judge_arms(
    measured: PassageNats, seeds: int, *, groups: Mapping[str, Ints] | None = None, alpha: float = 0.05
) -> tuple[ArmVerdict, ...]:
    """All arms beside the first one: on the mean over sources of MIN_UNITS units or more (there must be one), on each
    of these where they are several, and on other `groups` of passages.

    `seeds` is how many all arms have; what the baseline has beyond is noise to measure. Of each of the three kinds the
    p are corrected together.
    """
    sources = _sources(measured)
    others = {name: _group(measured, rows) for name, rows in (groups or {}).items()}
    others = {name: group for name, group in others.items() if group.units >= MIN_UNITS}
    names = list(measured.nats)
    draws = {
        name: _document_draws(measured, group, seeds, number) for number, (name, group) in enumerate(sources.items())
    }
    overall = [_compare(measured, ALL, sources, np.mean([*draws.values()], axis=0), arm, seeds) for arm in names[1:]]
    by_source = [
        _compare(measured, name, {name: group}, draws[name], arm, seeds)
        for name, group in sources.items()
        for arm in names[1:]
        if len(sources) > 1
    ]
    besides = [
        _compare(measured, name, {name: group}, _document_draws(measured, group, seeds, -1), arm, seeds)
        for name, group in others.items()
        for arm in names[1:]
    ]
    kinds = (overall, by_source, besides)
    return tuple(verdict for kind in kinds for verdict in _corrected(kind, alpha))


def small_sources(measured: PassageNats) -> tuple[str, ...]:
    """Those with too few passages to be judged."""
    kept = _sources(measured)
    return tuple(name for name in dict.fromkeys(measured.source) if name not in kept)


def bits_by_seed(measured: PassageNats, arm: str, groups: Sequence[Ints]) -> Floats:
    """Bits per byte of each training of an arm, float64[seeds]: the mean over groups of passages."""
    nats = measured.nats[arm]
    parts = [nats[:, rows].sum(axis=1) / measured.bytes[rows].sum() / math.log(2) for rows in groups]
    return np.asarray(np.mean(parts, axis=0))


def source_rows(measured: PassageNats) -> dict[str, Ints]:
    """The passages of each source that is judged."""
    return {name: group.rows for name, group in _sources(measured).items()}


def _sources(measured: PassageNats) -> dict[str, _Group]:
    names = np.array(measured.source)
    groups = {name: _group(measured, np.flatnonzero(names == name)) for name in dict.fromkeys(measured.source)}
    return {name: group for name, group in groups.items() if group.units >= MIN_UNITS}


def _group(measured: PassageNats, rows: Ints) -> _Group:
    """Drawn by documents, whose passages belong together, unless that would be too few."""
    names = np.array(measured.document)[rows]
    unit = np.unique(names, return_inverse=True)[1]
    if len(rows) and unit.max() + 1 < MIN_UNITS <= len(rows):
        return _Group(rows, np.arange(len(rows)), "passages")
    return _Group(rows, unit.astype(np.int64), "documents") if len(rows) else _Group(rows, np.full(1, -1), "documents")


def _document_draws(measured: PassageNats, group: _Group, seeds: int, number: int) -> Floats:
    """Differences of all arms but the first to it in bits per byte, units drawn with replacement: [DRAWS, arms - 1]."""
    differences = [
        _mean_nats(measured, arm, seeds) - _mean_nats(measured, _first(measured), seeds) for arm in _rest(measured)
    ]
    of_units = np.stack([np.bincount(group.unit, weights=each[group.rows]) for each in differences], axis=1)
    sizes = np.bincount(group.unit, weights=measured.bytes[group.rows])
    generator = np.random.default_rng([17, number + 1])
    found = []
    for _ in range(0, DRAWS, DRAWS_AT_ONCE):
        times = generator.multinomial(group.units, np.full(group.units, 1 / group.units), size=DRAWS_AT_ONCE)
        found.append(times @ of_units / (times @ sizes)[:, None] / math.log(2))
    return np.concatenate(found)


def _compare(
    measured: PassageNats, name: str, groups: Mapping[str, _Group], draws: Floats, arm: str, seeds: int
) -> ArmVerdict:
    rows = [group.rows for group in groups.values()]
    bits = [bits_by_seed(measured, each, rows) for each in (_first(measured), arm)]
    baseline, own = (each[:seeds] for each in bits)
    at = list(measured.nats).index(arm) - 1
    noisy = draws[:, at] + _seed_noise(bits, seeds, at)
    low, high = np.quantile(noisy, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]).tolist()
    beyond = min(int((noisy <= 0).sum()), int((noisy >= 0).sum()))
    p = min(2 * (beyond + 1) / (len(noisy) + 1), 1.0)
    units = sum(group.units for group in groups.values())
    is_whole = all(group.of == "documents" for group in groups.values())
    return ArmVerdict(
        arm=arm,
        group=name,
        bits_per_byte=float(own.mean()),
        baseline=float(baseline.mean()),
        difference=float((own - baseline).mean()),
        low=low,
        high=high,
        p=p,
        corrected_p=p,
        verdict="not separable",
        better_seeds=int((own < baseline).sum()),
        seeds=seeds,
        units=units,
        of="documents" if is_whole else "passages",
    )


def _seed_noise(bits: Sequence[Floats], seeds: int, at: int) -> Floats:
    """Draws of what the mean over seeds is off by: t times the standard error of a difference of two such means."""
    # Of one training alone nobody knows; the baseline has a second one then.
    spread, freedom = seed_spread([each[:seeds] for each in bits] if seeds > 1 else bits)
    if freedom == 0 or spread == 0:
        return np.zeros(DRAWS)
    generator = np.random.default_rng([18, at])
    return generator.standard_t(freedom, DRAWS) * spread * math.sqrt(2 / seeds)


def seed_spread(bits: Sequence[Floats]) -> tuple[float, int]:
    """The standard deviation between trainings of one arm, pooled over arms, and its degrees of freedom."""
    freedom = sum(len(each) - 1 for each in bits)
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in bits)
    return (math.sqrt(squares / freedom) if freedom else 0.0), freedom


def _corrected(verdicts: Sequence[ArmVerdict], alpha: float) -> list[ArmVerdict]:
    """Holm's correction of one family of questions, and what follows from it."""
    order = sorted(range(len(verdicts)), key=lambda at: verdicts[at].p)
    corrected, most = list(verdicts), 0.0
    for place, at in enumerate(order):
        most = max(most, min(verdicts[at].p * (len(verdicts) - place), 1.0))
        word: Verdict = "not separable"
        if most < alpha:
            word = "better" if verdicts[at].difference < 0 else "worse"
        corrected[at] = replace(verdicts[at], corrected_p=most, verdict=word)
    return corrected


def _mean_nats(measured: PassageNats, arm: str, seeds: int) -> Floats:
    return np.asarray(measured.nats[arm][:seeds].mean(axis=0))


def _first(measured: PassageNats) -> str:
    return next(iter(measured.nats))


def _rest(measured: PassageNats) -> list[str]:
    return list(measured.nats)[1:]
