"""Where the time went: wall and CPU seconds by stage and by step, from timing.json. With the
date in the card the only part of the page that is another one when the same run is made again.

timing.json ─▶ stages with their steps, the costliest first
"""

from __future__ import annotations

import json

from curate.report.html.account import Account
from curate.report.html.section import PageSection, note
from curate.report.html.tables import Cell, Meter, table
from curate.run_files import TIMING


def cost(account: Account) -> PageSection:
    """None where the account of time is lost."""
    path = account.run.file(TIMING)
    try:
        timing = json.loads(path.read_text(encoding="utf-8"))
        steps = [
            (stage, step, wall, cpu)
            for stage, told in timing["stages"].items()
            for step, (wall, cpu) in told["steps"].items()
        ]
        whole = (float(timing["wall"]), float(timing["cpu"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return PageSection("cost", "Time", None)
    steps.sort(key=lambda row: (-row[3], row[0], row[1]))
    most_wall, most_cpu = (max([row[at] for row in steps], default=0.0) or 1.0 for at in (2, 3))
    rows: list[list[Cell]] = [
        [stage, step, Meter(f"{wall:,.2f} s", wall, wall / most_wall), Meter(f"{cpu:,.2f} s", cpu, cpu / most_cpu)]
        for stage, step, wall, cpu in steps
    ]
    told = f"{whole[0]:,.1f} s of wall time and {whole[1]:,.1f} s of CPU time over all sessions."
    return PageSection("cost", "Time", [note(told), table(("stage", "step", "wall, all workers", "CPU"), rows)])
