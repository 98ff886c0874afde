"""What the stages of a run cost, from its own account: the measure by which `simulate_cluster.py` plans larger ones.

recipe ─▶ run by one worker, deduplicated in parts, all its records kept
timing.json ─▶ CPU seconds by stage ─┐
done/       ─▶ tasks, bytes written ─┼─▶ Costs ─▶ of another amount of input: as many times as much
plan        ─▶ bytes read ───────────┘
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.engine.posix import PosixStore
from curate.engine.supervisor import Supervisor
from curate.pipeline.begin import begin
from curate.pipeline.mend import do_and_mend
from curate.pipeline.parts import ASKED, MAX_RANGES, RANGE_DOCUMENTS
from curate.pipeline.run import checked, engine_of, silent, timed
from curate.pipeline.stages import stages

RANGES = 4
"""Of hashes, in the small run."""
BEFORE_WORK = ("start", "load", "waiting")
"""Steps that a worker goes through once, however much it then has to do, and waiting, which is no cost."""
READS = {
    "dedup-keys": ("filter", ".signatures."),
    "dedup-meetings": ("dedup-keys", ""),
    "dedup-components": ("dedup-meetings", ""),
    "dedup-rows": ("filter", ".signatures."),
    "dedup-groups": ("dedup-rows", ""),
    "dedup": ("filter", ".signatures."),
    "decontaminate": ("filter", ".documents."),
    "tokenize": ("filter", ""),
    "mix": ("tokenize", ".docs."),
    "materialize": ("shards", ""),
}
"""Of which stage's files a stage reads which; `filter` reads the inputs, and `shards` gives files a second name."""
ORDER = ("filter", "rank", "choose", *(name for name in READS if name.startswith("dedup")), "decontaminate")
ORDER += ("contamination", "sizes", "sample", "tokenizer", "tokenize", "mix", "shards", "materialize")
NOT_WRITTEN = ("shards",)
BOUNDED = ("tokenizer",)
"""What costs the same however much there is: a tokenizer is trained on a sample of fixed size, or copied."""
BOUNDED_STEPS = ("excerpts",)
"""The same of a step: so many examples are shown, and no more."""
BY_RANGE = ("dedup-meetings", "dedup-groups")
"""Stages that have no task for each split, but one for each range of hashes."""
NO_PAGES = "dropped/read/record_type"


@dataclass(frozen=True, slots=True)
class Stage:
    """`seconds` of CPU, and bytes read and written, of all `tasks` together, of which each has one of the `sizes` in
    comparison with the others. `is_one`: a single task, whose time grows with the corpus."""

    name: str
    tasks: int
    seconds: float
    reads: int
    writes: int
    is_one: bool
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """Of a run: its stages in their order, seconds of CPU until a worker can begin, pages and bytes of the inputs, how
    many documents `filter` keeps, and bytes of what is kept when it is done."""

    stages: tuple[Stage, ...]
    start: float
    pages: int
    kept: int
    input_bytes: int
    kept_bytes: int

    @property
    def cpu(self) -> float:
        return sum(stage.seconds for stage in self.stages)


def measured(recipe: Path, out: Path) -> Costs:
    """Of a run that is made for it, and not finished: its records say what goes at the end, too."""
    os.environ[ASKED] = str(RANGES)
    resolved, store = checked(recipe), PosixStore(out)
    supervisor = Supervisor(store, engine_of(store, 1, resolved.limits), resolved.limits, silent)
    with timed(supervisor):
        do_and_mend(supervisor, resolved, begin(store, resolved), stages(resolved))
    return costs_of(out)


def costs_of(run: Path) -> Costs:
    """Those of a finished run of this machine, whose workers' CPU time is in its account."""
    timing = json.loads((run / "timing.json").read_text(encoding="utf-8"))
    records = {stage: list(_records(run, stage)) for stage in timing["stages"] if (run / "done" / stage).is_dir()}
    inputs = _input_bytes(run)
    stages = [_stage(name, timing["stages"][name], records, inputs) for name in ORDER if name in records]
    counts = [record["counts"] for record in records["filter"]]
    kept = sum(path.stat().st_size for path in run.rglob("*") if path.is_file() and "work" not in path.parts)
    start = max(_before_work(timing["stages"][name]) for name in records)
    pages = sum(count["read"] - count["steps"].get(NO_PAGES, (0, 0))[0] for count in counts)
    return Costs(tuple(stages), start, pages, sum(count["kept"] for count in counts), inputs, kept)


