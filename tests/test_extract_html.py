"""HTML extraction: quality against hand-made articles, structure, what is lost, and independence of earlier pages."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Literal

import pytest
from lxml.html import HtmlElementClassLookup

from curate.errors import UsageError
from curate.extract.html import Extraction, extract_html

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ARTICLES = SHARED / "extraction" / "articles"
Engine = Literal["resiliparse", "trafilatura"]
ENGINES: tuple[Engine, ...] = ("resiliparse", "trafilatura")

PAGE = """<html><head><title> A  guide &amp; more </title></head><body>
<nav><a href="/">Home</a> <a href="/all">All pages</a></nav>
<main><article><h1>On brewing tea</h1>
<p>Tea is made of leaves and of <b>hot</b> water, and of patience while it stands in the pot.</p>
<p>The water should boil.<br>The pot should be warm before any of it is poured over the leaves.</p>
<ol><li>Warm the pot with a little water and pour that away.</li><li>Add one spoon of leaves for every cup.</li></ol>
<h2>What else</h2><p>Milk comes first, or it does not: people have quarrelled about that for a hundred years.</p>
<img src="a.png" alt="A picture of a teapot"></article></main>
<script>var x = "code";</script><footer>Copyright by nobody at all</footer></body></html>"""


@pytest.mark.parametrize("engine", ENGINES)
def test_main_content_stands_in_lines_without_what_surrounds_it(engine: Engine) -> None:
    page = extract_html(PAGE, engine=engine)
    lines = [line.strip() for line in page.text.splitlines() if line.strip()]
    assert lines[:2] == [
        "On brewing tea",
        "Tea is made of leaves and of hot water, and of patience while it stands in the pot.",
    ]
    assert lines[2] == "The water should boil."
    assert sum(line.endswith(("pour that away.", "for every cup.")) for line in lines) == 2
    assert "What else" in lines
    assert page.title == "A guide & more"
    for unwanted in ("Home", "teapot", "code", "Copyright"):
        assert unwanted not in page.text


def test_whole_keeps_all_text_but_no_alternative_texts() -> None:
    for engine in ENGINES:
        text = extract_html(PAGE, engine=engine, whole=True).text
        assert "All pages" in text
        assert "Copyright" in text
        assert "teapot" not in text
        assert "code" not in text


def test_empty_elements_of_xhtml_do_not_swallow_the_book() -> None:
    chapter = (
        '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head><title/>'
        '<script src="a.js"/></head><body><a id="p1"/><p>One.<br/>Two.</p><div class="x"/><p>Three.</p></body></html>'
    )
    text = extract_html(chapter, engine="resiliparse", whole=True, is_xhtml=True).text
    assert text.split() == ["One.", "Two.", "Three."]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("html", ["", "   ", "<html></html>", "<script>x</script>", "\x00"])
def test_pages_without_content_give_an_empty_text(engine: Engine, html: str) -> None:
    assert extract_html(html, engine=engine).text == ""


@pytest.mark.parametrize("engine", ENGINES)
def test_lone_surrogates_lose_nothing_and_do_not_come_out(engine: Engine) -> None:
    page = extract_html(PAGE.replace("leaves and", "leaves \ud800 and &#xD801;"), engine=engine)
    assert "a hundred years" in page.text
    page.text.encode()


def test_the_limits_of_the_parser_are_noticed() -> None:
    deep = PAGE.replace("<main>", "<div>" * 300 + "<p>deep</p>" + "</div>" * 300 + "<main>")
    huge = PAGE.replace("<main>", "<p>" + "字字字 " * 1_200_000 + "</p><main>")
    assert extract_html(deep, engine="trafilatura").losses == ("deep_nesting",)
    assert extract_html(huge, engine="trafilatura").losses == ("huge_text_node",)
    assert extract_html(PAGE, engine="trafilatura").losses == ()
    fast = extract_html(deep, engine="resiliparse", whole=True)
    assert fast.losses == ()
    assert "deep" in fast.text


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UsageError, match='did you mean "resiliparse"'):
        extract_html(PAGE, engine="resilliparse")  # type: ignore[arg-type]


def test_importing_curate_loads_neither_parser() -> None:
    names = ("trafilatura", "resiliparse", "lxml")
    script = f"import sys, curate.extract.html; print([name for name in {names} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_pages_without_content_are_not_reported_on_stderr() -> None:
    script = (
        "from curate.extract.html import extract_html as e; e('', engine='trafilatura'); e('<p>', engine='trafilatura')"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr == ""


def articles(count: int) -> list[tuple[str, str]]:
    """(html, hand-made text) of real news and blog pages."""
    if not ARTICLES.exists():
        pytest.skip("the shared data (extraction/articles) is not here")
    truth = json.loads((ARTICLES / "ground-truth.json").read_text(encoding="utf-8"))
    paths = sorted((ARTICLES / "html").glob("*.html.gz"))[:count]
    return [
        (
            gzip.decompress(path.read_bytes()).decode("utf-8", "replace"),
            truth[path.name.removesuffix(".html.gz")]["articleBody"],
        )
        for path in paths
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_page_gives_the_same_text_whatever_came_before(engine: Engine) -> None:
    pages = [html for html, _ in articles(3)]
    once = [extract_html(html, engine=engine) for html in pages]
    again = [extract_html(html, engine=engine) for html in [*reversed(pages)] * 4]
    assert again == [*reversed(once)] * 4  # trafilatura's own duplicate test drops what it sees for the third time


def test_a_fresh_process_with_another_hash_seed_gives_the_same_text() -> None:
    pages = [html for html, _ in articles(3)]
    script = (
        "import json, sys; from curate.extract.html import extract_html as e;"
        "print(json.dumps([e(h, engine='trafilatura').text for h in json.load(sys.stdin)]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    fresh = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(pages),
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert json.loads(fresh.stdout) == [extract_html(html, engine="trafilatura").text for html in pages]


@pytest.mark.parametrize(("engine", "count", "least"), [("resiliparse", 91, 0.91), ("trafilatura", 40, 0.95)])
def test_main_content_agrees_with_hand_made_articles(engine: Engine, count: int, least: float) -> None:
    pages = articles(count)
    scores = [overlap(text, extract_html(html, engine=engine)) for html, text in pages]
    precision, recall = (sum(column) / len(pages) for column in zip(*scores, strict=True))
    assert 2 * precision * recall / (precision + recall) > least


def overlap(truth: str, found: Extraction) -> tuple[float, float]:
    """Precision and recall of word 4-grams, the measure of article-extraction-benchmark."""
    wanted, got = four_grams(truth), four_grams(found.text)
    common = (wanted & got).total()
    return (common / got.total() if got else 0.0, common / wanted.total() if wanted else 1.0)


def four_grams(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    size = min(4, len(words)) or 4
    return Counter(tuple(words[start : start + size]) for start in range(len(words) - size + 1))


HOSTILE = {
    "many paragraphs": "<p>word word</p>" * 300_000,
    "many links": "<p><a href=x>word</a></p>" * 200_000,
    "many cells": "<table>" + ("<tr>" + "<td>a b</td>" * 10 + "</tr>") * 30_000,
    "many items": "<ul>" + "<li>word word</li>" * 300_000,
    "much text": "<p>" + "word " * 1_700_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_page_over_the_bounds_goes_to_the_quick_engine_and_memory_stays_bounded(what: str) -> None:
    script = (
        "import json, resource, sys; from curate.extract.html import extract_html;"
        "html = json.load(sys.stdin); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "found = extract_html(html, engine='trafilatura');"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "print(json.dumps([found.losses, (after - before) >> 10, len(found.text)]))"
    )
    page = f"<html><body><article><h1>Title</h1><p>{'Some words, and more. ' * 20}</p>{HOSTILE[what]}"
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(page), capture_output=True, text=True, check=True
    )
    found, megabytes, _ = json.loads(done.stdout)
    assert found == ["too_big"]
    assert megabytes < 1_000


@pytest.mark.parametrize("engine", ENGINES)
def test_attributes_by_the_thousand_are_left_out_and_the_text_stays(engine: Engine) -> None:
    for attribute in ("a{}=1", "a{}", "a{}='x y'"):
        tag = "<p " + " ".join(attribute.format(number) for number in range(200_000)) + ">"
        assert "a hundred years" in extract_html(PAGE.replace("<main>", f"<main>{tag}Text.</p>"), engine=engine).text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>The price is <b>€</b> 5 <i>—</i> no more.</p>", "The price is € 5 — no more."),
        ("<p><a href=a>ジェノヴァ</a>、<a href=b>ヴェネツィア</a>。</p>", "ジェノヴァ、ヴェネツィア。"),
        (
            "<p>私は<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>を読む。</p>",
            "私は漢(かん)字じを読む。",
        ),
        ("<table><tr><td>帆<td> &euro;<td>\n&#x2713;</table>", "帆\t\t€\t\t✓"),
        ("<p>An icon <i>\uf101</i><i>&#xf101;</i> and&nbsp;<b>&nbsp;</b>nothing.</p>", "An icon and\xa0\xa0nothing."),
    ],
)
def test_a_single_sign_in_an_element_of_its_own_is_text(html: str, text: str) -> None:
    assert extract_html(f"<title>帆</title>{html}", engine="resiliparse") == Extraction(text, "帆")


@pytest.mark.parametrize("empty", ['<span id="more-7"></span>', '<i class="icon"></i>', "<b><em></em></b>", "<q></q>"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_element_takes_no_text_away_with_it(engine: Engine, empty: str) -> None:
    html = PAGE.replace("<p>", f"<p>The boats left {empty} at noon, and nobody waved at them.</p><p>", 1)
    assert re.search(r"The boats left\s+at noon, and nobody waved at them\.", extract_html(html, engine=engine).text)


@pytest.mark.parametrize("name", ["noindex", "object"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_element_within_a_sentence_does_not_break_it(engine: Engine, name: str) -> None:
    html = PAGE.replace("<p>", f"<p>The boats left <{name}>the harbour</{name}> at noon, all of them.</p><p>", 1)
    assert "The boats left the harbour at noon, all of them." in extract_html(html, engine=engine).text


def test_elements_of_one_class_give_trafilatura_the_text_that_those_of_many_give() -> None:
    from curate.extract.html import _load_trafilatura

    form = '<form><label>Name <input name="a" value="b"></label><select><option>One<option>Two</select></form>'
    files = sorted((ARTICLES / "html").glob("*.html.gz"))[::4]  # the rest of the test does without them
    pages = [PAGE.replace("<h2>", f"{form}<h2>"), *(gzip.decompress(file.read_bytes()).decode() for file in files)]
    quick = [extract_html(page, engine="trafilatura") for page in pages]
    _, parser = _load_trafilatura()
    parser.set_element_class_lookup(HtmlElementClassLookup())  # lxml.html's own
    try:
        assert quick == [extract_html(page, engine="trafilatura") for page in pages]
    finally:
        _load_trafilatura.cache_clear()
