"""The scanner reads a page as the HTML standard says, into blocks, elements, links and facts."""

from __future__ import annotations

from html import unescape
from html.entities import html5

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.extract.scan import columns as c
from curate.extract.scan.attributes import word_hash
from curate.extract.scan.details import facts_of_page, linked_data_of_page, links_of_page
from curate.extract.scan.names import ATTRIBUTE_IDS, TAGS
from curate.extract.scan.pages import ScannedPages, as_pages, scan_pages

REFERENCES = "& # x ; amp lt gt not notin notit ampx 12 a9 é = copy"


def scan(html: str, *, is_xhtml: bool = False, is_whole: bool = False) -> ScannedPages:
    return scan_pages(as_pages(html), np.array([is_xhtml]), is_whole=is_whole)


def texts(html: str, *, is_xhtml: bool = False, is_whole: bool = False) -> list[str]:
    """The text of each block that is not hidden."""
    scanned = scan(html, is_xhtml=is_xhtml, is_whole=is_whole)
    text = scanned.text.tobytes()
    return [text[row[c.BEGIN] : row[c.END]].decode() for row in scanned.blocks if not row[c.BLOCK_FLAGS] & c.HIDDEN]


def paths(html: str) -> list[str]:
    """The names of the elements around each block, from the root on."""
    scanned = scan(html)
    return [_path(scanned, int(row[c.ELEMENT])) for row in scanned.blocks]


def _path(scanned: ScannedPages, row: int) -> str:
    names = []
    while row >= 0:
        names.append(TAGS[scanned.elements[row, c.TAG]] or "?")
        row = int(scanned.elements[row, c.PARENT])
    return " ".join(reversed(names))


def fact(html: str, name: str) -> str | None:
    scanned = scan(html)
    begin, end = scanned.facts[0, c.FACTS.index(name)]
    return scanned.source[begin:end].tobytes().decode() if begin >= 0 else None


def column(html: str, number: int) -> list[int]:
    return [int(value) for value in scan(html).blocks[:, number]]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a</p><p>b</p>", ["a", "b"]),
        ("<p>a<!-- b --> c", ["a c"]),
        ("<p>a<!-->b", ["ab"]),
        ("<p>a<!--->b", ["ab"]),
        ("<p>a<!--x--!>b", ["ab"]),
        ("<p>a<!-- never closed", ["a"]),
        ("<p>a<!doctype x>b<?php echo 1 ?>c</>d", ["abcd"]),
        ("<p>a</ x>b", ["ab"]),
        ("<p>1 < 2 <3 </", ["1 < 2 <3 </"]),
        ("<p>a<b", ["a"]),
        ("<p title='>'>a<p title=\">\">b<p title=>c", ["a", "b", "c"]),
        ("<p a b=c d = 'e' =f / g/>a", ["a"]),
        ("<script>if (a<b) '</p>'</script>x", ["x"]),
        ("<script><!-- <script> </script> --> </script>x", ["x"]),
        ("<script><!--></script>x", ["x"]),
        ("<style>p{}</STYLE >x", ["x"]),
        ("<title>a</p></title>x", ["x"]),
        ("<textarea>\n<b>a&amp;</textarea>x", ["<b>a&", "x"]),
        ("<xmp><b>&amp;</xmp>x", ["<b>&amp;", "x"]),
        ("<iframe><p>a</iframe><noembed>b</noembed>x", ["x"]),
        ("<noscript><p>a</p></noscript>x", ["a", "x"]),
        ("a<plaintext><b>c", ["a", "<b>c"]),
        ("<svg><title>no</title><text>no</text></svg>x", ["x"]),
        ("<svg><style>a{}</style><![CDATA[<p>]]><path/></svg><p>x", ["x"]),
        ("a\x00b\x01c", ["abc"]),
        ("co\u00adop \ue001\ufeff z", ["coop z"]),
        ("a&nbsp;&nbsp; b\u00a0c", ["a b c"]),
        ("a \n\t b<b> c</b> <i> d</i>", ["a b c d"]),
        ("a<br>b<br/> c", ["a\nb\nc"]),
        ("a<br> <br>b", ["a", "b"]),
        ("<pre>\n  a\r\n   b  \n</pre>", ["  a\n   b"]),
        ("<div>a<p>b</div>c", ["a", "b", "c"]),
        ("<button>a</button><select><option>b<option>c</select>", ["a", "bc"]),
        (
            "<p hidden>a<p>b<span style='display : none'>c</span><p aria-hidden=TRUE>d<p style='visibility:hidden;'>e",
            ["b"],
        ),
        ("<object>a</object><video>b</video><canvas>c</canvas>", ["a"]),
    ],
)
def test_a_page_is_read_as_a_browser_reads_it(html: str, expected: list[str]) -> None:
    assert texts(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<ul><li>a<li>b</ul>", ["html ul li", "html ul li"]),
        ("<dl><dt>a<dd>b<dt>c", ["html dl dt", "html dl dd", "html dl dt"]),
        ("<p>a<table><td>b", ["html p", "html table tr td"]),
        ("<table><tr><td>a<td>b<tr><td>c", ["html table tr td"] * 3),
        (
            "<table><tr><td><table><tr><td>a</table>b</table>c",
            ["html table tr td table tr td", "html table tr td", "html"],
        ),
        ("<td>a</td><tr>b", ["html"]),
        ("<h1>a<h2>b</h3>c", ["html h1", "html h2", "html"]),
        ("<div><span>a</div>b", ["html div", "html"]),
        ("<div>a</span></p></li></td>b</div>", ["html div"] * 2),
        ("<form>a<div></form>b</div>c", ["html form", "html form div", "html"]),
        ("<b>a<p>b</b>c</p>d", ["html", "html b p", "html"]),
        ("<button>a<button>b", ["html button", "html button"]),
        ("<head><title>t</title><p>a", ["html p"]),
        ("<head></head><body class=x>a</body>b", ["html body", "html body"]),
        ("<svg><g><p>a</svg>b", ["html p"]),
        ("<x-a>a<x-b>b</x-b></x-a><p>c", ["html", "html p"]),
    ],
)
def test_elements_end_where_the_standard_says(html: str, expected: list[str]) -> None:
    assert paths(html) == expected


