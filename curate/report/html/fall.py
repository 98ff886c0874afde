"""The funnel of every source as a waterfall: a bar a step, what it took and what was left, in documents and in bytes.

FunnelRow ─▶ by step ─▶ rows with two bars ─▶ tokens at its end
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from curate.report.funnel import FunnelRow, by_step, totals
from curate.report.html.account import Account
from curate.report.html.charts import fall
from curate.report.html.markup import Content, Html, element
from curate.report.html.sankey import sankey
from curate.report.html.section import PageSection, note, part
from curate.report.html.tables import bytes_of, count, share, size, table

SAID = {
    "read": "came in",
    "apart": "no document",
    "dropped": "dropped",
    "quarantined": "quarantined",
    "cut": "cut out of texts",
    "kept": "kept",
}
HEADS = (
    ("step", ""),
    ("", "bar"),
    ("documents", "n"),
    ("left", "n wide"),
    ("", "wide"),
    ("bytes", "n"),
    ("left", "n wide"),
)
"""With their classes: narrow screens leave out those that are wide."""


def funnels(account: Account) -> PageSection:
    sources = account.sources
    named = [replace(row, step=account.told(row.source, row.step)) for row in account.funnel]
    parts: list[Content] = [_overview(account)] if len(sources) > 1 else []
    for name in sources:
        rows = [row for row in named if row.source == name]
        tokens = sum(account.manifest["counts"][name]["tokens"].values())
        parts.append(part(name, _waterfall(by_step(rows), tokens), _reasons(rows)))
    told = "Each bar is what was left before a step; the colored end of it is what the step took."
    return PageSection("funnel", "What came in, what came out", [sankey(named), note(told), parts])


def _overview(account: Account) -> Html:
    rows = totals(account.funnel)
    return part("all sources", _waterfall(rows, account.tokens))


def _waterfall(rows: Sequence[FunnelRow], tokens: int) -> Html:
    documents = max((row.left for row in rows), default=0)
    most = max((row.left_bytes for row in rows), default=0)
    lines = [_line(row, documents, most) for row in rows]
    last = element("tr", [element("th", "tokens", {"scope": "row"}), element("td", f"{tokens:,}", {"colspan": 6})])
    heads = element("tr", [element("th", name, {"scope": "col", "class": kind or None}) for name, kind in HEADS])
    whole = element("table", [element("thead", heads), element("tbody", [lines, last])], {"class": "falls"})
    return element("div", whole, {"class": "scroll"})


def _line(row: FunnelRow, documents: int, most: int) -> Html:
    """One step and what it took; a document that lost a part of its text has not gone."""
    gone = 0 if row.outcome in ("read", "kept", "cut") else row.documents
    lost = 0 if row.outcome in ("read", "kept") else row.bytes
    is_step = bool(row.step) and row.outcome in ("dropped", "quarantined", "cut")
    name: Content = SAID[row.outcome]
    if is_step:
        name = [*_breakable("reading" if row.step == "read" else row.step), " ", element("small", SAID[row.outcome])]
    return element(
        "tr",
        [
            element("th", name, {"scope": "row"}),
            element("td", fall(row.left + gone, row.left, documents, row.outcome), {"class": "bar"}),
            element("td", f"{row.documents:,}", {"class": "n"}),
            element("td", f"{row.left:,}", {"class": "n wide"}),
            element("td", fall(row.left_bytes + lost, row.left_bytes, most, row.outcome), {"class": "bar wide"}),
            element("td", bytes_of(row.bytes), {"class": "n"}),
            element("td", bytes_of(row.left_bytes), {"class": "n wide"}),
        ],
    )


def _breakable(name: str) -> Iterator[Content]:
    """A long name ends its line behind a "_", where there is no room for it."""
    for place, word in enumerate(name.split("_")):
        yield from ("_", element("wbr"), word) if place else (word,)


def _reasons(rows: Sequence[FunnelRow]) -> Content:
    """Every rule with what it took."""
    read = next((row.documents for row in rows if row.outcome == "read"), 0)
    cells = [
        (
            row.step,
            row.reason or SAID[row.outcome],
            SAID[row.outcome],
            count(row.documents),
            share(row.documents, read),
            size(row.bytes),
        )
        for row in _taken(rows)
    ]
    heads = ("step", "reason", "outcome", "documents", "of all read", "bytes")
    if not cells:
        return None
    title = f"{len(cells):,} reason{'s' * (len(cells) != 1)}"
    return element("details", [element("summary", title), table(heads, cells)])


def _taken(rows: Sequence[FunnelRow]) -> Iterator[FunnelRow]:
    return (row for row in rows if row.outcome not in ("read", "kept"))
