"""Rules for books, and books in pieces: whole novels stay, and their pieces are the novel again."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.errors import RecipeError
from curate.filters.books import books
from curate.pipeline.run import run
from curate.readers.chapters import split_chapters, split_words
from curate.recipe_file import load
from curate.report.verify import differences
from curate.steps.bind import resolve
from curate.steps.decide import apply_rules
from curate.text.signals import text_signals

SHELF = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "books.tar.gz"
NOVELS = {path.name: path.read_text(encoding="utf-8") for path in sorted(SHELF.glob("*.txt"))}
RECIPE = """\
name = "shelf"
[[source]]
name = "books"
read = "books"
paths = ["{paths}"]
steps = ["books"]
{split}
[tokenize]
tokenizer = "bytes"
validation = 0
"""


def decided(texts: list[str]) -> list[str | None]:
    """The reason why each text is dropped, None for one that stays."""
    empty = pl.lit(None, pl.String)
    batch = pl.DataFrame({"text": texts}).with_columns(
        empty.alias(name) for name in ("outcome", "step", "reason", "value")
    )
    batch = batch.hstack(text_signals(batch["text"]))
    return apply_rules(batch, "books", books().rules)["reason"].to_list()


def shelf(folder: Path, split: str = "", paths: str = "*.txt") -> Path:
    for name, text in NOVELS.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "shelf.toml").write_text(RECIPE.format(split=split, paths=paths), encoding="utf-8")
    return folder / "shelf.toml"


@pytest.mark.skipif(not SHARED.exists(), reason="the shared books are not here")
def test_all_six_novels_stay_and_so_does_the_bible() -> None:
    with tarfile.open(SHARED) as archive:
        names = [name for name in archive.getnames() if "austen/" in name or "Genesis" in name or "Jude" in name]
        files = [archive.extractfile(name) for name in names]
        texts = [file.read().decode("utf-8", "replace") for file in files if file]
    assert len([name for name in names if "austen/" in name]) == 6
    assert decided(texts) == [None] * len(texts)
    assert max(len(text.split()) for text in texts) > 150_000


def test_what_is_no_running_text_goes() -> None:
    novel = next(iter(NOVELS.values()))
    figures = "\n".join(f"{number} {number * 7} {number % 13}.{number % 10}" for number in range(400))
    scanned = " ".join("~|^ 1l .;: ||" for _ in range(300))
    refrain = "\n".join(f"The same line as ever before, over and over {number % 5}." for number in range(500))
    assert decided([novel, "Too short.", figures, scanned, refrain]) == [
        *(None, "min_words", "min_alphabetic_word_ratio"),
        *("min_alphabetic_word_ratio", "max_duplicate_line_ratio"),
    ]


@pytest.mark.parametrize("name", sorted(NOVELS))
def test_chapters_are_those_that_the_headings_name_and_together_the_novel(name: str) -> None:
    text = NOVELS[name]
    pieces = split_chapters(text)
    assert "".join(pieces) == text
    headings = [line for line in text.splitlines() if re.fullmatch(r"\s*chapter\s+\w+\.?\s*", line, re.IGNORECASE)]
    assert len(headings) > 20
    assert len(headings) <= len(pieces) <= len(headings) + 2
    begins = [
        next(line for line in piece.splitlines() if line.strip()).strip() for piece in pieces[-len(headings) + 1 :]
    ]
    assert all(begin.lower().startswith(("chapter", "volume")) for begin in begins)


@pytest.mark.parametrize(
    "heading",
    [
        "CHAPTER I", "Chapter 12", "Chapter the Last", "VOLUME II", "BOOK ONE. A Beginning", "Act III", "CANTO IV.",
        "Erstes Kapitel", "Kapitel 3", "3. Kapitel", "CHAPITRE PREMIER", "Chapitre II", "CAPÍTULO IV", "Capitolo primo",
        "ГЛАВА ПЕРВАЯ", "Глава 2", "PROLOGUE", "Epilog",
    ],
)  # fmt: skip
def test_a_chapter_begins_at_its_heading_in_many_languages(heading: str) -> None:
    body = "It was a day like any other, and nobody thought of the sea. " * 10
    assert split_chapters(f"{body}\n\n{heading}\n\n{body}") == [f"{body}\n\n", f"{heading}\n\n{body}"]


def test_a_line_within_a_paragraph_is_no_heading() -> None:
    body = (
        "It was a day like any other, and he had read of it in the\nBook I of the sea and in\nChapter 3 of it.\n" * 10
    )
    assert split_chapters(body) == [body]


def test_contents_and_headings_under_headings_are_no_chapters_of_their_own() -> None:
    body = "It was a day like any other, and nobody thought of the sea. " * 10
    contents = "\n\n".join(f"CHAPTER {number}" for number in range(1, 9))
    text = f"{contents}\n\nVOLUME I\n\nCHAPTER 1\n\n{body}\n\nCHAPTER 2\n\n{body}"
    assert len(split_chapters(text)) == 2


@given(
    st.text(alphabet="a b\n\f", max_size=300)
    | st.lists(st.sampled_from(["CHAPTER I\n", "\n", "word " * 60])).map("".join),
    st.integers(1, 40),
)
def test_the_pieces_of_any_text_are_the_text(text: str, words: int) -> None:
    assert "".join(split_chapters(text)) == text
    pieces = split_words(text, words)
    assert "".join(pieces) == text
    assert all(len(piece.split()) >= words for piece in pieces[:-1])


def test_a_run_of_chapters_has_a_document_for_each_and_the_same_words(tmp_path: Path) -> None:
    done = run(shelf(tmp_path, 'split = "chapters"'), out=tmp_path / "run", workers=0)
    ids = done.ledger().collect()["id"].to_list()
    counts = {name: len(list(filter(str.strip, split_chapters(text)))) for name, text in NOVELS.items()}
    assert ids == [f"books/{name}#chapter-{at}" for name in sorted(counts) for at in range(1, counts[name] + 1)]
    kept = done.documents().collect()
    assert kept.height > 40
    assert not list(differences(done))


def test_a_run_of_parts_cuts_at_ends_of_paragraphs(tmp_path: Path) -> None:
    done = run(shelf(tmp_path, 'split = "words"\nsplit_words = 3000'), out=tmp_path / "run", workers=0)
    texts = done.documents().collect()["text"].to_list()
    assert min(len(text.split()) for text in texts) >= 1500
    assert sum(len(text.split()) for text in texts) == sum(len(text.split()) for text in NOVELS.values())


def test_split_is_for_books(tmp_path: Path) -> None:
    path = shelf(tmp_path, 'split = "chapters"')
    path.write_text(path.read_text(encoding="utf-8").replace('read = "books"', 'read = "code"'), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"split"):
        resolve(load(path))
