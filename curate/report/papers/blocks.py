"""A paper as a list of blocks, written once and drawn as Markdown or as one HTML page that needs no network.

Heading · Paragraph · Listing · Grid ─┬▶ as_markdown
                                      └▶ as_html: one file, every text escaped, fit for a phone, the dark and print
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curate.printable import printable

STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { line-height: 1.2; } h2 { border-bottom: 1px solid var(--line); margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; min-width: 40%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top;
  overflow-wrap: break-word; max-width: 40rem; }
th { background: var(--soft); } td.number, th.number { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
@media print { body { max-width: none; font-size: 10pt; padding: 0; } .wide { overflow: visible; }
  table, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Points, in no order that matters."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: numbers stand right and with thousands apart, None is an empty cell."""

    head: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]


Block = Heading | Paragraph | Listing | Grid


def as_markdown(blocks: Sequence[Block]) -> str:
    """What a text says stays text: no sign of it is a mark of Markdown's or a tag."""
    return "\n\n".join("\n".join(_markdown_lines(block)) for block in blocks) + "\n"


def as_html(title: str, blocks: Sequence[Block]) -> str:
    """A whole page."""
    body = "\n".join(line for block in blocks for line in _html_lines(block))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{_escaped(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def shown(value: str | int | float | None) -> str:
    """A cell as people read it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else value


def _markdown_lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"{'#' * level} {_marked(text)}"
        case Paragraph(text):
            yield _marked(text)
        case Listing(items):
            yield from (f"* {_marked(item)}" for item in items)
        case Grid(head, rows):
            rights = _are_numbers(block)
            yield f"| {' | '.join(map(_marked, head))} |"
            yield f"|{'|'.join('---:' if right else '---' for right in rights)}|"
            yield from (f"| {' | '.join(_marked(shown(value)) for value in row)} |" for row in rows)


def _html_lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"<h{level}>{_escaped(text)}</h{level}>"
        case Paragraph(text):
            yield f"<p>{_escaped(text)}</p>"
        case Listing(items):
            yield f"<ul>{''.join(f'<li>{_escaped(item)}</li>' for item in items)}</ul>"
        case Grid(head, rows):
            rights = _are_numbers(block)
            yield '<div class="wide"><table>'
            yield f"<thead>{_row('th', head, rights)}</thead><tbody>"
            yield from (_row("td", row, rights) for row in rows)
            yield "</tbody></table></div>"


def _row(tag: str, values: Sequence[str | int | float | None], rights: Sequence[bool]) -> str:
    kinds = (' class="number"' if right else "" for right in rights)
    cells = (f"<{tag}{kind}>{_escaped(shown(value))}</{tag}>" for value, kind in zip(values, kinds, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _are_numbers(grid: Grid) -> list[bool]:
    """Of each column whether its cells are numbers."""
    columns = zip(*grid.rows, strict=True) if grid.rows else ((),) * len(grid.head)
    return [any(isinstance(value, int | float) for value in column) for column in columns]


def _escaped(text: str) -> str:
    return html.escape(printable(text, keep="\n\t"))


def _marked(text: str) -> str:
    """Escaped for Markdown, on one line."""
    flat = " ".join(printable(text, keep="\n\t").split())
    for sign in "\\`*_[]|#":
        flat = flat.replace(sign, f"\\{sign}")
    return flat.replace("<", "&lt;").replace(">", "&gt;")
