"""How far a run is: a bar with rate and time left on a terminal, plain lines elsewhere; and what users print.

Progress (from the supervisor, every second) ─▶ bar | a line every few seconds
Said (whenever a task prints a line)         ─▶ "my_filters:no_recipes: the line"
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from curate.engine.engine import Said
from curate.engine.progress import Progress, Show

LINE_SECONDS = 5.0


@contextmanager
def progress_on(console: Console) -> Iterator[Show]:
    """The function to hand to a run; bars are cleared away when it ends."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rate]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=console, refresh_per_second=2) as bars:
        yield _Bars(bars)


class _Bars:
    """One bar a stage."""

    def __init__(self, bars: RichProgress) -> None:
        self.bars = bars
        self.tasks: dict[str, tuple[TaskID, float]] = {}

    def __call__(self, progress: Progress | Said) -> None:
        if isinstance(progress, Said):
            print_said(self.bars.console, progress)
            return
        if progress.stage not in self.tasks:
            task = self.bars.add_task(progress.stage, total=max(progress.tasks, 1), rate="")
            self.tasks[progress.stage] = (task, time.monotonic())
        task, since = self.tasks[progress.stage]
        self.bars.update(task, completed=progress.tasks_done, rate=rate(progress, time.monotonic() - since))


class _Lines:
    """A line when a stage begins to move, every few seconds, and when it ends."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.stage, self.since, self.shown = "", 0.0, 0.0
        self.ended: set[str] = set()

    def __call__(self, progress: Progress | Said) -> None:
        if isinstance(progress, Said):
            print_said(self.console, progress)
            return
        now = time.monotonic()
        if progress.stage != self.stage:
            self.stage, self.since, self.shown = progress.stage, now, now
        is_end = progress.tasks_done == progress.tasks and progress.stage not in self.ended
        if is_end or now - self.shown >= LINE_SECONDS:
            self.shown = now
            share = f"{progress.tasks_done}/{progress.tasks}"
            self.console.print(f"{progress.stage}: {share}  {rate(progress, now - self.since)}", highlight=False)
        if is_end:
            self.ended.add(progress.stage)


def print_said(console: Console, said: Said) -> None:
    """A line that a task printed, marked with the step that did."""
    console.print(f"{said.step or 'worker'}: {said.line}", markup=False, highlight=False, soft_wrap=True)


def rate(progress: Progress, seconds: float) -> str:
    """Documents so far and a second."""
    if not progress.documents:
        return ""
    return f"{progress.documents:,} documents, {progress.documents / max(seconds, 0.01):,.0f}/s"
