"""The first look at a page is never blind to what a search would change, and seldom sends one out for nothing."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.extract.first_look import (
    BLOCKS,
    CONTROLS,
    FIGURES,
    FORMULAS,
    MANY_SIGNS,
    NUMBERED,
    SHORT_SIGNS,
    first_look,
)
from curate.extract.html import extract_html
from curate.extract.lists import mark_numbers
from curate.extract.lone_signs import REFERENCE, mark_lone_signs
from curate.extract.rewrite import rewrite

FRAGMENTS = """
<ol <OL <li <ul> <span <script <math> </math> <figure>a</figure> <FigCaption> <object> <menu> <noindex> <summary> <dir>
<button> </button> <label> </label> <noscript> </noscript> <p> <b> </b> < > > start=5 type=a reversed value=3 VALUE =
class="katex-html" type="math/tex" katex-mathml mjx-assistive-mml 漢 漢字 、 € → é \ue001 😀 &nbsp; &nbsp &rarr; &#8364;
&hellip; &amp; &#160; &#xa0; &é; text
"""
ALL = ~0
"""Bits for all searches, as where nobody has looked."""
PIECES = [*FRAGMENTS.split(), *" \n\u3000\u2003\u1680\u2028\u205f\xa0\x85\x1c"]
LONE = re.compile(r">\s*+((?:[^\x00-\u07ff\s\U00010000-\U0010ffff]|&#?\w{2,31};?))(?=\s*+(?:<|\Z))")
PAGES = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@settings(max_examples=2_000, deadline=None)
@given(PAGES, st.booleans(), st.booleans())
@example("<ol\nSTART='3'><li>a", False, True)
@example("<b>漢 ", False, True)
def test_what_the_first_look_does_not_see_no_search_changes(page: str, whole: bool, for_resiliparse: bool) -> None:
    seen = first_look(page.encode())
    changed = rewrite(page, ALL, whole=whole, for_resiliparse=for_resiliparse)
    assert rewrite(page, seen.bits, whole=whole, for_resiliparse=for_resiliparse) == changed
    assert seen.bits & NUMBERED or mark_numbers(page) == page


@settings(max_examples=2_000, deadline=None)
@given(PAGES)
@example("<b>漢 ")
@example("<b>&#8364<b>")
def test_signs_are_marked_where_an_expression_would_mark_them(page: str) -> None:
    marked = LONE.sub(lambda found: found[0] + REFERENCE if is_sign(found[1]) else found[0], page)
    assert mark_lone_signs(page, first_look(page.encode())) == marked


def is_sign(written: str) -> bool:
    sign = unescape(written)
    return len(sign) == 1 and len(sign.encode()) == 3 and not "\ue000" <= sign <= "\uf8ff"


def test_each_kind_of_work_is_seen_for_itself() -> None:
    nothing = first_look(
        "<p class='figure button'>A figure of 漢 in a text, and 3 &lt; 4.</p><div>&nbsp;</div>".encode()
    )
    assert nothing.bits == 0
    assert len(nothing.signs) == 0
    assert first_look(b"<FIGURE>").bits == FIGURES
    assert first_look(b"<summary>").bits == BLOCKS
    assert first_look(b"<noscript>").bits == CONTROLS
    assert first_look(b'<script type="math/tex">').bits & FORMULAS
    assert first_look(b"<li value = 3>").bits & NUMBERED
    assert first_look("<td>漢</td>".encode()).signs.tolist() == [[4, 7]]


def test_a_reference_to_a_short_sign_is_no_lone_sign() -> None:
    """resiliparse leaves out texts of three bytes; these are shorter."""
    assert not any(len(first_look(f"<td>&{sign};</td>".encode()).signs) for sign in SHORT_SIGNS)
    assert all(len(unescape(f"&{sign};").encode()) < 3 for sign in SHORT_SIGNS)


def test_a_page_with_many_signs_is_looked_at_again() -> None:
    page = "<td>漢</td>" * 3 * MANY_SIGNS
    assert len(first_look(page.encode()).signs) == 3 * MANY_SIGNS
    assert mark_lone_signs(page, first_look(page.encode())).count(REFERENCE) == 3 * MANY_SIGNS


def test_a_page_gives_the_same_text_as_with_all_searches() -> None:
    page = "<title>t</title><article><ol start=4><li>four<li>five</ol><p>One <b>€</b> for <i>→</i> it.</article>"
    assert extract_html(page, engine="resiliparse").text == "4. four\n  5. five\n\nOne € for → it."
