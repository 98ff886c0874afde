"""The scanner on real, mutated and adversarial pages: the text of an HTML5 parser, no byte outside, linear cost."""

from __future__ import annotations

import gzip
import json
import random
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from curate.extract.scan import columns as c
from curate.extract.scan.names import BLOCK, TAGS, tag_properties
from curate.extract.scan.pages import ScannedPages, as_pages, scan_pages

ROOT = Path(__file__).resolve().parents[1]
GOLD = ROOT.parent / "shared" / "data" / "extraction"
GOLD = GOLD if GOLD.exists() else Path("/work/shared/data/extraction")
EVERY = 60
UNSEEN = {"script", "style", "title", "iframe", "noembed", "noframes", "template", "svg", "video", "audio", "canvas"}
HIDING = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)\s*(!|;|$)", re.IGNORECASE)
LEFT_OUT = re.compile("[\\s\x00-\x1f\x7f-\x9f\xa0\xad\ufeff\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]+")
"""White space, and what no text of ours has; U+FFFD as the other parser writes none for NUL in places."""
HAS_FORMULAS = re.compile(r"<math|math/tex|katex")
MIN_SAME = 0.99
BLOCKS = {tag for tag, bits in zip(TAGS, tag_properties(), strict=False) if bits & BLOCK}
BLOCKS -= {"html", "body", "tbody", "label", "noscript"}
"""`tbody` is implied in a tree; the last two are blocks to the scanner alone."""


def real_pages() -> Iterator[tuple[str, str]]:
    for path in sorted((GOLD / "articles" / "html").iterdir())[::8]:
        yield path.name, plain(path.read_bytes())
    with tarfile.open(GOLD / "wcxb" / "html.tar") as archive:
        for number, member in enumerate(archive):
            file = archive.extractfile(member)
            if file and number % EVERY == 0:
                yield member.name, plain(file.read())


def plain(content: bytes) -> str:
    content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    return content.decode(errors="replace")


Shown = tuple[str, list[tuple[str, ...]]]
"""The characters that a page shows, and for each the names of the blocks that it stands in."""


def shown_by_parser(html: str) -> Shown:
    """All text of the tree that is not hidden by attribute or by its element's name."""
    texts, paths = list[str](), list[tuple[str, ...]]()
    waiting: list[tuple[Any, tuple[str, ...]]] = [(HTMLTree.parse(html).document, ())]
    while waiting:
        node, path = waiting.pop()
        if node.type == 3:
            texts.append(LEFT_OUT.sub("", node.value))
            paths += [path] * len(texts[-1])
        elif node.type != 1 or (node.tag not in UNSEEN and not is_hidden(node)):
            inside = (*path, node.tag) if node.type == 1 and node.tag in BLOCKS else path
            waiting += [(child, inside) for child in reversed(node.child_nodes)]
    return "".join(texts), paths


def is_hidden(node: Any) -> bool:
    hidden = node.hasattr("hidden") and (node.getattr("hidden") or "").lower() != "until-found"
    by_style = HIDING.search(node.getattr("style") or "")
    return hidden or (node.getattr("aria-hidden") or "").lower() == "true" or by_style is not None


def shown_by_scan(html: str) -> Shown:
    scanned = scan_pages(as_pages(html))
    texts, paths, path_of = list[str](), list[tuple[str, ...]](), list[tuple[str, ...]]()
    for tag, parent in scanned.elements[:, [c.TAG, c.PARENT]].tolist():
        outer = path_of[parent] if parent >= 0 else ()
        path_of.append((*outer, TAGS[tag]) if TAGS[tag] in BLOCKS else outer)
    text = scanned.text.tobytes()
    for row in scanned.blocks.tolist():
        if not row[c.BLOCK_FLAGS] & (c.HIDDEN | c.IN_TEMPLATE):
            texts.append(LEFT_OUT.sub("", text[row[c.BEGIN] : row[c.END]].decode()))
            paths += [path_of[row[c.ELEMENT]]] * len(texts[-1])
    return "".join(texts), paths


@pytest.mark.skipif(not GOLD.exists(), reason="the gold pages are not here")
def test_real_pages_show_the_text_of_an_html5_parser_in_the_same_blocks() -> None:
    pages = [(name, html) for name, html in real_pages() if not HAS_FORMULAS.search(html)]
    shown = [(name, shown_by_scan(html), shown_by_parser(html)) for name, html in pages]
    assert len(pages) > 25
    for part in (0, 1):  # the text, and the blocks around each of its characters
        other = [name for name, ours, theirs in shown if ours[part] != theirs[part]]
        assert len(other) <= (1 - MIN_SAME) * len(pages), other


