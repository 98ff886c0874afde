"""Blocks are written as text and as Markdown: marks, cells, code, and nothing that was not kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.extract.scan.pages import as_pages, scan_pages
from curate.extract.scan.writer import Format, write_pages

STYLES: tuple[Format, ...] = ("text", "markdown")


def written(html: str, style: Format = "text", drop: tuple[int, ...] = ()) -> str:
    scanned = scan_pages(as_pages(html))
    keep = np.ones(len(scanned.blocks), dtype=np.uint8)
    keep[list(drop)] = 0
    return write_pages(scanned, keep, style=style).data.tobytes().decode()


@pytest.mark.parametrize(
    ("html", "text", "markdown"),
    [
        ("<h2>A</h2><p>b<p>c<br>d", "A\n\nb\n\nc\nd", "## A\n\nb\n\nc\nd"),
        ("<ul><li>a<ol start=3><li>b<li>c</ol><li>d", "- a\n  3. b\n  4. c\n- d", "- a\n  3. b\n  4. c\n- d"),
        ("<ol type=A><li>a<li value=27>b", "A. a\nAA. b", "1. a\n27. b"),
        ("<ol type=i><li value=1994>a", "mcmxciv. a", "1994. a"),
        ("<ol reversed><li>a<li>b<li>c", "3. a\n2. b\n1. c", "3. a\n2. b\n1. c"),
        ("<ol reversed start=9><li>a<li>b", "9. a\n8. b", "9. a\n8. b"),
        ("<ul><li>a<p>b<li>c", "- a\n  b\n- c", "- a\n  b\n- c"),
        ("<ul><li>a</ul><ol><li>b</ol>", "- a\n\n1. b", "- a\n\n1. b"),
        ("<table><tr><th>a<th>b<tr><td>c<td>d", "a\tb\nc\td", "| a | b |\n| --- | --- |\n| c | d |"),
        ("<table><tr><td>a<td><td>b<tr><td>c<td>d", "a\t\tb\nc\td", "| a | | b |\n| --- | --- | --- |\n| c | d |"),
        ("<table><tr><td>a<p>b<p>c<td>d<p>e<p>f", "a\n\nb\n\nc\n\nd\n\ne\n\nf", "a\n\nb\n\nc\n\nd\n\ne\n\nf"),
        ("<table><tr><td>a<tr><td>b", "a\n\nb", "a\n\nb"),
        ("x<pre class=language-c++>\n a\n  b</pre>y", "x\n\n a\n  b\n\ny", "x\n\n```c++\n a\n  b\n```\n\ny"),
        ("<pre><div>a</div><div> b</div></pre>", "a\n b", "```\na\n b\n```"),
        ("<blockquote>a<blockquote>b", "a\n\nb", "> a\n\n> > b"),
        ("<p>Press <button>OK</button> now", "Press OK now", "Press OK now"),
        ("<dl><dt>a<dd>b<dt>c<dd>d", "a\nb\n\nc\nd", "a\nb\n\nc\nd"),
        ("<figure><img><figcaption>a</figcaption></figure>b", "a\n\nb", "a\n\nb"),
    ],
)
def test_text_keeps_what_the_page_shows(html: str, text: str, markdown: str) -> None:
    assert written(html) == text
    assert written(html, "markdown") == markdown


def test_what_is_not_kept_leaves_no_trace() -> None:
    html = "<p>a<ul><li>b<p>c</ul><table><tr><td>d<td>e<tr><td>f<td>g</table>"
    assert written(html, drop=(1, 4)) == "a\n\n- c\n\nd\nf\tg"
    assert written(html, drop=tuple(range(7))) == ""


def test_each_page_has_its_own_text() -> None:
    scanned = scan_pages(as_pages("<p>a", "", "<ul><li>b<li>c"))
    texts = write_pages(scanned, np.ones(len(scanned.blocks), dtype=np.uint8))
    assert [texts.data[low:high].tobytes() for low, high in zip(texts.offsets, texts.offsets[1:], strict=False)] == [
        b"a",
        b"",
        b"- b\n- c",
    ]


PIECES = "<p> <div> </div> <ul> <ol> <li> </ul> <table> <tr> <td> </table> <pre> </pre> <br> <h1> </h1> <dd> a bc é <b>"
PAGES = st.lists(st.sampled_from([*PIECES.split(), " ", "\n"]), max_size=40).map("".join)


@settings(max_examples=300, deadline=None)
@given(PAGES)
def test_no_character_of_a_block_is_lost_or_moved(html: str) -> None:
    read = "".join(scan_pages(as_pages(html)).text.tobytes().decode().split())
    for style in STYLES:
        signs = iter(written(html, style))
        assert all(sign in signs for sign in read)
