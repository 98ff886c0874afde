"""Folded stacks drawn as a flame graph: one SVG without anything from outside, which any browser opens.

    {"filter;read;…": weight} ─▶ a tree ─▶ one rectangle a node, as wide as its weight, its callees below it

A click on a rectangle makes it as wide as the picture; a click on the top row takes that back. Drawn after Brendan
Gregg, "The Flame Graph" (CACM 59.6, 2016), with the root above, as an icicle.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape  # the library's for XML loads those for the network

WIDTH, ROW, TOP = 1200, 17, 44
"""Pixels."""
MIN_WIDTH = 0.4
"""Pixels of the narrowest rectangle that is drawn."""
CHARACTER = 6.6
"""Pixels of a character's width."""
PALETTE = {"curate.": (28, 42), "numpy": (205, 40), "polars": (205, 40), "line ": (50, 12)}
"""Hue and saturation by what a name begins with; all others are gray."""


@dataclass(slots=True)
class Node:
    """A function called by the one above it; `weight` is that of all samples in it and below."""

    weight: int = 0
    callees: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Box:
    """A node in its place: x and width as shares of the picture, the row counted from the top."""

    name: str
    weight: int
    x: float
    width: float
    row: int


def draw(folded: Mapping[str, int], title: str) -> str:
    """The SVG; weights are CPU microseconds."""
    root = tree_of(folded)
    boxes = list(_placed(root, "all", 0.0, 1.0, 0))
    height = TOP + ROW * (1 + max(box.row for box in boxes)) + 10
    drawn = "\n".join(_drawn(box, root.weight) for box in boxes)
    return PAGE.format(width=WIDTH, height=height, title=escape(title), boxes=drawn, script=SCRIPT)


def tree_of(folded: Mapping[str, int]) -> Node:
    root = Node()
    for stack, weight in sorted(folded.items()):
        node = root
        node.weight += weight
        for name in stack.split(";"):
            node = node.callees.setdefault(name, Node())
            node.weight += weight
    return root


def _placed(node: Node, name: str, x: float, width: float, row: int) -> Iterator[Box]:
    """A node and all below it that is wide enough to be seen; what a node spends itself stays empty at the right."""
    yield Box(name, node.weight, x, width, row)
    for callee_name, callee in node.callees.items():
        share = width * callee.weight / max(node.weight, 1)
        if share * WIDTH >= MIN_WIDTH:
            yield from _placed(callee, callee_name, x, share, row + 1)
        x += share


def _drawn(box: Box, total: int) -> str:
    seconds, share = box.weight / 1e6, box.weight / max(total, 1)
    told = f"{box.name}: {seconds:.2f} s, {share:.1%}"
    place = f'data-x="{box.x:.6f}" data-w="{box.width:.6f}" data-n="{escape(box.name)}"'
    x, y, width = box.x * WIDTH, TOP + box.row * ROW, max(box.width * WIDTH - 0.5, 0.3)
    rectangle = f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="{_color(box.name)}"/>'
    text = f'<text x="{x + 3:.1f}" y="{y + 12}">{escape(shortened(box.name, width))}</text>'
    return f"<g {place}><title>{escape(told)}</title>{rectangle}{text}</g>"


def shortened(name: str, width: float) -> str:
    """As much of a name as fits: of a function's, its end says most."""
    room = int((width - 6) / CHARACTER)
    if len(name) <= room:
        return name
    if room < 3:
        return ""
    return f"{name[: room - 1]}…" if name.startswith("line ") else f"…{name[1 - room :]}"


def _color(name: str) -> str:
    """One hue for each origin of code, one lightness for each name, the same in every picture."""
    hue, saturation = next((color for begin, color in PALETTE.items() if name.startswith(begin)), (0, 0))
    return f"hsl({hue},{saturation}%,{78 + zlib.crc32(name.encode()) % 12}%)"


PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="26" font-size="16">{title}</text>
{boxes}
<script><![CDATA[{script}]]></script>
</svg>
"""

SCRIPT = """
const WIDTH = 1200, CHARACTER = 6.6, boxes = [...document.querySelectorAll("g")];
function shortened(name, width) {
  const room = Math.floor((width - 6) / CHARACTER);
  if (name.length <= room) return name;
  if (room < 3) return "";
  return name.startsWith("line ") ? name.slice(0, room - 1) + "…" : "…" + name.slice(name.length - room + 1);
}
function zoom(box) {
  const from = +box.dataset.x, scale = WIDTH / +box.dataset.w;
  for (const other of boxes) {
    const left = Math.max((+other.dataset.x - from) * scale, 0);
    const right = Math.min((+other.dataset.x + +other.dataset.w - from) * scale, WIDTH);
    const [rectangle, text] = [other.querySelector("rect"), other.querySelector("text")];
    other.style.display = right - left < 0.3 ? "none" : "";
    rectangle.setAttribute("x", left);
    rectangle.setAttribute("width", Math.max(right - left - 0.5, 0.3));
    text.setAttribute("x", left + 3);
    text.textContent = shortened(other.dataset.n, right - left);
  }
}
for (const box of boxes) box.addEventListener("click", () => zoom(box));
"""