MARKUP = """<p> </p> <div> </div> <b> </b> <table> <tr> </table> <ul> </ul> <pre> </pre> <script> </script> <!-- -->
<!--> <![CDATA[ ]]> <svg> </svg> <math> <mi> </math> <select> <option> </select> <textarea> </textarea> <title> </title>
<br> <img> <template> </template> <noscript> </noscript> <button> </button> <form> </form> <xmp> </xmp>
<head> <body> <x-y> </x-y> <h2> </h2> <dd> <dt> <h1 < > " ' = / & &amp; &#x92; &nGt; &notit; &#0; é 漢 \U0001f600 a b"""
SPACED = (" ", "\n", "\t", "\r\n", "\x00", "\ue001", '<div class="a b-c">', "<a href=x>", "</a>", "<td colspan=3>",
          "<li value=3>", "<ol reversed>", "</ol>", '<annotation encoding="application/x-tex">', "<input hidden>",
          '<span style="display:none">', "</span>", "<html lang=x>", "<meta name=author content=y>")  # fmt: skip
PIECES = [*MARKUP.split(), *SPACED]
PAGES = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def check_whole(scanned: ScannedPages) -> None:
    """What holds of the rows of any page."""
    scanned.text.tobytes().decode()
    blocks, elements = scanned.blocks, scanned.elements
    assert (blocks[:, c.BEGIN] < blocks[:, c.END]).all()
    assert (blocks[1:, c.BEGIN] >= blocks[:-1, c.END]).all()
    assert (blocks[:, c.LINK_BYTES] <= blocks[:, c.END] - blocks[:, c.BEGIN]).all()
    assert (elements[1:, c.PARENT] < range(1, len(elements))).all()
    assert (elements[:, c.LAST] > range(len(elements))).all()
    assert (elements[elements[1:, c.PARENT], c.LAST] >= elements[1:, c.LAST]).all()
    assert (blocks[:, c.ELEMENT] < len(elements)).all()


@settings(max_examples=500, deadline=None)
@given(PAGES)
def test_any_page_has_whole_rows(html: str) -> None:
    check_whole(scan_pages(as_pages(html)))


@pytest.mark.parametrize("is_xhtml", [False, True])
def test_kernels_read_and_write_inside_their_arrays_only(is_xhtml: bool) -> None:
    """They run as Python, where each index is checked, and say the same as the machine's."""
    chosen = random.Random(14)
    pages = ["".join(chosen.choices(PIECES, k=chosen.randrange(30))) for _ in range(150)]
    asked = json.dumps({"pages": pages, "is_xhtml": is_xhtml, "is_whole": is_xhtml})
    program = [sys.executable, str(ROOT / "tests" / "interpreted_scan.py")]
    shown = subprocess.run(program, input=asked, capture_output=True, text=True, check=True, cwd=ROOT)
    buffers = as_pages(*pages)
    compiled = scan_pages(buffers, np.full(len(pages), is_xhtml), is_whole=is_xhtml)
    assert json.loads(shown.stdout) == {name: array.tolist() for name, array in compiled._asdict().items()}


SIZE = 30_000
HARD = {
    "deep": "<div>" * SIZE,
    "deep, unknown names": "<x-a>" * SIZE + "</x-b>" * SIZE,
    "deep, ends that nothing answers": "<p><table>" + "<i>" * SIZE + "</p>" * SIZE,
    "unclosed": "<p><b><i><a href=x>" * SIZE,
    "attributes": "<a " + "b=c " * SIZE + ">",
    "one attribute": "<a b='" + "c" * 10 * SIZE,
    "tags in tags": "<a" * SIZE,
    "comments": "<!--" * SIZE,
    "scripts": "<script><!--" * SIZE,
    "names in a script's comment": "<script><!--" + "<" * SIZE,
    "ends in a script": "<script>" + "</" * SIZE,
    "ends of cells": "<table>" + "<td>" * SIZE + "</tr>" * SIZE,
    "references": "&am" * SIZE + "&" * SIZE,
    "tables": "<table>" * SIZE,
    "lists": "<ul><li>" * SIZE,
    "forms": "<form><div></form>" * SIZE,
    "formulas": "<math alttext=x>" * SIZE,
    "drawn formulas": "<span class=MathJax>" * SIZE,
    "selects": "<select><option>" * SIZE,
    "breaks": "<pre>a" + "<br>" * SIZE,
}


@pytest.mark.parametrize("name", HARD)
def test_hard_pages_are_read_to_their_end(name: str) -> None:
    html = HARD[name] + "</script></style>--></textarea></select></svg></table><p>end"
    scanned = scan_pages(as_pages(html))
    check_whole(scanned)
    assert len(scanned.elements) <= 2 * html.count("<") + 1
