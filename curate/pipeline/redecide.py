"""`filter` of a split of which an earlier run differs in the last step only: decided on again, not read again.

    work/earlier/<split>.ledger ─▶ who came to the last step ─┬▶ its rules, as they are now ─▶ kept ─▶ signatures
    work/earlier/<split>.{documents,dropped} ─▶ their texts ──┘                    (of those that were dropped before)

Nothing is measured: another threshold of a step leaves what it measures, and a step that measures nothing has all that
it needs in the ledger. Writes what filter.py does, the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.batch import Filter
from curate.engine.job import Job, Made
from curate.engine.plan import Split
from curate.engine.records import Done, committed, intact, read_one
from curate.engine.store import Store
from curate.errors import UsageError
from curate.pipeline.depends import Dependence
from curate.pipeline.filter import PARTS, Parts, made_of, sign
from curate.pipeline.reuse import EarlierRun, take_files
from curate.recipe import Recipe, Source, Step
from curate.recipe_form import plain_value
from curate.run_files import EARLIER, Filtered, filtered, filtered_before
from curate.steps.bind import bind, step_names
from curate.steps.decide import apply_rules, drop_emptied
from curate.steps.deciding_files import check_as_planned
from curate.steps.schema import source_tables

DECISION = ("outcome", "step", "reason", "value")


def redecide_split(job: Job) -> Made:
    """The task of a split whose files of an earlier run stand in work/earlier."""
    recipe, clock = job.recipe, job.clock
    source = recipe.source(job.split.source)
    with clock("load"):
        record = committed(job.store, EARLIER, job.key)
        since = int(record.counts["since"])
        steps = bind(source, recipe)
        check_as_planned(job.plan, [file for step in steps[since:] for file in step.filter.files])
    with clock("batch"):
        before = Parts(*(pl.read_parquet(_open(job.store, job.key, part)) for part in PARTS))
        came = _came(before, record.counts["step"])
    for step in steps[since:]:
        with clock(step.name):
            came = drop_emptied(apply_rules(came, step.name, step.filter.rules), step)
    came = came.with_columns(pl.col("outcome").fill_null("kept"))
    with clock("sign"):
        kept = came.filter(outcome="kept")
        signatures = _signatures(kept, before, recipe)
    with clock("batch"):
        dropped = came.filter(outcome="dropped", step=steps[-1].name)
        texts = [part.select(before.documents.columns) for part in (kept, dropped)]
        after = Parts(_decided(before.ledger, came), texts[0], signatures, texts[1])
    with clock("write"):
        return made_of(job, after, record.counts["inputs"])


def _open(store: Store, key: str, part: Filtered) -> Path:
    return intact(store, EARLIER, key, filtered_before(key, part))


def _came(before: Parts, step: str | None) -> pl.DataFrame:
    """Who came to what is new, without a decision, in the order of the ledger, `_row` being the place there; `step` is
    the one that stood there before. `_kept`: the place among the documents that were kept."""
    ledger = before.ledger.with_row_index("_row")
    kept, dropped = ledger.filter(outcome="kept"), ledger.filter(outcome="dropped", step=step or "")
    news = [name for name in before.documents.columns if name not in ledger.columns]
    parts = [
        rows.hstack(texts.select(news)).with_columns(place.alias("_kept"))
        for rows, texts, place in (
            (kept, before.documents, pl.int_range(pl.len(), dtype=pl.UInt32)),
            (dropped, before.dropped[: dropped.height], pl.lit(None, pl.UInt32)),
        )
    ]
    undecided = [pl.lit(None, pl.String).alias(name) for name in DECISION]
    return pl.concat(parts).sort("_row").with_columns(undecided)


def _signatures(kept: pl.DataFrame, before: Parts, recipe: Recipe) -> pl.DataFrame:
    """Those that were signed before have it still."""
    was_kept = kept["_kept"].is_not_null()
    old = before.signatures[kept["_kept"].drop_nulls()]
    new = sign(kept.filter(~was_kept), recipe.dedup)  # with all columns: [dedup] keep may go by a signal
    rows = pl.concat([kept.filter(was_kept)["_row"], kept.filter(~was_kept)["_row"]])
    return pl.concat([old, new.select(old.columns)]).with_columns(rows.alias("_row")).sort("_row").drop("_row")


def _decided(ledger: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """The ledger with the new decisions."""
    told = came.select("_row", pl.struct(DECISION).alias("_new"))
    rows = ledger.with_row_index("_row").join(told, on="_row", how="left", maintain_order="left")
    is_new = pl.col("_new").is_not_null()
    news = [pl.when(is_new).then(pl.col("_new").struct.field(name)).otherwise(name).alias(name) for name in DECISION]
    return rows.with_columns(news).drop("_row", "_new")


@dataclass(frozen=True, slots=True)
class Nearly:
    """Of the splits of a stage `filter`: how many are to be decided on again, with texts of which folders, and why
    others are not, a reason each."""

    taken: int
    folders: tuple[Path, ...]
    obstacles: tuple[str, ...]


def take_nearly(
    store: Store, splits: Iterable[Split], recipe: Recipe, depends: Dependence, earlier: Sequence[EarlierRun]
) -> Nearly:
    """Bring what earlier runs have left of these splits to work/earlier, where only the last step is another one."""
    folders: list[Path] = []
    obstacles: list[str] = []
    footings: dict[tuple[Path, str], Footing | str] = {}
    for split in splits:
        for run in earlier:
            there = run.keys_before.get(depends.before[split.key])
            done = read_one(run.store, "filter", there) if there is not None else None
            if done is None:
                continue
            if (run.folder, split.source) not in footings:
                footings[run.folder, split.source] = _footing(recipe.source(split.source), recipe, depends, run)
            footing = footings[run.folder, split.source]
            obstacle = footing if isinstance(footing, str) else _take(store, split.key, done, footing, run)
            if obstacle is None:
                folders.append(run.folder)
                break
            obstacles.append(obstacle)
    return Nearly(len(folders), tuple(dict.fromkeys(folders)), tuple(dict.fromkeys(obstacles)))


@dataclass(frozen=True, slots=True)
class Footing:
    """On what of an earlier run's source is built: the steps before `since`; behind them stood `steps`, one or none."""

    since: int
    steps: tuple[str, ...]


