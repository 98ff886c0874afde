"""Curves of the trainings that lie in the run: losses by source and bits per byte, from their logs.

RUN/train/*/log.jsonl ─▶ a line of figures a step ─▶ curves
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.report.html.account import Account
from curate.report.html.charts import curves
from curate.report.html.section import PageSection, note, part
from curate.run_files import CHECKPOINTS

MAX_POINTS = 500
"""Of a curve; of more some are left out, evenly."""


def training(account: Account) -> PageSection:
    logs = sorted(account.run.room(CHECKPOINTS).glob("*/log.jsonl"))
    parts = [_curves(log) for log in logs]
    return PageSection("training", "Training", [each for each in parts if each] or None)


def _curves(log: Path) -> Any:
    lines = list(_lines(log))
    if not lines:
        return None
    scored = [line for line in lines if line.get("validation")]
    every = lines[:: max(1, len(lines) // MAX_POINTS)]
    drawn = [curves("training loss", _steps(every), _losses(every), unit="nats per token")]
    if scored:
        drawn.append(curves("validation", _steps(scored), _bits(scored), unit="bits per byte"))
    last = lines[-1]
    return part(log.parent.name, drawn, note(f"{last['step']:,} of {last.get('steps', 0):,} steps."))


def _lines(log: Path) -> Iterator[Mapping[str, Any]]:
    """Whole ones: a training may be at work, or have been killed."""
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and "step" in told:
            yield told


def _steps(lines: Sequence[Mapping[str, Any]]) -> list[float]:
    return [line["step"] for line in lines]


def _losses(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for line in lines for name in line.get("losses") or {})
    every = {"all": [line.get("loss") for line in lines]}
    return every | {name: [(line.get("losses") or {}).get(name) for line in lines] for name in names}


def _bits(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    scores = [{score["source"]: score["bits_per_byte"] for score in line["validation"]} for line in lines]
    return {name: [each.get(name) for each in scores] for name in dict.fromkeys(key for each in scores for key in each)}
