"""curate's own extractor, from mark-up to text: what a page keeps, whatever stands beside it."""

import json

import pytest

from curate.batch import Record, Rejected
from curate.extract.extraction import LINKS, PAGE_FACTS, PAGE_SIGNALS, Markup
from curate.extract.own import extract_pages
from curate.steps.extract import OwnExtract, found_together

PARAGRAPHS = [
    "The harbor lies in the lee of the hill, so that ships find calm water there in every season of the year.",
    "In the year of the great storm more than forty ships lay at anchor, and not one of them was lost in it.",
    "Since then the masters of the guild have kept a light on the hill, which is paid for by a toll on wine.",
]
NAVIGATION = "".join(f'<li><a href="/{name}">{name}</a></li>' for name in ("Home", "News", "Shop", "Contact", "Login"))
ARTICLE = f"""<!DOCTYPE html><html><head><title>The harbor &amp; the hill</title></head><body>
<nav class="menu"><ul>{NAVIGATION}</ul></nav>
<article><h1>The harbor and the hill</h1>{"".join(f"<p>{text}</p>" for text in PARAGRAPHS)}</article>
<footer class="footer"><p>Copyright 2026 Example. All rights reserved.</p></footer></body></html>"""
THREAD = "".join(
    f'<div class="post"><span class="author">user{number}</span><div class="body"><p>{text}</p></div></div>'
    for number, text in enumerate(PARAGRAPHS * 2)
)


def text_of(html: str, *, is_xhtml: bool = False, style: str = "text", title: bool = True) -> str:
    return extract_pages([Markup(html, is_xhtml)], style=style, title=title)[0].text  # type: ignore[arg-type]


def test_an_article_is_kept_without_what_stands_around_it() -> None:
    text = text_of(ARTICLE)
    assert all(paragraph in text for paragraph in PARAGRAPHS)
    assert "Login" not in text
    assert "Copyright" not in text


def test_the_title_of_a_page_is_told_beside_its_text() -> None:
    assert extract_pages([Markup(ARTICLE)])[0].title == "The harbor & the hill"


def test_a_page_is_measured() -> None:
    signals = extract_pages([Markup(ARTICLE)])[0].signals
    assert list(signals) == list(PAGE_SIGNALS)
    assert 0 < signals["extraction_confidence"] <= 1
    assert 0 < signals["boilerplate_ratio"] < 1


def test_the_posts_of_a_thread_come_in_their_order() -> None:
    text = text_of(f"<html><body><div class='thread'>{THREAD}</div></body></html>")
    places = [text.find(paragraph) for paragraph in PARAGRAPHS]
    assert -1 < places[0] < places[1] < places[2]


def test_a_page_among_others_is_what_it_is_alone() -> None:
    pages = [Markup(ARTICLE), Markup(THREAD), Markup(""), Markup("<p/>x", True), Markup(ARTICLE.replace("hill", "丘"))]
    assert extract_pages(pages) == [extract_pages([page])[0] for page in pages]


def test_nothing_comes_of_nothing() -> None:
    assert extract_pages([]) == []
    assert [found.text for found in extract_pages([Markup(""), Markup("<html></html>"), Markup("\ud800")])][:2] == [
        "",
        "",
    ]


def test_a_figure_that_is_kept_keeps_its_caption() -> None:
    table = "<table><tr><th>Port<th>Ships<tr><td>Genoa<td>12</table>"
    figure = f"<figure>{table}<figcaption><p>Ships by port.</p></figcaption></figure>"
    text = text_of(ARTICLE.replace("</article>", f"{figure}<p>{PARAGRAPHS[0]}</p></article>"))
    assert "Genoa\t12" in text
    assert "Ships by port." in text


def test_markdown_has_marks_of_headings() -> None:
    assert "# The harbor and the hill" in text_of(ARTICLE, style="markdown")


def test_self_closed_elements_of_xhtml_swallow_nothing() -> None:
    page = f"<html><head><title/><script/></head><body>{''.join(f'<p>{text}</p>' for text in PARAGRAPHS)}</body></html>"
    assert all(text in text_of(page, is_xhtml=True) for text in PARAGRAPHS)


