"""The quick look at a page's language: it spares pages that the step "language" drops, and touches no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.batch import Part, Record
from curate.errors import RecipeError
from curate.extract.html import Extraction
from curate.recipe import Recipe
from curate.recipe_file import load
from curate.steps.bind import resolve
from curate.steps.extract import extract_text, page_extractor

RECIPE = """\
name = "r"
[[source]]
name = "web"
read = "warc"
paths = ["*.warc.gz"]
extract = "{engine}"
min_language_chance = {chance}
steps = [{steps}]
"""

ENGLISH = "The old bridge across the river was closed for repairs, and everyone in the village had to take the ferry. "
GERMAN = "Die alte Brücke über den Fluss war wegen Reparaturen gesperrt, und alle im Dorf mussten die Fähre nehmen. "
MENU = "<nav><ul><li><a href='/'>Home</a></li><li><a href='/about'>About us</a></li></ul></nav>"


def recipe(folder: Path, *, engine: str = "trafilatura", chance: float = 0.02, steps: str | None = None) -> Recipe:
    steps = '{ use = "language", keep = ["en"] }' if steps is None else steps
    path = folder / "r.toml"
    path.write_text(RECIPE.format(engine=engine, chance=chance, steps=steps), encoding="utf-8")
    return resolve(load(path))


def page(sentence: str) -> Record:
    paragraphs = "".join(f"<p>{number}. {sentence * 3}</p>" for number in range(5))
    html = f"<html><head><title>A page</title></head><body>{MENU}<article>{paragraphs}</article></body></html>"
    return Record("web/a@0", html.encode(), "text/html", charset="utf-8")


def test_a_page_in_another_language_keeps_its_quick_text(tmp_path: Path) -> None:
    made = recipe(tmp_path)
    row = extract_text(page(GERMAN), page_extractor(made.source("web"), made))
    quick = recipe(tmp_path, engine="resiliparse", chance=0.0)
    expected = extract_text(page(GERMAN), page_extractor(quick.source("web"), quick))
    assert row["losses"] == "quick_text"
    assert row["text"] == expected["text"]


def test_a_page_that_may_be_in_the_language_is_extracted_as_without_the_look(tmp_path: Path) -> None:
    made, without = recipe(tmp_path), recipe(tmp_path, chance=0.0)
    for sentence in (ENGLISH, ENGLISH + GERMAN):
        row = extract_text(page(sentence), page_extractor(made.source("web"), made))
        assert row == extract_text(page(sentence), page_extractor(without.source("web"), without))
        assert row["losses"] is None


def test_a_page_without_quick_text_is_not_given_up(tmp_path: Path) -> None:
    made = recipe(tmp_path)
    row = extract_text(Record("web/a@0", b"<html></html>", "text/html"), page_extractor(made.source("web"), made))
    assert (row["outcome"], row["reason"]) == ("dropped", "empty_text")


@pytest.mark.parametrize(
    ("engine", "steps"), [("resiliparse", None), ("curate", None), ("trafilatura", '"gopher_quality"')]
)
def test_a_look_that_nobody_needs_is_refused_with_its_line(tmp_path: Path, engine: str, steps: str | None) -> None:
    made = recipe(tmp_path, engine=engine, steps=steps)
    with pytest.raises(RecipeError, match="min_language_chance needs") as refused:
        page_extractor(made.source("web"), made)
    assert "r.toml:2" in str(refused.value)


def no_page(html: str, is_xhtml: bool) -> Extraction:
    raise AssertionError("a book is no page")


def test_a_book_of_mark_up_that_its_framing_leaves_empty_is_set_aside() -> None:
    marks = ("*** START OF THE PROJECT GUTENBERG EBOOK A ***", "*** END OF THE PROJECT GUTENBERG EBOOK A ***")
    html = "".join(f"<p>{mark}</p>" for mark in marks).encode()
    row = extract_text(Record("books/a.html", html, "book/html"), no_page)
    assert (row["outcome"], row["reason"]) == ("quarantined", "framing")


def test_the_parts_of_a_book_are_read_each_by_its_own_type() -> None:
    parts = (
        Part(b"<html><head><title/><style/></head><body><p>One</p></body></html>", "book/xhtml"),
        Part(b"<html><body><p>Two<p>Three<script>a</script></body></html>", "book/html"),
        Part("Four <b> & caf\xe9\n".encode("latin-1"), "text/plain"),
        Part("<p>F\xfcnf <![CDATA[a < b]]></p>".encode("utf-16"), "book/xhtml"),
        Part(b"<html><head><title>Nothing</title></head><body><img src='a.png'/></body></html>", "book/xhtml"),
    )
    row = extract_text(Record("books/a.epub", parts, "book/html"), no_page)
    assert row["text"] == "One\n\nTwo\n\nThree\n\nFour <b> & caf\xe9\n\n\nF\xfcnf a < b"
