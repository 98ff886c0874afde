"""XHTML read as XML: its parser (lxml's) is the oracle for well-formed pages; others are read to their end."""

from __future__ import annotations

import lxml.etree as etree
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.batch import Record
from curate.extract.html import Engine, extract_html
from curate.extract.xhtml import xhtml_as_html
from curate.steps.extract import extract_text

ENGINES: tuple[Engine, ...] = ("resiliparse", "trafilatura")
SENTENCE = "The ferry leaves the old harbor at seven in the morning and comes back with the evening tide."
XHTML = '<html xmlns="http://www.w3.org/1999/xhtml"><head>{head}</head><body>{body}</body></html>'
EMPTY = ("<title/>", "<script src='a.js'/>", "<style/>", "<title lang='en' />", '<script type="x"\n/>', "<noscript/>")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("head", EMPTY)
def test_an_empty_element_in_the_head_does_not_swallow_the_page(engine: Engine, head: str) -> None:
    page = XHTML.format(head=head, body=f"<h1>Ferries</h1><p>{SENTENCE}</p><p>{SENTENCE}</p>")
    assert SENTENCE in extract_html(page, engine=engine, is_xhtml=True).text


@pytest.mark.parametrize(
    "empty", ["<textarea/>", "<iframe src='a'/>", "<div class='x'/>", "<xmp/>", "<select/>", "<svg/>", "<noframes/>"]
)
def test_an_empty_element_in_the_body_does_not_swallow_what_follows(empty: str) -> None:
    page = XHTML.format(head="<title>t</title>", body=f"<p>Before.</p>{empty}<p>After.</p>")
    assert extract_html(page, engine="resiliparse", whole=True, is_xhtml=True).text.split() == ["Before.", "After."]


def test_cdata_sections_are_text() -> None:
    body = "<p>Sorted if <![CDATA[a < b && b > c]]>, not if <![CDATA[<b>]]> stands there.</p>"
    text = extract_html(XHTML.format(head="", body=body), engine="resiliparse", whole=True, is_xhtml=True).text
    assert text == "Sorted if a < b && b > c, not if <b> stands there."


def test_a_script_in_cdata_ends_where_its_element_ends() -> None:
    head = "<script>//<![CDATA[\nif (a < b) document.write('</script><p>no</p>');\n//]]></script><title>t</title>"
    page = XHTML.format(head=head, body="<p>Yes.</p>")
    assert extract_html(page, engine="resiliparse", whole=True, is_xhtml=True).text == "Yes."


def test_prefixes_of_the_namespace_are_no_part_of_the_names() -> None:
    page = (
        '<?xml version="1.0"?><h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:head><h:title/></h:head>'
        "<h:body><h:p>One.</h:p><h:p>Two.</h:p><h:script>three</h:script></h:body></h:html>"
    )
    assert extract_html(page, engine="resiliparse", whole=True, is_xhtml=True).text.split("\n") == ["One.", "", "Two."]


def test_instructions_and_the_subset_of_a_doctype_are_no_text() -> None:
    page = (
        '<?xml version="1.0"?><?style a > b ?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "x.dtd" '
        '[<!-- ] --> <!ENTITY nbsp "&#160;"> <!ATTLIST p x CDATA #IMPLIED> ]>'
    )
    page += XHTML.format(head="<title>t</title>", body="<p>a &gt; b &eacute; &amp;</p>")
    assert extract_html(page, engine="resiliparse", whole=True, is_xhtml=True).text == "a > b é &"


def test_xhtml_that_is_not_well_formed_is_read_to_its_end() -> None:
    page = XHTML.format(head="<title/>", body="<p>Fish & chips<p>Unclosed <b>bold<div/>, last.</p>")
    text = extract_html(page, engine="resiliparse", whole=True, is_xhtml=True).text
    assert text.split() == ["Fish", "&", "chips", "Unclosed", "bold", ",", "last."]


def test_the_type_decides_and_not_the_content() -> None:
    page = XHTML.format(head="<title/>", body=f"<p>{SENTENCE}</p>")
    as_html = extract_html(page, engine="resiliparse", whole=True).text
    assert SENTENCE not in as_html  # as in a browser: the title of a page of HTML goes on
    sample = "<p>Write &lt;br/&gt; or <a href=http://a.example/x/>the <i>other</i></a> one.</p>"
    assert extract_html(sample, engine="resiliparse", whole=True).text == "Write <br/> or the other one."


@pytest.mark.parametrize("media", ["application/xhtml+xml", "book/xhtml"])
def test_a_record_of_xhtml_is_read_as_xhtml(media: str) -> None:
    payload = XHTML.format(head="<title/>", body=f"<p>{SENTENCE}</p>" * 3).encode()
    record = Record("a", payload, media)  # type: ignore[arg-type]

    def extract(html: str, is_xhtml: bool) -> object:
        return extract_html(html, engine="resiliparse", is_xhtml=is_xhtml)

    assert extract_text(record, extract)["text"].count(SENTENCE) == 3  # type: ignore[arg-type]


OF_XML = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
"""Signs that a parser of XML takes."""
TEXTS = st.text(OF_XML, min_size=1, max_size=8)
NAMES = st.sampled_from(["p", "div", "b", "i", "span", "textarea", "iframe", "title"])
TREES = st.recursive(
    st.one_of(
        st.tuples(st.just("text"), TEXTS), st.tuples(st.just("cdata"), TEXTS), st.tuples(st.just("empty"), NAMES)
    ),
    lambda children: st.tuples(st.sampled_from(["i", "span"]), st.lists(children, max_size=4)),
    max_leaves=12,
)


@given(st.lists(TREES, min_size=1, max_size=6))
def test_all_text_is_what_a_parser_of_xml_reads(trees: list[tuple[str, object]]) -> None:
    page = XHTML.format(head="<title/>", body="".join(map(written, trees)))
    wanted = "".join(etree.fromstring(page).itertext())
    found = "".join(etree.fromstring(xhtml_as_html(page), etree.HTMLParser()).itertext())
    assert "".join(found.split()) == "".join(wanted.split())


def written(tree: tuple[str, object]) -> str:
    kind, content = tree
    if kind == "text":
        return str(content).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if kind == "cdata":
        return "<![CDATA[" + str(content).replace("]]>", "") + "]]>"
    if kind == "empty":
        return f"<{content}/>"
    return f"<{kind}>{''.join(map(written, content))}</{kind}>"  # type: ignore[arg-type, call-overload]


def test_an_entity_that_the_page_declares_is_its_text() -> None:
    subset = "<!ENTITY ship \"H.M.S. 'Rose'\"><!ENTITY dash '&#8212;'><!ENTITY all \"&ship;&ship;\">"
    page = f"<!DOCTYPE html [{subset}]>\n<html><body><p>The &ship; &dash; &amp; &all;</p></body></html>"
    assert extract_html(page, engine="resiliparse", whole=True, is_xhtml=True).text == "The H.M.S. 'Rose' — & &all;"
