"""A run as a notebook shows it: its funnel, its tokens and mixture, and what looks wrong.

Run ─▶ FunnelRow, SourceTokens, sentences ─▶ HTML, in which every text was escaped by `_text`
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from curate.printable import printable
from curate.report.concerns import concerns
from curate.report.funnel import FunnelRow, by_step, documents_read, totals
from curate.report.shown import Shown, shown
from curate.report.terminal.columns import size
from curate.report.terminal.funnel import label
from curate.report.tokens import SourceTokens
from curate.run_folder import RunFolder

FUNNEL = ("source", "step", "documents", "share", "text", "left", "text left")
TOKENS = ("source", "documents", "text", "train", "validation", "requested", "drawn", "epochs")


def run_html(run: RunFolder) -> str:
    """What the terminal shows of a run, as HTML that needs no style and no script."""
    place = _inside("p", [_inside("b", [_text(str(run.place))])])
    if not run.is_complete:
        return place + _inside("p", [_text("This run is not finished: curate.run with the same recipe goes on.")])
    found = shown(run)
    told = [*found.notes, *(concern.sentence for concern in concerns(run))]
    return _inside(
        "div",
        [
            place,
            _table("What came in, what each step took out, what is left", FUNNEL, _funnel(found)),
            _table("Tokens", TOKENS, map(_tokens, found.tokens)),
            *(_inside("p", [_text(sentence)]) for sentence in told),
        ],
    )


def _funnel(found: Shown) -> Iterable[Sequence[str]]:
    rows = by_step(found.funnel)
    is_one = len({row.source for row in rows}) == 1
    for _, group in groupby([*rows, *(() if is_one else totals(found.funnel))], key=lambda row: row.source):
        of_source = list(group)
        read = documents_read(of_source)
        for number, row in enumerate(of_source):
            yield row.source if number == 0 else "", *_funnel_cells(row, read)


def _funnel_cells(row: FunnelRow, read: int) -> Sequence[str]:
    is_gone = row.outcome not in ("read", "kept")
    sign = "-" if is_gone else ""
    documents = "" if row.outcome == "cut" else f"{sign}{row.documents:,}"
    share = "" if row.outcome in ("read", "apart", "cut") else f"{row.documents / max(read, 1):.1%}"
    taken = f"{'+' if row.bytes < 0 else sign}{size(abs(row.bytes))}" if row.bytes else ""
    return label(row), documents, share, taken, f"{row.left:,}", size(row.left_bytes)


def _tokens(row: SourceTokens) -> Sequence[str]:
    share = row.share
    drawn = (f"{share.requested:.3f}", f"{share.drawn:.3f}", f"{share.epochs:.2f}") if share else ("", "", "")
    return row.source, f"{row.documents:,}", size(row.bytes), f"{row.train:,}", f"{row.validation:,}", *drawn


def _table(title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = _inside("tr", [_inside("th", [_text(name)]) for name in names])
    body = [_inside("tr", [_inside("td", [_text(cell)]) for cell in row]) for row in rows]
    caption = _inside("caption", [_inside("b", [_text(title)])])
    return _inside("table", [caption, _inside("thead", [head]), _inside("tbody", body)])


def _text(text: str) -> str:
    """Text as what it is: no mark-up, and nothing that turns a line around."""
    return escape(printable(text))


def _inside(tag: str, parts: Iterable[str]) -> str:
    return f"<{tag}>{''.join(parts)}</{tag}>"
