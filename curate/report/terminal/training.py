"""Training for a terminal: a bar, or a line now and then, and the table of bits per byte at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a machine that only trains has no rich: lines do there
    from rich.console import Console
    from rich.table import Table

    from curate.train_min.log import StepReport
    from curate.train_min.train import TrainResult

LINE_SECONDS = 10.0
COLUMNS = ("source", "tokens", "loss, nats", "bits per byte")
ORDERS = {1: "unigram", 2: "bigram", 3: "trigram"}


@contextmanager
def training_progress(console: Console) -> Iterator[Callable[[StepReport], None]]:
    """The function to hand to `train`."""
    if not console.is_terminal:
        yield _lines(console)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("train"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed}/{task.total}  {task.fields[text]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("train", total=None, text="")

        def show(report: StepReport) -> None:
            bars.update(task, completed=report.step, total=report.steps, text=sentence(report))
            for line in troubles(report):
                console.print(line, soft_wrap=True)

        yield show


def _lines(console: Console) -> Callable[[StepReport], None]:
    shown = [time.monotonic() - LINE_SECONDS]

    def show(report: StepReport) -> None:
        for line in troubles(report):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        if report.step == report.steps or time.monotonic() - shown[0] >= LINE_SECONDS:
            shown[0] = time.monotonic()
            console.print(f"step {report.step}/{report.steps}  {sentence(report)}", highlight=False, markup=False)

    return show


def sentence(report: StepReport) -> str:
    """Loss and speed; the losses by source where there are several."""
    by_source = ", ".join(f"{source} {loss:.2f}" for source, loss in report.losses.items())
    detail = f" ({by_source})" if len(report.losses) > 1 else ""
    used = "" if report.mfu is None else f"  {report.mfu:.0%} of peak"
    return f"loss {report.loss:.3f}{detail}  {report.tokens_per_second:,.0f} tokens/s{used}"


def troubles(report: StepReport) -> Iterator[str]:
    """A sentence for each step since the report before that stood out."""
    for trouble in report.troubles:
        what = "was skipped: it is not finite" if trouble.kind == "not finite" else f"has a spike of the {trouble.kind}"
        yield f"step {trouble.step} {what}; the worst rows are of {'; '.join(trouble.documents)}"


def pairs_table(result: TrainResult) -> Table:
    """How well the answers of held-out pairs are told apart; a model that cannot has ln 2 nats, and half of them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from curate.report.terminal.columns import add_column

    table = Table(title=_title(result), title_justify="left", box=SIMPLE_HEAD)
    for name in ("source", "pairs", "loss, nats", "right", "margin"):
        add_column(table, name, is_text=name == "source")
    for score in result.scores:
        table.add_row(
            score.source, f"{score.pairs:,}", f"{score.loss:.3f}", f"{score.accuracy:.0%}", f"{score.margin:.2f}"
        )
    for source in result.unvalidated:
        table.add_row(source, "too few to hold some out", *["-"] * 3)
    return table


Ngrams = Mapping[int, Mapping[str, float]]
"""Bits per byte of each source's validation tokens by n-grams of so many tokens."""


def scores_table(result: TrainResult, ngrams: Ngrams | None = None) -> Table:
    """Bits per byte by source, lower is better, beside n-grams of the same training tokens, by their order; and how
    much it is better than the best of them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from curate.report.terminal.columns import add_column

    table = Table(title=_title(result), title_justify="left", box=SIMPLE_HEAD)
    first, *rows = _rows(result, ngrams or {})
    for name in first:
        add_column(table, name, is_text=name == "source")
    for row in rows:
        table.add_row(*row)
    return table


def scores_lines(result: TrainResult) -> Iterator[str]:
    """The same without rich."""
    rows = [*_rows(result, {})]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield _title(result)
    for first, *rest in rows:
        yield "  ".join([first.ljust(widths[0]), *(text.rjust(n) for text, n in zip(rest, widths[1:], strict=True))])


def _title(result: TrainResult) -> str:
    return f"Validation after {result.steps:,} steps, {result.parameters / 1e6:.1f} M parameters"


def _rows(result: TrainResult, ngrams: Ngrams) -> Iterator[tuple[str, ...]]:
    """The names of the columns, then a row for each source."""
    yield (*COLUMNS, *(ORDERS.get(order, f"{order}-gram") for order in (1, *sorted(ngrams))), "better by")
    for score in result.scores:
        others = [score.unigram_bits_per_byte, *(ngrams[order][score.source] for order in sorted(ngrams))]
        bits = [f"{each:.3f}" for each in (score.bits_per_byte, *others)]
        gain = f"{1 - score.bits_per_byte / min(others):.0%}"
        yield (score.source, f"{score.tokens:,}", f"{score.loss:.3f}", *bits, gain)
    for source in result.unvalidated:
        yield (source, "no validation documents", *["-"] * (4 + len(ngrams)))
