"""A part of the page: its place in the contents, a heading, and what stands below it."""

from __future__ import annotations

from dataclasses import dataclass

from curate.report.html.markup import Content, Html, element


@dataclass(frozen=True, slots=True)
class PageSection:
    """`key` is the address of the part in the page; `body` None: a run that has nothing of it, so it is left out."""

    key: str
    title: str
    body: Content


def drawn(section: PageSection) -> Html:
    return element("section", [element("h2", section.title), section.body], {"id": section.key})


def part(title: Content, *body: Content, is_open: bool = True) -> Html:
    """A titled part of a section, which can be folded away; before a page is printed, the script opens all of them."""
    return element("details", [element("summary", title), list(body)], {"open": is_open, "class": "part"})


def note(text: str) -> Html:
    return element("p", text, {"class": "note"})
