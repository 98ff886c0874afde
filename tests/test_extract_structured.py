"""What pages state about themselves in JSON-LD."""

import json

from hypothesis import given
from hypothesis import strategies as st

from curate.extract.structured import stated_text


def script(thing: object) -> bytes:
    return json.dumps(thing).encode()


def test_the_body_of_an_article_is_found_however_deep_it_lies() -> None:
    article = {"@type": "NewsArticle", "headline": "Rain", "articleBody": "It rained for days."}
    assert stated_text([script({"@graph": [{"@type": "WebSite"}, {"mainEntity": article}]})]) == "It rained for days."


def test_the_longest_of_several_bodies_is_taken() -> None:
    reviews = [{"@type": "Review", "reviewBody": body} for body in ("Good.", "Very good, and cheap.")]
    assert stated_text([script(review) for review in reviews]) == "Very good, and cheap."


def test_a_product_is_what_its_description_says_and_a_site_is_not() -> None:
    assert stated_text([script({"@type": ["Product"], "description": "A kettle."})]) == "A kettle."
    assert stated_text([script({"@type": "WebSite", "description": "The best of kettles."})]) == ""


def test_mark_up_in_a_body_is_taken_out_also_where_it_is_escaped() -> None:
    body = "&lt;p&gt;Fish &amp;amp; chips.&lt;/p&gt;<p>Peas,<br>mushy.</p>"
    assert stated_text([script({"articleBody": body})]) == "Fish & chips.\nPeas,\nmushy."


def test_what_is_no_json_and_what_is_nested_beyond_reason_is_passed_over() -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    assert stated_text([b"<!-- {} -->", b"", b"\xff", deep, script({"text": "Still here."})]) == "Still here."


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_has_a_text_or_none(thing: object) -> None:
    assert isinstance(stated_text([script({"@type": thing, "articleBody": thing, "description": thing})]), str)
