"""What the stages of a run cost, from its own account: the measure by which `simulate_cluster.py` plans larger ones.

timing.json ─▶ CPU seconds by stage ─┐
done/       ─▶ tasks, bytes written ─┼─▶ Costs ─▶ of another amount of input: as many times as much
plan        ─▶ bytes read ───────────┘
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

BEFORE_WORK = ("start", "load", "waiting")
"""Steps that a worker goes through once, however much it then has to do, and waiting, which is no cost."""
READS = {
    "dedup": ("filter", ".signatures."),
    "decontaminate": ("filter", ".documents."),
    "tokenize": ("filter", ""),
    "mix": ("tokenize", ".docs."),
    "materialize": ("shards", ""),
}
"""Of which stage's files a stage reads which; `filter` reads the inputs, and `shards` gives files a second name."""
NOT_WRITTEN = ("shards",)
BOUNDED = ("tokenizer",)
"""What costs the same however much there is: a tokenizer is trained on a sample of fixed size, or copied."""


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
    """Of a run: its stages in their order, seconds of CPU until a worker can begin, records and bytes of the inputs,
    and bytes of what is kept when it is done."""

    stages: tuple[Stage, ...]
    start: float
    records: int
    input_bytes: int
    kept_bytes: int

    @property
    def cpu(self) -> float:
        return sum(stage.seconds for stage in self.stages)


def costs_of(run: Path) -> Costs:
    """Those of a finished run of this machine, whose workers' CPU time is in its account."""
    timing = json.loads((run / "timing.json").read_text(encoding="utf-8"))
    records = {stage: list(_records(run, stage)) for stage in timing["stages"] if (run / "done" / stage).is_dir()}
    inputs = _input_bytes(run)
    stages = [_stage(name, timing["stages"][name], records, inputs) for name in _in_order(timing, records)]
    counts = [record["counts"] for record in records["filter"]]
    kept = sum(path.stat().st_size for path in run.rglob("*") if path.is_file() and "work" not in path.parts)
    start = max(_before_work(timing["stages"][name]) for name in records)
    return Costs(tuple(stages), start, sum(count["read"] for count in counts), inputs, kept)


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
    records, size = costs.records - less.records, costs.input_bytes - less.input_bytes
    return Costs(stages, costs.start, records, size, costs.kept_bytes - less.kept_bytes)


def scaled(costs: Costs, input_bytes: int, tasks: int) -> Costs:
    """Of so many bytes of the same kind, cut into so many tasks."""
    times = input_bytes / costs.input_bytes
    stages = tuple(
        replace(
            stage,
            tasks=1 if stage.is_one else tasks,
            seconds=stage.seconds * times,
            reads=int(stage.reads * times),
            writes=int(stage.writes * times),
        )
        if stage.name not in BOUNDED
        else stage
        for stage in costs.stages
    )
    return Costs(stages, costs.start, int(costs.records * times), input_bytes, int(costs.kept_bytes * times))


def _in_order(timing: Mapping[str, Any], records: Mapping[str, Any]) -> list[str]:
    """By when they ran: each writes its first record after the last one of the stage before."""
    order = ("filter", "dedup", "decontaminate", "tokenizer", "tokenize", "mix", "shards", "materialize")
    unknown = sorted(records.keys() - set(order))
    return [*(name for name in order if name in records), *unknown]


def _stage(name: str, timing: Mapping[str, Any], records: Mapping[str, list[dict[str, Any]]], inputs: int) -> Stage:
    seconds = sum(cpu for step, (_, cpu) in timing["steps"].items() if step not in BEFORE_WORK)
    source, part = READS.get(name, ("", ""))
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
