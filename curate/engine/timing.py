"""`timing.json`: where wall and CPU time went, per stage and step, over all sessions of a run; never part of a digest.

`explained` is the share of the workers' wall time that named steps account for; the rest is under "other".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from curate.engine.clock import add_seconds
from curate.engine.store import Store
from curate.engine.whole import json_bytes
from curate.run_files import TIMING


def merge_timing(store: Store, stages: Mapping[str, Mapping[str, Any]], own: list[float]) -> dict[str, Any]:
    """The account so far with this session's added; `own` is [wall, CPU] of the supervisor."""
    total = read_timing(store)
    for name, more in stages.items():
        stage = total["stages"].setdefault(name, {"wall": 0.0, "workers": 0, "steps": {}})
        stage["wall"] += more["wall"]
        stage["workers"] = max(stage["workers"], more["workers"])
        add_seconds(stage["steps"], more["steps"])
    total["wall"] += own[0]
    steps = [seconds for stage in total["stages"].values() for seconds in stage["steps"].values()]
    total["supervisor_cpu"] += own[1]
    total["cpu"] = total["supervisor_cpu"] + sum(cpu for _, cpu in steps)
    total["explained"] = _explained(total["stages"], total["wall"])
    return total


def read_timing(store: Store) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):  # an account of time that is lost, or damaged, must not stop a run
        table: dict[str, Any] = json.loads(store.read(TIMING))
        if table.keys() >= {"wall", "cpu", "supervisor_cpu", "stages"}:
            return table
    return {"wall": 0.0, "cpu": 0.0, "supervisor_cpu": 0.0, "explained": 0.0, "stages": {}}


def write_timing(store: Store, timing: Mapping[str, Any]) -> None:
    store.write(TIMING, json_bytes(timing))


def _explained(stages: Mapping[str, Mapping[str, Any]], wall: float) -> float:
    """Of each stage's wall time, the share that its workers' named steps cover; stages against the whole."""
    explained = 0.0
    for stage in stages.values():
        named = sum(seconds for step, (seconds, _) in stage["steps"].items() if step != "other")
        workers = max(stage["workers"], 1)
        # Workers overlap: their time is shared out, and no stage can explain more than it took.
        explained += min(named / workers, stage["wall"])
    return round(explained / wall, 4) if wall else 0.0