def _take(store: Store, key: str, done: Done, footing: Footing, run: EarlierRun) -> str | None:
    """None once the files of a split are in work/earlier; else why they are not."""
    # What broke on a step may pass it now, and its text is not there.
    broken = {name.split("/")[1] for name in done.counts["steps"] if name.startswith("quarantined/")}
    if lost := sorted(broken & {*footing.steps, "sign"}):
        return f"documents that {lost[0]} broke on were not kept"
    counts = {"step": next(iter(footing.steps), None), "since": footing.since, "inputs": done.counts["inputs"]}
    names = {filtered_before(key, part): filtered(done.key, part) for part in PARTS}
    outputs = {name: done.outputs[other] for name, other in names.items()}
    is_taken = take_files(store, Done(EARLIER, key, outputs, counts), run.store, [*names.values()])
    return None if is_taken else f"what {run.folder} had of it is gone or damaged"


def _footing(source: Source, recipe: Recipe, depends: Dependence, run: EarlierRun) -> Footing | str:
    """On what of it a source can build, or why on nothing."""
    before, after = run.depends.steps[source.name], depends.steps[source.name]
    if before == after:
        return f"what {run.folder} had of it is gone or damaged"
    old, since = run.recipe.source(source.name), _shared(before, after)
    try:
        obstacle = _obstacle(old, run.recipe, source, recipe, since)
        has_same_files = [step["files"] for step in before[since:]] == [step["files"] for step in after[since:]]
        if not obstacle and not _is_of_rules(old, run.recipe, source, recipe, since, has_same_files=has_same_files):
            obstacle = f"the step {step_names(source)[since]} changes a text, or measures something else"
    except UsageError as error:  # a file of the former step is gone
        obstacle = str(error)
    told = f"source {source.name}: {obstacle}"
    return told if obstacle else Footing(since, tuple(step_names(old)[since:]))


def _shared(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> int:
    """How many steps are the same before the first that is not."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((number for number, (one, other) in pairs if one != other), min(len(old), len(new)))


def _obstacle(old: Source, old_recipe: Recipe, new: Source, recipe: Recipe, since: int) -> str:
    """Why documents must be read again, whatever the steps are; "" where they need not."""
    before, after = old.steps[since:], new.steps[since:]
    if len(before) > 1 or not after:
        return "another step than the last differs"
    if len(new.extractors) > 1:
        return "several extractors, of whose texts another may stay"
    if new.min_language_chance and "language" in {step.use for step in (*before, *after)}:
        return "min_language_chance asks the step language before a text is made"
    is_same = source_tables(old, old_recipe) == source_tables(new, recipe)
    return "" if is_same else "other columns are measured"


def _is_of_rules(
    old: Source, old_recipe: Recipe, new: Source, recipe: Recipe, since: int, *, has_same_files: bool
) -> bool:
    """Whether what differs decides and measures nothing."""
    was, now = (bind(source, of)[since:] for source, of in ((old, old_recipe), (new, recipe)))
    if len(was) == len(now) == 1 and has_same_files:
        is_moved = are_thresholds(old.steps[since], new.steps[since], was[0].filter, now[0].filter)
    else:
        is_moved = False
    measures = any(step.filter.measure is not None for step in now)
    return is_moved or not (measures or any(step.filter.changes_text for step in (*was, *now)))


def are_thresholds(old: Step, new: Step, was: Filter, now: Filter) -> bool:
    """Whether all in which two steps differ are thresholds of rules, one each, and so what they measure is the same."""
    rules, others = ([(rule.name, rule.signal) for rule in of.rules] for of in (was, now))
    if old.use != new.use or rules != others:
        return False
    before, after = plain_value(old.parameters), plain_value(new.parameters)
    moved = [plain_value([one.threshold, other.threshold]) for one, other in zip(was.rules, now.rules, strict=True)]
    for name in {**before, **after}:
        pair = [before.get(name), after.get(name)]
        if pair[0] != pair[1]:
            if pair not in moved:
                return False
            moved.remove(pair)
    return True