def test_xhtml_has_the_syntax_of_xml() -> None:
    page = "<html><head><title/><script/><style/></head><body><p>a<![CDATA[<b>&amp;]]></p><div/><p>b</p></body></html>"
    assert texts(page, is_xhtml=True) == ["a<b>&amp;", "b"]
    prefixed = "<h:html><h:title>t</h:title><h:p>a<h:br/>b<h:script>c</h:script></h:p></h:html>"
    assert texts(prefixed, is_xhtml=True) == ["a\nb"]
    assert texts('<!DOCTYPE html [<!ENTITY x "y">]><p>a', is_xhtml=True) == ["a"]


@pytest.mark.parametrize(
    "reference", ["&#x92;", "&#150;", "&#0;", "&#xD800;", "&#x110000;", "&#99999999999;", "&#x2014"]
)
def test_numeric_references_are_read_as_the_standard_says(reference: str) -> None:
    assert texts(f"<p>x{reference}y") == [f"x{unescape(reference)}y"]


def test_every_named_reference_is_known() -> None:
    names = [name for name in sorted(html5) if ord(html5[name][0]) > 0x20]
    shown = texts("".join(f"<p>[&{name}]" for name in names))
    for name, text in zip(names, shown, strict=True):
        expected = f"[{html5[name]}]".replace("\xa0", " ").replace("\xad", "")
        assert text == expected, name


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["&", "#", "x", ";", "amp", "lt", "gt", "not", "notin", "notit", "ampx", "12", "a9", "é", "=", "copy"]
        ),
        max_size=8,
    ).map("".join)
)
def test_references_are_cut_where_the_standard_cuts_them(text: str) -> None:
    assert texts(f"<p>[{text}]") == ["[" + " ".join(unescape(text).split()) + "]"]


def test_items_have_their_real_numbers() -> None:
    html = "<ol start=5><li>a<li>b<li value=9>c<li>d</ol><ol type=i><li>e</ol><ul><li>f</ul>"
    scanned = scan(html)
    items = scanned.elements[scanned.blocks[:, c.ITEM]]
    assert items[:, c.NUMBER].tolist() == [5, 6, 9, 10, 1, 0]
    assert items[:, c.KIND].tolist() == [c.DECIMAL] * 4 + [c.LOWER_ROMAN, c.BULLET]


def test_a_block_knows_its_links_emphasis_and_images() -> None:
    html = "<img><p>ab <a href=/x>cde</a> <b>f</b><input></p><p><a href=/y><img>gh</a>"
    assert column(html, c.LINK_BYTES) == [4, 2]  # with the space before it
    assert column(html, c.LINKS) == [1, 1]
    assert column(html, c.BOLD_BYTES) == [2, 0]
    assert column(html, c.IMAGES) == [1, 1]
    scanned = scan(html)
    source, text = scanned.source.tobytes(), scanned.text.tobytes()
    shown = [(source[row[c.HREF] : row[c.HREF_END]], text[row[c.LABEL] : row[c.LABEL_END]]) for row in scanned.links]
    assert [(href, label.strip()) for href, label in shown] == [(b"/x", b"cde"), (b"/y", b"gh")]


