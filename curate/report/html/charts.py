"""What is drawn: histograms and curves as data that the script gives to uPlot, waterfalls as SVG of our own.

bins ─▶ <figure><div class="plot" data-plot='{…}'>            FunnelRow ─▶ <svg class="fall"> a bar a step
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curate.report.html.histogram import Bins
from curate.report.html.markup import Content, Html, data, element


def histogram(bins: Bins, *, about: str, unit: str, names: Sequence[str] = ("went on", "dropped here")) -> Html:
    """Bars a bin for two sides, their heights by the square root, so that few documents beside many are seen."""
    told = {
        "kind": "histogram",
        "edges": [float(f"{edge:.4g}") for edge in bins.edges],
        "series": [{"name": name, "values": list(side)} for name, side in zip(names, bins.sides, strict=True)],
        "at": bins.position,
        "unit": unit,
    }
    return plot(told, about=about)


def curves(name: str, x: Sequence[float], lines: Mapping[str, Sequence[float | None]], *, unit: str) -> Html:
    """Lines over steps; a value of None is a gap."""
    series = [{"name": each, "values": [*values]} for each, values in lines.items()]
    return plot({"kind": "curves", "x": [*x], "series": series, "unit": unit}, about=name)


def plot(told: Mapping[str, object], *, about: str) -> Html:
    drawing = element("div", None, {"class": "plot", "data-plot": data(told), "role": "img", "aria-label": about})
    return element("figure", [element("figcaption", about), drawing])


def fall(before: float, after: float, whole: float, kind: str) -> Html:
    """One bar of a waterfall: what is left, and beside it what was taken; `kind` is a class of the style sheet."""
    scale = 1000 / whole if whole else 0.0
    left = _bar(0, after * scale, "left")
    taken = _bar(after * scale, (before - after) * scale, kind)
    shape = {"class": "fall", "viewBox": "0 0 1000 16", "preserveAspectRatio": "none", "aria-hidden": "true"}
    return element("svg", [left, taken], shape)


def _bar(x: float, width: float, kind: str) -> Content:
    if width <= 0:
        return None
    seen = max(width, 2.0)  # a single document of a million is seen, too
    start = min(x, 1000 - seen)
    return element("rect", None, {"x": f"{start:.1f}", "y": 0, "width": f"{seen:.1f}", "height": 16, "class": kind})
