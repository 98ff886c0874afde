"""docs/signals.md: everything that is measured on every document, from the table of the kernels.

SIGNALS ─▶ a row each: name, type, unit, range, source
"""

from __future__ import annotations

from curate.report.signals import MeasuredSignal, measured_signals

HEAD = """# Signals

<!-- made by docs/generate.py of curate/text/signals.py: change that, and run it -->

Measured on the text of every document, in one pass, and kept in the ledger whatever becomes of the document. A `where`
decides on any of them, `{ where = "digit_ratio < 0.2 AND word_count > 30" }`; `curate signals` prints this table, with
`--json` for programs.

Steps and readers bring columns of their own: what a step measures stands in [its section](recipe.md#steps),
what a reader knows in [its row](recipe.md#readers). One's own are functions with `@curate.signal`.
"""


def signals_page() -> str:
    rows = [_row(signal) for signal in measured_signals()]
    return "\n".join([HEAD, "| signal | type | unit | range | source |", "|---|---|---|---|---|", *rows]) + "\n"


def _row(signal: MeasuredSignal) -> str:
    most = "" if signal.maximum is None else f" to {signal.maximum:g}"
    limits = f"{signal.minimum:g}{most or ' or more'}"
    cells = (f"`{signal.name}`", signal.dtype, signal.unit, limits, signal.source)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
