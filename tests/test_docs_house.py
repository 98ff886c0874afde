"""docs/architecture.md and CONTRIBUTING.md speak of the house as it stands."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("docs/architecture.md", "CONTRIBUTING.md")

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="not in a checkout")


def floors() -> list[set[str]]:
    """As the test of the layout has them, the lowest first."""
    spec = importlib.util.spec_from_file_location("layout", ROOT / "tests" / "test_layout.py")
    assert spec is not None
    assert spec.loader is not None
    layout = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layout)
    return [set(names) for names in layout.FLOORS]


def test_the_picture_shows_the_floors_that_a_test_holds() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[0].splitlines()
    drawn = [set(re.split(r" {3,}", line.strip())[0].split()) for line in picture]
    assert drawn[::-1] == floors()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/.])((?:\w+/)*\w+\.(?:py|md|toml))", text))
    named |= {f"{folder}/{name}" for folder, name in re.findall(r"(\w+/)\w+\.py, (\w+\.py)", text)}
    roots = (ROOT, ROOT / "curate", ROOT / "curate" / "engine", ROOT / "curate" / "readers", ROOT / "docs")
    assert len(named) > 15
    assert [name for name in sorted(named) if not any((root / name).is_file() for root in roots)] == ["recipe.toml"] * (
        "recipe.toml" in named
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", text)
    assert links
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