def test_an_entity_that_a_page_of_xml_declares_is_its_text() -> None:
    doctype = '<!DOCTYPE html [<!ENTITY guild "the guild of the harbor">]>'
    page = f"{doctype}<html><body><p>{PARAGRAPHS[0]} &guild;</p></body></html>"
    assert text_of(page, is_xhtml=True) == f"{PARAGRAPHS[0]} the guild of the harbor"


def test_a_page_that_scripts_draw_has_the_text_that_it_states_as_data() -> None:
    stated = json.dumps({"@type": "NewsArticle", "articleBody": " ".join(PARAGRAPHS)})
    page = f'<head><script type="application/ld+json">{stated}</script></head><body><div id="app"></div></body>'
    assert text_of(page) == " ".join(PARAGRAPHS)


def test_an_excuse_for_no_content_is_no_content() -> None:
    assert text_of("<body><noscript>Please enable JavaScript.</noscript><div id=app></div></body>") == ""


def test_the_content_of_a_noscript_is_the_text_of_a_page_that_has_no_other() -> None:
    excuse, content = "<noscript>Please enable JavaScript.</noscript>", f"<noscript>{' '.join(PARAGRAPHS)}</noscript>"
    pages = [Markup(f"<body>{inside}<div id=app></div></body>") for inside in (excuse, content, excuse)]
    assert [found.text for found in extract_pages(pages)] == ["", " ".join(PARAGRAPHS), ""]


def test_pages_of_records_are_found_together_and_other_records_are_not() -> None:
    page = Record("a", ARTICLE.encode(), "text/html")
    lost = Rejected("b", "dropped", "record_type", "request")
    found = found_together([page, lost, None, Record("c", "plain", "text/plain")], OwnExtract(title=True, style="text"))
    assert found[0] is not None
    assert PARAGRAPHS[0] in found[0].text
    assert found[1:] == [None, None, None]


@pytest.mark.parametrize("declared", ["windows-1252", None])
def test_bytes_of_a_page_are_decoded_as_for_any_extractor(declared: str | None) -> None:
    page = ARTICLE.replace("harbor", "Hafenstraße").encode("windows-1252")
    found = found_together([Record("a", page, "text/html", charset=declared)], OwnExtract(title=True, style="text"))
    assert found[0] is not None
    assert "Hafenstraße" in found[0].text


def test_what_a_page_says_of_itself_is_told_where_it_is_asked_for() -> None:
    head = '<meta name="author" content="Ann &amp; Bo"><link rel="canonical" href="/a?b=1&copy=2">'
    page = Markup(ARTICLE.replace("<head>", f"<head>{head}<meta name=robots content>"))
    wanted = ("page_author", "page_canonical", "page_robots", "page_license", "page_links")
    signals = extract_pages([page, Markup("<p>x")], facts=wanted)
    found = {name: signals[0].signals[name] for name in wanted}
    links = found.pop("page_links")
    assert found == {
        "page_author": "Ann & Bo",
        "page_canonical": "/a?b=1&copy=2",
        "page_robots": None,
        "page_license": None,
    }
    assert links[:2] == [{"url": "/Home", "text": "Home"}, {"url": "/News", "text": "News"}]
    assert len(links) == 5
    assert [signals[1].signals[name] for name in wanted] == [None, None, None, None, []]


def test_every_column_of_what_a_page_says_is_one_that_the_scanner_knows() -> None:
    said = "".join(
        f"<meta name={name} content=x>" for name in ("description", "author", "keywords", "robots", "license")
    )
    said += "<meta name=date content=x><meta property=og:site_name content=x><meta name=tdm-reservation content=1>"
    said += "<meta property=article:modified_time content=x><link rel=canonical href=x><title>x</title>"
    found = extract_pages([Markup(f"<html lang=x>{said}")], facts=tuple(PAGE_FACTS))[0].signals
    assert {found[name] for name in PAGE_FACTS if name != LINKS} == {"x", "1"}