def test_a_button_stands_in_the_midst_of_a_line() -> None:
    html = "<p>Press <button>OK</button> now<div><button>A</button></div>"
    flags = column(html, c.BLOCK_FLAGS)
    assert [bool(bits & c.CONTINUES) for bits in flags] == [False, True, True, False]
    assert [bool(bits & c.IN_CONTROL) for bits in flags] == [False, True, False, True]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<math alttext="x"><mi>x</mi></math>', r"\(x\)"),
        (
            "<math display=block><mi>E</mi><annotation encoding=application/x-tex>E &lt; 1</annotation></math>",
            r"\[E < 1\]",
        ),
        ("<math><mi>a</mi><mo>+</mo><annotation-xml>b</annotation-xml></math>", "a+"),
        ("<script type='math/tex; mode=display'>a^2</script>", r"\[a^2\]"),
        ("<span class=MathJax>a2</span><script type=math/tex>% <![CDATA[\na %]]></script>", r"\(a\)"),
        (
            "<span class=katex-mathml><math><mi>z</mi><annotation encoding='application/x-tex'>z</math></span>"
            "<span class=katex-html aria-hidden=true>z</span>",
            r"\(z\)",
        ),
        ("<span class=katex-html aria-hidden=true>z</span>", "z"),
        (
            "<span class=mwe-math-mathml-inline style='display: none;'>"
            "<math alttext='{\\displaystyle q}'><mi>q</mi></math></span>",
            r"\(q\)",
        ),
    ],
)
def test_a_formula_is_there_once_as_its_tex(html: str, expected: str) -> None:
    assert texts(f"<p>a {html} b") == [f"a {expected} b"]


def test_facts_are_spans_of_the_source() -> None:
    head = """<html lang=de-AT><head><title> A &amp; B </title><meta name=Author content=Eve><meta property='og:type'
        content="article"><link rel="canonical" href="/c"><base href=/b><meta name=description content=""><meta
        property=og:description content=d></head>"""
    found = [
        fact(head, name) for name in ("language", "title", "author", "og_type", "canonical", "base", "description")
    ]
    assert found == ["de-AT", " A &amp; B ", "Eve", "article", "/c", "/b", "d"]
    scanned = scan('<script type="application/ld+json">{"a": 1}</script>')
    assert scanned.source[scanned.scripts[0, 0] : scanned.scripts[0, 1]].tobytes() == b'{"a": 1}'


def test_words_of_class_and_id_are_cut_and_hashed() -> None:
    scanned = scan('<div class="postBody main-content2 X" id=col_3>a')
    row = scanned.elements[1]
    kind = ATTRIBUTE_IDS["class"], ATTRIBUTE_IDS["id"]
    expected = [word_hash(word, kind[0]) for word in ("post", "body", "main", "content", "x")] + [
        word_hash("col", kind[1])
    ]
    assert scanned.words[row[c.FIRST_WORD] : row[c.LAST_WORD]].tolist() == expected


def test_rows_of_a_page_are_those_that_it_has_alone() -> None:
    pages = ["<ul><li>a<b>", "", "<p>b</p><table><td>c", "\ufeff<p>d"]
    together = scan_pages(as_pages(*pages))
    for number, page in enumerate(pages):
        alone = scan(page)
        first, last = together.starts[number], together.starts[number + 1]
        assert (last - first).tolist() == alone.starts[1].tolist()
        assert together.text[first[3] : last[3]].tobytes() == alone.text.tobytes()


def test_broken_bytes_become_replacement_characters() -> None:
    scanned = scan_pages(as_pages(b"<p>a\xff\xe4b", "<p>\ud800c"))
    assert scanned.text.tobytes().decode() == "a\ufffd\ufffdb\ufffdc"


def test_details_are_decoded_where_they_are_asked_for() -> None:
    html = """<title> A &amp;\n B&copy </title><meta name=author content="J&ouml;rg &lt;j&gt;"><p>
        <a href="/?a=1&copy=2&amp;c"> x <b>y</b></a><script type="application/ld+json">{"a": 1}</script>"""
    scanned = scan_pages(as_pages("<a href=/other>z</a>", html))
    assert facts_of_page(scanned, 1) == {"title": "A & B©", "author": "Jörg <j>"}
    assert links_of_page(scanned, 1) == [("/?a=1&copy=2&c", "x y")]
    assert linked_data_of_page(scanned, 1) == ['{"a": 1}']
    assert facts_of_page(scanned, 0) == {}
