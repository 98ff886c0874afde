"""Nothing is missing in the reference or the index: commands, options, steps, signals, keys of a recipe, pages. Each
search is proved by taking out of the page what it looks for.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from curate.commands.table import COMMANDS, parsers_below, whole_parser
from curate.readers.reader import READERS
from curate.recipe import Recipe
from curate.steps.bind import BUILT_IN
from curate.text.signals import SIGNALS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BELOW = "…"
"""Between a heading and what must stand in its section, in whatever distance."""
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md"), *DOCS.glob("notebooks/*.ipynb")])

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="not in a checkout")


def commands() -> Iterator[str]:
    """With those below them: `classifier train`."""
    for name, parser in parsers_below(whole_parser()).items():
        yield f"## curate {name}\n"
        yield from (f"### curate {name} {action}\n" for action in parsers_below(parser))


def options() -> Iterator[str]:
    """Every option of every command: its heading, and how the row that explains it begins."""
    for parser in parsers_below(whole_parser()).values():
        for marks, each in (("##", parser), *(("###", action) for action in parsers_below(parser).values())):
            for action in each._actions:
                if action.option_strings and action.dest != "help":
                    yield f"\n{marks} {each.prog}\n{BELOW}| `{action.option_strings[0]}"


def keys() -> Iterator[str]:
    """Of all tables of a recipe, by walking the types, however deep they lie."""
    seen: set[Any] = set()
    waiting: list[Any] = [Recipe]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            if kind not in seen:
                seen.add(kind)
                hints = get_type_hints(kind)
                written = [field.name for field in dataclasses.fields(kind) if field.metadata.get("toml", True)]
                yield from (f"| `{name}` |" for name in written)
                waiting += [hints[name] for name in written]
        else:
            waiting += get_args(kind)


WANTED: Mapping[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "commands": ("cli.md", commands),
    "options": ("cli.md", options),
    "steps": ("recipe.md", lambda: (f"### `{name}`\n" for name in BUILT_IN)),
    "readers": ("recipe.md", lambda: (f'| `"{name}"` |' for name in READERS)),
    "keys": ("recipe.md", keys),
    "signals": ("signals.md", lambda: (f"| `{each.name}` |" for each in SIGNALS)),
    "pages": ("README.md", lambda: (f"({page.relative_to(DOCS)})" for page in PAGES if page.name != "README.md")),
}


def missing(wanted: Iterator[str], page: str) -> list[str]:
    return sorted({each for each in wanted if not place_of(each, page)})


def place_of(each: str, page: str) -> tuple[int, int] | None:
    """Where it, or what must stand below its heading, begins and ends."""
    heading, _, row = each.rpartition(BELOW)
    start = page.find(heading)
    end = next((found.start() for found in re.finditer(r"\n##", page) if found.start() > start), len(page))
    place = page.find(row, max(start, 0), end if heading else len(page))
    return (place, place + len(row)) if start >= 0 and place >= 0 else None


@pytest.mark.parametrize("kind", WANTED)
def test_nothing_is_missing(kind: str) -> None:
    name, wanted = WANTED[kind]
    assert missing(wanted(), (DOCS / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("kind", WANTED)
def test_each_that_is_taken_out_is_missed(kind: str) -> None:
    name, wanted = WANTED[kind]
    page = (DOCS / name).read_text(encoding="utf-8")
    all_of_them = sorted(set(wanted()))
    assert len(all_of_them) >= 5
    for each in all_of_them:
        without = page
        while (place := place_of(each, without)) is not None:
            without = without[: place[0]] + without[place[1] :]
        assert each in missing(iter([each]), without), each
        assert each not in missing(iter([each]), page), each


def test_every_command_is_asked_for() -> None:
    names = {each.split()[2] for each in commands() if each.startswith("## ")}
    assert len(names) == len(COMMANDS)
    assert names == {each.__name__.rpartition(".")[2].rstrip("_") for each in COMMANDS}


def anchors(page: str) -> set[str]:
    """As a forge makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    """Links to files that are not there, or to headings that they do not have."""
    found = []
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose)):
        name, _, heading = target.partition("#")
        path = page.parent / name if name else page
        has_heading = not heading or path.suffix != ".md"
        if not path.exists() or not (has_heading or heading in anchors(path.read_text(encoding="utf-8"))):
            found.append(target)
    return found


@pytest.mark.parametrize(
    "page", [each for each in (*PAGES, ROOT / "README.md") if each.suffix == ".md"], ids=lambda page: page.stem
)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_links_that_lead_nowhere_are_found() -> None:
    text = "[a](no.md) [b](recipe.md#no-such-heading) [c](recipe.md#steps) [d](#here)\n# Here\n"
    assert broken_links(DOCS / "README.md", text) == ["no.md", "recipe.md#no-such-heading", "#here"]


def test_the_readme_leads_to_the_index_and_shows_the_report() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/README.md)" in readme
    assert "(docs/tutorial.md)" in readme
    assert "![" in readme
    assert "(docs/report.png)" in readme
