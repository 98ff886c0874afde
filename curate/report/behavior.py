"""What a sample shows of a recipe: sources of which nothing is read or left, functions that raise, rules that take all.

records of a source ─▶ read? ─▶ steps tried ─▶ raised? dropped all? never decided? ─▶ Finding
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import polars as pl

from curate.batch import Record, Rejected, Rule
from curate.engine.plan import Plan
from curate.recipe import Recipe, Source
from curate.report.thresholds import flaw_of
from curate.steps.chapters import read_split
from curate.steps.extract import page_extractor
from curate.steps.rows import record_row
from curate.steps.sample import Trial
from curate.steps.source_reader import has_own_reader

ENOUGH = 20
"""Documents that must have reached a step before "always" means anything."""
MAX_LOOKED_AT = 2000
"""Records of a source that are asked what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence about a recipe. A fault is a mistake; the rest is worth knowing."""

    is_fault: bool
    place: str
    sentence: str


def nothing_read(recipe: Recipe, source: Source, plan: Plan) -> Remark:
    """Why a source whose sample is empty has no document."""
    extract = page_extractor(source, recipe)
    rows = (record_row(record, extract, None) for record in _first_records(recipe, source, plan))
    reasons = Counter(f"{row['outcome']} ({row['reason']})" for row in rows if "text" not in row)
    if not reasons:
        return Remark(True, source.name, "its files hold no record at all")
    told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(3))
    return Remark(True, source.name, f"none of its first {reasons.total():,} records is a document: {told}")


def reader_raised(recipe: Recipe, source: Source, plan: Plan) -> Iterator[Remark]:
    """A user's reader that raises in place of more of the first records than a run goes on with; of fewer it is worth
    knowing."""
    if not has_own_reader(source):
        return
    read, told = 0, list[str]()
    for record in _first_records(recipe, source, plan):
        read += 1
        told += [record.detail] if isinstance(record, Rejected) and record.reason == "exception" else []
    if told:
        sentence = (
            f"raised in place of {len(told):,} of the first {read:,} records; the first: {told[0].splitlines()[0]}"
        )
        yield Remark(len(told) > recipe.limits.max_errors * read, f"{source.name}, {source.read}", sentence)


def _first_records(recipe: Recipe, source: Source, plan: Plan) -> Iterator[Record | Rejected]:
    records = (record for split in plan.of(source.name) for record in read_split(split, source, recipe))
    return islice(records, MAX_LOOKED_AT)


def behavior(source: str, trials: Sequence[Trial], max_errors: float) -> list[Remark]:
    """Steps that raise, that take all of the sample, that cannot tell, and that never fire."""
    found = [
        finding for trial in trials for finding in (*_raised(source, trial, max_errors), *_dropped_all(source, trial))
    ]
    if (
        not any(finding.is_fault for finding in found)
        and trials
        and trials[0].documents.height
        and not _left(trials[-1])
    ):
        told = f"its steps leave nothing of the sample, which has {trials[0].documents.height:,}"
        found.append(Remark(True, source, f"{told} document{'s' * (trials[0].documents.height > 1)}"))
    return [*found, *_undecided(source, trials), *(remark for trial in trials for remark in _judges(source, trial))]


def _undecided(source: str, trials: Sequence[Trial]) -> Iterator[Remark]:
    idle = []
    for trial in trials:
        if trial.documents.height < ENOUGH:
            continue
        for rule in trial.step.filter.rules:
            if _is_unknown(rule, trial.documents):
                told = f'"{rule.signal}" is unknown for all {trial.documents.height:,} documents: it never decides'
                yield Remark(False, f"{source}, {trial.step.name}, {rule.name}", told)
            elif flaw_of(rule) != "off" and not trial.documents.filter(_fails(rule)).height:
                idle.append(f"{trial.step.name}.{rule.name}")
    if idle:
        yield Remark(False, source, f"dropped nothing of the sample: {', '.join(idle)}")


def _judges(source: str, trial: Trial) -> Iterator[Remark]:
    """What judged the documents of each language, where a step has not the same for all; no language passes unseen."""
    judge = trial.step.filter.judge
    if not judge or judge not in trial.documents.columns:
        return
    language = pl.col("language") if "language" in trial.documents.columns else pl.lit(None, pl.String)
    counts = trial.documents.select(language.alias("language"), judge).group_by(judge, "language").len()
    for (name,), group in counts.sort(judge).group_by([judge], maintain_order=True):
        shown = group.sort("len", "language", descending=[True, False])
        told = ", ".join(
            f"{code or 'unknown'} {count:,}" for code, count in shown.select("language", "len").head(12).rows()
        )
        others = f" and {shown.height - 12} more" if shown.height > 12 else ""
        by = f"by {name}" if name else "by nothing, so they stay"
        yield Remark(False, f"{source}, {trial.step.name}", f"judged {by}: {told}{others}")


def _raised(source: str, trial: Trial, max_errors: float) -> Iterator[Remark]:
    """A user's function that raises on more documents than a run goes on with; on fewer it is worth knowing."""
    failed = trial.documents.filter(outcome="quarantined", step=trial.step.name, reason="exception")
    if failed.is_empty():
        return
    first = (str(failed["value"][0]).splitlines() or [""])[0]
    reached = trial.documents.height
    told = f"raised on {failed.height:,} of the {reached:,} documents of the sample that reached it; the first: {first}"
    yield Remark(failed.height > max_errors * reached, f"{source}, {trial.step.name}", told)


def _dropped_all(source: str, trial: Trial) -> Iterator[Remark]:
    """A step that drops everything, and the rules of it that would each alone."""
    reached = trial.documents.height
    if reached < ENOUGH or trial.documents.filter(outcome="dropped").height < reached:
        return
    alone = [rule for rule in trial.step.filter.rules if trial.documents.filter(_fails(rule)).height == reached]
    for place in [f", {rule.name}" for rule in alone] or [""]:
        told = f"drops all {reached:,} documents of the sample that reached it"
        yield Remark(True, f"{source}, {trial.step.name}{place}", told)


def _fails(rule: Rule) -> pl.Expr:
    return ~rule.keep.fill_null(True)


def _is_unknown(rule: Rule, documents: pl.DataFrame) -> bool:
    return bool(documents.select(rule.keep.is_null().all()).item())


def _left(trial: Trial) -> int:
    return trial.documents.filter(pl.col("outcome").is_null()).height
