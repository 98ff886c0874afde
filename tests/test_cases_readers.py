"""The handed-out inputs on which readers fail or failed: each is run with its own recipe, to the outcome it states."""

from __future__ import annotations

import shutil
import tokenize
from pathlib import Path

import pytest

from curate import Run
from curate.pipeline.run import run

CASES = Path(__file__).resolve().parents[2] / "shared" / "data" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the shared inputs are not here")


def run_case(name: str, folder: Path) -> Run:
    """The run of the case's recipe, on a copy that may be written to."""
    shutil.copytree(CASES / name, folder / "case", copy_function=shutil.copyfile)
    for path in (folder / "case").rglob("*"):
        path.chmod(0o755)
    return run(folder / "case" / "recipe.toml", out=folder / "run", workers=0)


def texts(found: Run) -> dict[str, str]:
    """File -> the text that was kept of it."""
    rows = found.documents().select("id", "text").collect()
    return {id.partition("/")[2]: text for id, text in rows.iter_rows()}


def outcomes(found: Run) -> list[tuple[str, str | None]]:
    return list(found.ledger().select("outcome", "reason").collect().iter_rows())


def test_books_of_2002_with_the_small_print_at_the_end_are_kept_whole(tmp_path: Path) -> None:
    books = texts(run_case("gutenberg-2002-framing", tmp_path))
    assert len(books) == 3
    for text in books.values():
        assert text.startswith("Verse 1:")
        last = max(int(line.split()[1].rstrip(":")) for line in text.splitlines() if line.startswith("Verse"))
        assert text.strip().splitlines()[-1].startswith(f"Verse {last}:")
        assert last >= 39
        assert "Gutenberg" not in text


def test_every_part_of_the_spine_is_a_chapter_whatever_its_type_is_called(tmp_path: Path) -> None:
    books = texts(run_case("epub-media-types", tmp_path))
    assert len(books) == 6
    for name, text in books.items():
        assert "Chapter 2 text about the sea" in text, name
        assert ("plain text chapter" if name == "mt_plain.epub" else "Chapter 1 text about the sea") in text, name


def test_a_part_that_closes_its_title_or_script_in_the_start_tag_keeps_its_text(tmp_path: Path) -> None:
    books = texts(run_case("epub-xhtml-self-closed", tmp_path))
    assert len(books) == 3
    for name, text in books.items():
        assert "Chapter one" in text, name
        assert "Chapter 2 text about the sea" in text, name


def test_chapters_are_found_whatever_code_page_wrote_the_names_of_the_zip(tmp_path: Path) -> None:
    books = texts(run_case("epub-zip-names", tmp_path))
    assert len(books) == 3
    assert all("Chapter 1 text about the sea and its ships." in text for text in books.values())


def test_source_files_are_read_as_pythons_own_tokenizer_opens_them(tmp_path: Path) -> None:
    found = texts(run_case("source-charset-cookies", tmp_path))
    assert len(found) == 6
    for name, text in found.items():
        with tokenize.open(CASES / "source-charset-cookies" / "in" / name) as file:
            assert text == file.read(), name


def test_only_strings_are_text_in_json_lines(tmp_path: Path) -> None:
    found = run_case("jsonl-text-not-a-string", tmp_path)
    assert list(texts(found).values()) == ["plain"]
    assert outcomes(found) == [("dropped", "no_text")] * 4 + [("kept", None)]


def test_string_views_of_parquet_are_text(tmp_path: Path) -> None:
    assert len(texts(run_case("parquet-string-view", tmp_path))) == 2
