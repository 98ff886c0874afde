"""What would be lost for the name of its element, written twice, or counted wrongly, and is not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.extract.elements import change_elements, start_of
from curate.extract.html import Engine, extract_html
from curate.extract.lists import mark_numbers, write_numbers

ENGINES: tuple[Engine, ...] = ("resiliparse", "trafilatura")
LONG = (
    "The harbor of Genoa is long enough for forty ships of the line, with their boats, and the ships come in from"
    " all seas of the world, when the winds are fair and the merchants wait for spices and silk."
    " Bells ring when they leave it."
)
PAGE = "<html><head><title>t</title></head><body><article><h1>Ships</h1><p>{}</p>{}<p>{}</p></article></body></html>"


def main_text(body: str, engine: Engine) -> str:
    return extract_html(PAGE.format(LONG, body, LONG.replace("Genoa", "Venice")), engine=engine).text


FIGURES = {
    "<figure class='wp-block-table'><table><tr><th>Port<th>Ships<tr><td>Genoa<td>12</table></figure>": "12",
    "<figure class='highlight'><pre><code>for ship in fleet:\n    sail(ship)</code></pre></figure>": "    sail(ship)",
    "<figure><blockquote><p>The sea is calm tonight.</p></blockquote></figure>": "The sea is calm tonight.",
    "<FIGURE><img src=a.png alt=ALT><FIGCAPTION>Seen from a tower.</FIGCAPTION></FIGURE>": "from a tower.",
    "<figure><ol><li>one ship of the line</li><li>two boats</li></ol></figure>": "two boats",
    "<figure><figure><p>Inside of two figures, a sentence.</p></figure></figure>": "Inside of two figures",
    "<figure role='group'><div><p>A paragraph in a figure, with words.</p></div></figure>": "A paragraph in a figure",
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("figure", FIGURES)
def test_what_stands_in_a_figure_stays_in_the_text(engine: Engine, figure: str) -> None:
    text = main_text(figure, engine)
    assert FIGURES[figure] in text
    assert "ALT" not in text
    assert extract_html(PAGE.format(LONG, figure, LONG), engine=engine, whole=True).text.count(FIGURES[figure]) == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["button", "label", "noscript", "object", "noindex"])
def test_an_element_with_a_paragraph_in_it_is_content_and_a_short_one_is_a_control(engine: Engine, name: str) -> None:
    paragraph = f"<{name}><p>{LONG.replace('Genoa', 'Pisa')}</p></{name}>"
    assert "Pisa" in main_text(paragraph, engine)
    if name in ("button", "label", "noscript"):
        assert "Subscribe" not in main_text(f"<{name}>Subscribe</{name}>", engine)


def test_a_button_that_is_not_closed_well_does_not_take_the_page_along() -> None:
    body = f"<button><div>Menu<div></button><p>{LONG}</p>"
    assert LONG in extract_html(f"<html><body>{body}</body></html>", engine="trafilatura").text


@pytest.mark.parametrize("engine", ENGINES)
def test_lists_in_the_cells_of_a_table_stay_in_the_text(engine: Engine) -> None:
    cells = "<td>Sep 6</td><td><ul><li>Airy disks and mixtures</li><li>Learning by <a href=x>moments</a></li></ul></td>"
    text = main_text(f"<table><tr><th>Date</th><th>Topic</th></tr><tr>{cells}</tr></table>", engine)
    assert "Airy disks and mixtures" in text
    assert "Learning by moments" in text


def test_what_a_browser_with_scripts_saved_of_a_noscript_is_no_text() -> None:
    escaped = f"<noscript>&lt;div&gt;&lt;p&gt;{LONG.replace('Genoa', 'Pisa')}&lt;/p&gt;&lt;/div&gt;</noscript>"
    assert "Pisa" not in main_text(escaped, "resiliparse")


def test_a_book_keeps_the_words_of_its_drawings_and_no_alternative_texts() -> None:
    svg = "<svg><title>T</title><desc>D</desc><image/><text>Bow</text><text>Stern</text></svg>"
    page = f"<p>A ship:</p>{svg}<p>Sails <img alt='ALT'><label>Note</label></p><video>Play</video>"
    assert extract_html(page, engine="resiliparse", whole=True).text.split() == [
        "A",
        "ship:",
        "Bow",
        "Stern",
        "Sails",
        "Note",
    ]


MATHML = "<mrow><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></mrow>"
ANNOTATED = (
    f'<math{{}}><semantics>{MATHML}<annotation encoding="application/x-tex">E=mc^2</annotation></semantics></math>'
)
DISPLAYSTYLE = "{\\displaystyle E=mc^2}"
HTML = '<span class="katex-html" aria-hidden="true"><span class="mord">E</span><span class="mord">=mc2</span></span>'
ASSISTIVE = f'<span class="MJX_Assistive_MathML"><math>{MATHML}</math></span>'
GLYPHS = '<nobr aria-hidden="true"><span class="math">E=mc2</span></nobr>'
ONCE_AS_TEX = {
    "KaTeX": f'<span class="katex"><span class="katex-mathml">{ANNOTATED.format("")}</span>{HTML}</span>',
    "MathJax 2": (
        '<span class="MathJax_Preview">E=mc^2</span><span class="MathJax" id="a" data-mathml="<math><mi>E</mi></math>">'
        f'{GLYPHS}{ASSISTIVE}</span><script type="math/tex" id="b">E=mc^2</script>'
    ),
    "MathJax 2, not run": '<script type="math/tex">% <![CDATA[\nE=mc^2 %]]></script>',
    "Wikipedia": (
        '<span class="mwe-math-element"><span class="mwe-math-mathml-inline" style="display: none;">'
        f"{ANNOTATED.format('').replace('E=mc^2', DISPLAYSTYLE)}</span>"
        '<img class="mwe-math-fallback-image-inline" alt="E=mc^2"></span>'
    ),
    "LaTeXML": f'<math alttext="E=mc^2"><semantics>{MATHML}<annotation-xml>E</annotation-xml></semantics></math>',
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("maker", ONCE_AS_TEX)
def test_a_formula_is_written_once_as_its_tex(engine: Engine, whole: bool, maker: str) -> None:
    body = f"<p>Energy is {ONCE_AS_TEX[maker]} as is well known, and so it is {LONG}</p>"
    text = extract_html(PAGE.format(LONG, body, LONG), engine=engine, whole=whole).text
    assert "Energy is \\(E=mc^2\\) as is well known" in " ".join(text.split())


@pytest.mark.parametrize("name", ["summary", "legend", "dialog", "search"])
@pytest.mark.parametrize("whole", [False, True])
def test_the_last_word_of_a_block_is_not_one_with_the_first_behind_it(name: str, whole: bool) -> None:
    html = PAGE.format(LONG, f"<div><{name}>How many ships?</{name}>Forty of the line.</div>", LONG)
    text = extract_html(html, engine="resiliparse", whole=whole).text
    assert "How many ships?\nForty of the line." in text


@pytest.mark.parametrize("engine", ENGINES)
def test_a_formula_that_is_only_drawn_is_text(engine: Engine) -> None:
    drawn, annotated = f'<span class="katex">{HTML}</span>', ANNOTATED.format("")
    both = f'<span class="katex"><span class="katex-mathml">{annotated}</span>{HTML}</span>'
    assert "Let E=mc2 be." in main_text(f"<p>Let {drawn} be.</p>", engine)
    assert r"Let E=mc2 be \(E=mc^2\) too." in main_text(f"<p>Let {drawn} be {both} too.</p>", engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_formula_of_mathjax_4_is_written_once(engine: Engine) -> None:
    assistive = '<mjx-assistive-mml><math data-latex="E=m"><mi>E</mi></math></mjx-assistive-mml>'
    container = f"<mjx-container><mjx-math><mjx-mi><mjx-c>E</mjx-c></mjx-mi></mjx-math>{assistive}</mjx-container>"
    assert r"Let \(E=m\) be." in main_text(f"<p>Let {container} be.</p>", engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_formula_in_a_line_of_its_own_is_marked_as_such(engine: Engine) -> None:
    displays = [ANNOTATED.format(' display="block"'), '<script type="math/tex; mode=display">E=mc^2</script>']
    for display in displays:
        assert "\\[E=mc^2\\]" in main_text(f"<p>{LONG} {display}</p>", engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_formula_without_tex_is_its_mathml_once(engine: Engine) -> None:
    only_mathml = f"<math>{MATHML}</math>"
    beside = f'<span class="MathJax">{GLYPHS}{ASSISTIVE}</span>'
    with_notes = (
        f'<math><semantics>{MATHML}<annotation encoding="StarMath 5.0">E = m c^2</annotation></semantics></math>'
    )
    for formula in (only_mathml, beside, with_notes):
        assert main_text(f"<p>Energy is {formula} as is known, and {LONG}</p>", engine).count("E=mc2 as is known") == 1


def test_signs_of_mark_up_in_a_formula_stay() -> None:
    annotated = '<math alttext="a < b"><mi>a</mi></math> and <math alttext="c &amp; d"><mi>c</mi></math>'
    assert "\\(a < b\\) and \\(c & d\\)" in main_text(f"<p>{LONG} {annotated}</p>", "resiliparse")


LISTS = {
    "<ol start=5><li>uno</li><li>due</li></ol>": ["5. uno", "6. due"],
    "<ol><li>uno</li><li value='9'>due</li><li>tre</li></ol>": ["1. uno", "9. due", "10. tre"],
    "<ol reversed><li>uno<li>due</ol><ol><li>tre</ol>": ["2. uno", "1. due", "1. tre"],
    "<ol type=a start=26><li>uno<li>due</ol>": ["z. uno", "aa. due"],
    "<ol type=I><li><p>uno</p></li><li><p>due</p></li></ol>": ["I. uno", "II. due"],
    "<ol start=3><li>uno<ol><li>due</ol><li>tre</ol>": ["3. uno", "1. due", "4. tre"],
    "<ol start='x'><li>uno</ol>": ["1. uno"],
    "<ol start=-1><li>uno<li>due<li>tre</ol>": ["-1. uno", "0. due", "1. tre"],
}


@pytest.mark.parametrize("lists", LISTS)
@pytest.mark.parametrize("whole", [False, True])
def test_items_have_the_numbers_that_their_author_gave(lists: str, whole: bool) -> None:
    text = extract_html(PAGE.format(LONG, lists, LONG), engine="resiliparse", whole=whole).text
    assert [line.strip() for line in text.splitlines() if line.strip().endswith(("uno", "due", "tre"))] == LISTS[lists]


def test_trafilatura_which_writes_no_numbers_writes_those_that_are_given() -> None:
    text = main_text(
        "<ol start=5><li>uno is a number</li><li>due is one</li></ol><ol><li>tre is one</li></ol>", "trafilatura"
    )
    assert text.splitlines()[2:5] == ["5. uno is a number", "6. due is one", "- tre is one"]


@given(st.lists(st.integers(-5, 50), min_size=1, max_size=12))
def test_values_of_items_come_out_in_their_order(values: list[int]) -> None:
    html = "<p>a</p><ol>" + "".join(f"<li value={value}>item</li>" for value in values) + "</ol>"
    text = extract_html(html, engine="resiliparse", whole=True).text
    assert [line.strip() for line in text.splitlines() if "item" in line] == [f"{value}. item" for value in values]


@given(st.text(st.sampled_from("<>/ol livaue=\"'5startbuton"), max_size=60))
def test_odd_mark_up_is_neither_refused_nor_lost(html: str) -> None:
    assert len(change_elements(html, start_of("button|li"), lambda start, inside: start[0] + inside)) <= len(html)
    assert len(write_numbers(mark_numbers(html))) >= len(html) - 1


def test_pages_without_any_of_this_are_not_touched() -> None:
    page = PAGE.format(LONG, "<ol><li>uno</ol>", LONG)
    assert mark_numbers(page) is page


def test_the_work_is_linear_in_hostile_pages() -> None:
    """In a process of its own: what is quadratic would take hours."""
    pages = ["<button " * 400_000, "<math>" * 400_000, "<ol reversed>" * 200_000, "<li value=3" * 200_000]
    pages += [
        "<figure" * 400_000,
        "<span class='katex-html'" * 100_000 + "katex-mathml",
        "<!--" * 500_000,
        "<noscript>" * 300_000,
        ">" + " " * 2_000_000 + "帆" + " " * 2_000_000,
    ]
    script = (
        "import json, sys; from curate.extract.rewrite import rewrite; from curate.extract.lists import mark_numbers;"
        "from curate.extract.first_look import first_look;"
        "from curate.extract.xhtml import xhtml_as_html;"
        "from curate.extract.lone_signs import mark_lone_signs;"
        "pages = [xhtml_as_html(page) for page in json.load(sys.stdin)]; [first_look(page.encode()) for page in pages];"
        "pages = [rewrite(page, ~0, whole=False, for_resiliparse=True) for page in pages];"
        "[mark_lone_signs(page, first_look(page.encode())) for page in map(mark_numbers, pages)]"
    )
    subprocess.run([sys.executable, "-c", script], input=json.dumps(pages), text=True, check=True, timeout=100)
