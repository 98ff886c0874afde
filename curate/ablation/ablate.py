"""Which of several runs has the better training data: the same small model trained on each, and asked about the same.

runs ─▶ held-out passages ─▶ arm × seed: train, score ─▶ verdicts by source and overall ─▶ OUT/ablation.json, .png
                              the baseline with as many other seeds: what chance alone does

Everything that is done stays in OUT: a comparison that was interrupted goes on with the same call, and further arms or
seeds cost no more than their own trainings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.ablation.answer import Ablation, ArmSummary
from curate.ablation.arms import Arm, Budget, open_arms, share_out
from curate.ablation.held_out import BYTES_PER_SOURCE, HeldOutPassages, hold_out
from curate.ablation.judges import ArmTrial, Tier, check_tier, default_tokens, judge
from curate.ablation.plot import draw_plot
from curate.ablation.verdict import (
    ArmVerdict,
    PassageNats,
    bits_by_seed,
    judge_arms,
    seed_spread,
    small_sources,
    source_rows,
)
from curate.errors import UsageError

if TYPE_CHECKING:
    from curate.train_min.log import StepReport

RESULT, PLOT = "ablation.json", "ablation.png"
AGAIN = "again"
"""Behind the baseline's name: itself, under other seeds."""


@dataclass(frozen=True, slots=True)
class TrialProgress:
    """What is going on: which of `trials` trainings, and how far it is; `step` is None once it is done."""

    arm: str
    seed: int
    number: int
    trials: int
    step: StepReport | None


def ablate(
    runs: Sequence[str | Path],
    *,
    tier: str = "t1",
    out: str | Path | None = None,
    seeds: int = 3,
    tokens: int | None = None,
    held_out: Sequence[str | Path] = (),
    held_out_bytes: int = BYTES_PER_SOURCE,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    threads: int | None = None,
    seed: int = 17,
    alpha: float = 0.05,
    report: Callable[[TrialProgress], None] | None = None,
) -> Ablation:
    """Train one small model on each run, `seeds` times, and say which predicts held-out text better than the first.

    `tier` is "ngram" (interpolated modified Kneser–Ney, seconds) or a preset of `curate.train`; `settings` are single
    values of it. Each arm sees `tokens` training tokens (default: the tier's), or, where tokenizers differ, as many
    bytes as these are of the first run; the same seeds decide weights and order in all arms. `held_out` names files, or
    runs whose validation parts are taken, in place of the validation parts of all `runs`; up to `held_out_bytes` of
    each source count. Lower is better throughout.

    Raises:
        UsageError: fewer than two runs, one without tokens, no text that is held out from all, or an unknown tier
            or setting.
        RunConflict: `out` holds trainings of other tokens or settings.
        Interrupted: by a signal, after saving; the same call goes on from there.
    """
    asked = Tier(tier, settings or {}, device, threads)
    _check(asked, seeds, tokens, held_out_bytes, alpha)
    arms = open_arms(runs)
    passages = hold_out(arms, held_out, max_bytes=held_out_bytes)
    budget = share_out(arms, tokens or default_tokens(asked, arms))
    folder = Path(out) if out is not None else Path("ablations") / "-vs-".join(arm.name for arm in arms)
    trials = _trials(arms, budget, folder / tier, seeds, seed)
    measured = _measure(trials, asked, passages, report)
    found = _answer(measured, arms, budget, passages, asked, seeds, alpha, folder)
    plot = draw_plot(found, folder / PLOT)
    found = replace(found, plot=None if plot is None else str(plot))
    (folder / RESULT).write_text(json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found


def _check(tier: Tier, seeds: int, tokens: int | None, held_out_bytes: int, alpha: float) -> None:
    for name, value in {
        "seeds": seeds,
        "tokens": 1 if tokens is None else tokens,
        "held_out_bytes": held_out_bytes,
    }.items():
        if value < 1:
            raise UsageError(f"{name} is {value}; it must be at least 1")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha}; a chance of error lies between 0 and 1")
    check_tier(tier)


def _trials(arms: Sequence[Arm], budget: Budget, folder: Path, seeds: int, seed: int) -> list[ArmTrial]:
    """Seed by seed, so that a comparison that is interrupted has whole pairs; the baseline's further seeds at last."""
    paired = [(number, at) for at in range(seeds) for number in range(len(arms))]
    again = [(0, at) for at in range(seeds, 2 * seeds)]
    return [
        ArmTrial(arms[number], seed + at, budget.tokens[number], folder / arms[number].name / f"seed-{seed + at}")
        for number, at in paired + again
    ]


