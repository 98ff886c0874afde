"""How a classifier does, label by label: `curate classifier train` and `evaluate`.

Judged ─▶ table
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table

from curate.report.terminal.columns import add_column
from curate.standalone.judged import JudgedText


def scores_table(judged: JudgedText, trained: Mapping[str, int]) -> Table:
    """One line per label, the most frequent first; `trained` has how many rows of each were trained on, if any."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    add_column(table, "label", is_text=True)
    for name in (*(["trained on"] if trained else []), "judged on", "precision", "recall", "F1"):
        add_column(table, name, is_text=False)
    for name, scores in sorted(judged.labels.items(), key=lambda pair: (-(pair[1]["rows"] or 0), pair[0])):
        seen = [f"{trained.get(name, 0):,}"] if trained else []
        shares = [scores[key] for key in ("precision", "recall", "f1")]
        table.add_row(
            name, *seen, f"{scores['rows']:,}", *("-" if share is None else f"{share:.3f}" for share in shares)
        )
    return table