def marginal(costs: Costs, less: Costs) -> Costs:
    """What the input costs that a run has more of than another: what every run costs once is in neither.

    Raises:
        ValueError: the other run has more of it, or other stages.
    """
    if less.input_bytes >= costs.input_bytes or [of.name for of in less.stages] != [of.name for of in costs.stages]:
        raise ValueError("the smaller run has less of the same input, and the same stages")
    stages = tuple(
        replace(
            of,
            seconds=max(of.seconds - other.seconds, 0.0),
            reads=max(of.reads - other.reads, 0),
            writes=max(of.writes - other.writes, 0),
        )
        for of, other in zip(costs.stages, less.stages, strict=True)
    )
    pages, kept, size = costs.pages - less.pages, costs.kept - less.kept, costs.input_bytes - less.input_bytes
    return Costs(stages, costs.start, pages, kept, size, costs.kept_bytes - less.kept_bytes)


def scaled(costs: Costs, *, input_bytes: int, pages: int, splits: int) -> Costs:
    """Of another amount of the same kind: what `filter` does grows with the bytes, and what comes after it with the
    pages, whose texts are alike however long the pages are."""
    longer, more = input_bytes / costs.input_bytes, pages / costs.pages
    kept = int(costs.kept * more)
    stages = [_grown(of, more, splits, kept) for of in costs.stages]
    stages[0] = replace(stages[0], seconds=costs.stages[0].seconds * longer, reads=input_bytes)  # `filter`
    return Costs(tuple(stages), costs.start, pages, kept, input_bytes, int(costs.kept_bytes * more))


def _grown(stage: Stage, times: float, splits: int, kept: int) -> Stage:
    if stage.name in BOUNDED:
        return stage
    tasks = 1 if stage.is_one else splits
    sizes = stage.sizes
    if stage.name in BY_RANGE:
        tasks, sizes = min(MAX_RANGES, max(kept // RANGE_DOCUMENTS, 1)), (1,)
    reads, writes = int(stage.reads * times), int(stage.writes * times)
    return Stage(stage.name, tasks, stage.seconds * times, reads, writes, stage.is_one, sizes)


def _stage(name: str, timing: Mapping[str, Any], records: Mapping[str, list[dict[str, Any]]], inputs: int) -> Stage:
    seconds = sum(cpu for step, (_, cpu) in timing["steps"].items() if step not in BEFORE_WORK + BOUNDED_STEPS)
    source, part = READS.get(name, ("", ""))
    if name == "dedup" and "dedup-groups" in records:
        source = "dedup-groups"
    reads = inputs if name == "filter" else _bytes(records.get(source, []), part)
    writes = 0 if name in NOT_WRITTEN else _bytes(records[name], "")
    tasks = len(records[name])
    is_one = tasks == 1 and len(records["filter"]) > 1
    # The text of a split tells best what a task has to do; of splits without any something has to be read, too.
    sizes = (1,) if is_one else tuple(1 + record["counts"]["read_bytes"] for record in records["filter"])
    return Stage(name, tasks, seconds, reads, writes, is_one, sizes)


def _before_work(timing: Mapping[str, Any]) -> float:
    spent = sum(timing["steps"].get(step, (0.0, 0.0))[1] for step in ("start", "load"))
    return float(spent / max(timing["workers"], 1))


def _records(run: Path, stage: str) -> Iterator[dict[str, Any]]:
    for path in sorted((run / "done" / stage).glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def _bytes(records: list[dict[str, Any]], part: str) -> int:
    return sum(entry["size"] for record in records for name, entry in record["outputs"].items() if part in name)


def _input_bytes(run: Path) -> int:
    lines = (run / "splits.jsonl").read_text(encoding="utf-8").splitlines()
    return sum(json.loads(line.rpartition(" ")[0])["size"] for line in lines)