def _measure(
    trials: Sequence[ArmTrial],
    tier: Tier,
    passages: HeldOutPassages,
    report: Callable[[TrialProgress], None] | None,
) -> PassageNats:
    nats: dict[str, list[Any]] = {}
    for number, trial in enumerate(trials, 1):
        tell = _teller(report, trial, number, len(trials))
        nats.setdefault(trial.arm.name, []).append(judge(trial, tier, passages, tell))
        tell(None)
    rows = passages.rows
    return PassageNats(
        bytes=rows["text"].str.len_bytes().cast(int).to_numpy(),
        source=rows["source"].to_list(),
        document=rows["document"].to_list(),
        nats={name: np.stack(each) for name, each in nats.items()},
    )


def _teller(
    report: Callable[[TrialProgress], None] | None, trial: ArmTrial, number: int, trials: int
) -> Callable[[StepReport | None], None]:
    def tell(step: StepReport | None) -> None:
        if report is not None:
            report(TrialProgress(trial.arm.name, trial.seed, number, trials, step))

    return tell


def _answer(
    measured: PassageNats,
    arms: Sequence[Arm],
    budget: Budget,
    passages: HeldOutPassages,
    tier: Tier,
    seeds: int,
    alpha: float,
    folder: Path,
) -> Ablation:
    sources = source_rows(measured)
    if not sources:
        raise UsageError(
            f"no shared held-out documents: {passages.rows.height} passages are left, and no source has the 8 that a "
            "comparison needs; name files with --held-out"
        )
    verdicts = judge_arms(measured, seeds, groups=_owned(passages, arms), alpha=alpha)
    again = judge_arms(_repeated(measured, seeds), seeds, alpha=alpha)
    spread, _ = seed_spread([bits_by_seed(measured, arms[0].name, [*sources.values()])])
    return Ablation(
        folder=str(folder),
        tier=tier.name,
        equal=budget.equal,
        seeds=seeds,
        arms=tuple(_summary(arm, tokens, measured, seeds) for arm, tokens in zip(arms, budget.tokens, strict=True)),
        passages=passages.rows.height,
        documents=passages.rows.select("source", "document").n_unique(),
        seen=passages.seen,
        short=passages.short,
        spread=spread,
        verdicts=verdicts,
        again=again,
        notes=_notes(measured, verdicts, again, arms),
        plot=None,
    )


def _owned(passages: HeldOutPassages, arms: Sequence[Arm]) -> dict[str, Any]:
    """The passages that one arm alone holds out, where not all are of all."""
    owners = passages.rows["owners"].to_list()
    rows = {arm.name: [at for at, names in enumerate(owners) if names == [arm.name]] for arm in arms}
    return {f"held out by {name} alone": np.array(found, dtype=np.int64) for name, found in rows.items() if found}


def _repeated(measured: PassageNats, seeds: int) -> PassageNats:
    """The baseline beside itself under its further seeds."""
    name, nats = next(iter(measured.nats.items()))
    return measured._replace(nats={name: nats[:seeds], f"{name}, {AGAIN}": nats[seeds:]})


def _summary(arm: Arm, tokens: int, measured: PassageNats, seeds: int) -> ArmSummary:
    bits = bits_by_seed(measured, arm.name, [*source_rows(measured).values()])[:seeds]
    spread = float(bits.std(ddof=1)) if len(bits) > 1 else None
    return ArmSummary(arm.name, str(arm.data.run), tokens, tokens / arm.held_tokens, float(bits.mean()), spread)


def _notes(
    measured: PassageNats, verdicts: Sequence[ArmVerdict], again: Sequence[ArmVerdict], arms: Sequence[Arm]
) -> tuple[str, ...]:
    notes = [f"{name} has too few passages to be judged by itself" for name in small_sources(measured)]
    notes += [
        f"{one.arm}: {one.verdict} on {one.group}, though it is the same data: more seeds would say more of chance"
        for one in again
        if one.verdict != "not separable"
    ]
    found = {(verdict.arm, verdict.group): verdict.verdict for verdict in verdicts}
    for arm in arms[1:]:
        on_own, on_others = (found.get((arm.name, f"held out by {one.name} alone")) for one in (arm, arms[0]))
        if on_own == "better" and on_others == "worse":
            notes.append(
                f"{arm.name} and {arms[0].name} each predict what they hold out themselves better than the other: the "
                "verdict is one on which of these texts is wanted; name it with --held-out"
            )
    return tuple(notes)
