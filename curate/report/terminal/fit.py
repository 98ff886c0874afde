"""A recommended mixture for a terminal: a row a source, and how sure it is."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.ablation.fit_mixture import MixtureFit
from curate.report.terminal.columns import add_column
from curate.terminal import cell


def fit_table(found: MixtureFit) -> Table:
    """The weights with their intervals, beside the mean of the runs."""
    table = Table(title=f"{found.runs} runs, {found.law} law", title_justify="left", box=SIMPLE_HEAD)
    for name in ("source", "mean", "best", "95 % interval"):
        add_column(table, name, is_text=name == "source")
    for row in found.weights:
        table.add_row(cell(row.source), f"{row.mean:.3f}", f"{row.weight:.3f}", f"{row.low:.3f} … {row.high:.3f}")
    return table


def fit_lines(found: MixtureFit) -> list[str]:
    """The answer in words, and what to do with it."""
    own, mean = f"{found.left_out_error:.2%}", f"{found.mean_error:.2%}"
    error = f"Left-out runs are foretold to {own} of their loss (by the mean of the others: {mean})."
    gain = f"{found.gain:.2%} less loss than the mean mixture ({found.gain_low:.2%} … {found.gain_high:.2%})"
    if found.is_flat:
        return [error, f"Flat: {gain} is no more than what the law errs by, or than none."]
    weights = ",".join(f"{row.source}={row.weight:.3f}" for row in found.weights)
    return [error, f"Best within what was tried: {gain}.", "", f"Next: curate mix RUN --set 'weights={{{weights}}}'"]
