"""Scores on evaluation sets for a terminal: a row a set, and one for each of its subsets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.terminal.columns import add_column
from curate.standalone.evaluate import Accuracy, SetScore
from curate.terminal import cell


def evaluation_table(scores: Sequence[SetScore]) -> Table:
    """Accuracies with their standard errors, in percent; of LAMBADA the perplexity of last words, too."""
    table = Table(title="Accuracy in percent ± standard error", title_justify="left", box=SIMPLE_HEAD)
    for name in ("set", "items", "accuracy", "by bytes", "perplexity"):
        add_column(table, name, is_text=name == "set")
    for score in scores:
        some = score.accuracy or score.by_bytes
        perplexity = "" if score.perplexity is None else f"{score.perplexity:,.1f}"
        row = (_percent(score.accuracy), _percent(score.by_bytes), perplexity)
        table.add_row(cell(Path(score.file).name), f"{some.items:,}" if some else "", *row)
        for name, accuracy in score.subsets.items():
            table.add_row(cell(f"  {name}"), f"{accuracy.items:,}", _percent(accuracy))
    return table


def _percent(accuracy: Accuracy | None) -> str:
    return "" if accuracy is None else f"{accuracy.share:.1%} ± {100 * accuracy.error:.1f}".replace("%", "")
