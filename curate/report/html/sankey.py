"""Where the documents of all sources went, as one picture: sources on the left, what took or kept them on the right.

FunnelRow ─▶ documents by (source, fate) ─▶ nodes stacked on both sides ─▶ bands between them, as wide as they are many
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.report.funnel import FunnelRow
from curate.report.html.markup import Attributes, Content, Html, element

WIDTH, TALL, GAP, LINE = 1000.0, 260.0, 8.0, 17.0
"""TALL are all documents together; a node has a line for its name at least."""
LEFT, RIGHT, NODE = 130.0, 780.0, 12.0
"""Where the nodes of each side begin, and how wide they are; names stand outside of them."""
MAX_FATES = 10
"""Steps with a band of their own, those that took most."""
MAX_NAME = 24
"""Letters of a name that have room beside a node; the whole of it is in what the picture says to who cannot see it."""
KEPT, OTHERS = "kept", "other steps"


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    amount: int
    y: float
    height: float


def sankey(rows: Sequence[FunnelRow]) -> Content:
    """Of the rows of all sources; records that are no documents are left out."""
    flows = _flows(rows)
    if not flows:
        return None
    sources = _summed(flows, side=0)
    fates = _summed(flows, side=1)
    ordered = sorted(fates, key=lambda name: (name != KEPT, name == OTHERS, -fates[name], name))
    scale = TALL / sum(flows.values())
    left = list(_stacked(sources, [*sources], scale))
    right = list(_stacked(fates, ordered, scale))
    drawn = [*_bands(left, right, flows, scale), *(_node(each, is_left=True) for each in left)]
    drawn += [_node(each, is_left=False) for each in right]
    bottom = max(each.y + max(each.height, LINE) for each in (*left, *right))
    shape = {"class": "sankey", "viewBox": f"0 0 {WIDTH:.0f} {bottom + 5:.0f}", "role": "img"}
    told = "; ".join(f"{source} to {fate}: {amount:,}" for (source, fate), amount in flows.items())
    return element("svg", drawn, shape | {"aria-label": told})


def _flows(rows: Sequence[FunnelRow]) -> dict[tuple[str, str], int]:
    """Documents by source and fate: the step that took them, or none."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.outcome in ("dropped", "quarantined", "kept") and row.documents:
            fate = KEPT if row.outcome == "kept" else "reading" if row.step == "read" else row.step
            found[row.source, fate] = found.get((row.source, fate), 0) + row.documents
    fates = _summed(found, side=1)
    named = sorted((name for name in fates if name != KEPT), key=lambda name: (-fates[name], name))[:MAX_FATES]
    flows: dict[tuple[str, str], int] = {}
    for (source, fate), amount in found.items():
        key = (source, fate if fate in named or fate == KEPT else OTHERS)
        flows[key] = flows.get(key, 0) + amount
    return flows


def _summed(flows: Mapping[tuple[str, str], int], *, side: int) -> dict[str, int]:
    """By the name on one side, in order of appearance."""
    sums: dict[str, int] = {}
    for pair, amount in flows.items():
        sums[pair[side]] = sums.get(pair[side], 0) + amount
    return sums


def _stacked(amounts: Mapping[str, int], order: Sequence[str], scale: float) -> Iterator[_Node]:
    y = 8.0
    for name in order:
        height = amounts[name] * scale
        yield _Node(name, amounts[name], y, height)
        y += max(height + GAP, LINE)


def _bands(
    left: Sequence[_Node], right: Sequence[_Node], flows: Mapping[tuple[str, str], int], scale: float
) -> Iterator[Html]:
    """Each leaves its source below the one before, and enters its fate below those of the sources before."""
    entered = {node.name: node.y for node in right}
    for source in left:
        y = source.y
        for fate in right:
            width = flows.get((source.name, fate.name), 0) * scale
            if width:
                yield _band(y + width / 2, entered[fate.name] + width / 2, width, is_kept=fate.name == KEPT)
                y += width
                entered[fate.name] += width


def _band(y: float, end: float, width: float, *, is_kept: bool) -> Html:
    begin, finish, middle = LEFT + NODE, RIGHT, (LEFT + NODE + RIGHT) / 2
    path = f"M{begin:.0f} {y:.1f}C{middle:.0f} {y:.1f} {middle:.0f} {end:.1f} {finish:.0f} {end:.1f}"
    kind = "stays" if is_kept else "goes"
    return element("path", None, {"d": path, "class": kind, "stroke-width": f"{max(width, 1.0):.1f}"})


def _node(node: _Node, *, is_left: bool) -> Html:
    x = LEFT if is_left else RIGHT
    kind = "left" if is_left or node.name == KEPT else "dropped"
    size: Attributes = {
        "x": x,
        "y": f"{node.y:.1f}",
        "width": NODE,
        "height": f"{max(node.height, 1.5):.1f}",
        "class": kind,
    }
    place: dict[str, str | float] = {
        "x": x - 6 if is_left else x + NODE + 6,
        "y": f"{node.y + node.height / 2:.1f}",
        "dy": "0.35em",
    }
    shown = node.name if len(node.name) <= MAX_NAME else f"{node.name[: MAX_NAME - 1]}…"
    name = element("text", f"{shown} {node.amount:,}", {**place, "text-anchor": "end" if is_left else "start"})
    return element("g", [element("rect", None, size), name])
