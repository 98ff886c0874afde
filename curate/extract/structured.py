"""The text that a page states about itself as data, for pages whose mark-up holds none: scripts draw them.

JSON-LD scripts ─▶ objects of schema.org, in their order ─▶ the longest body
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any

BODIES = ("articleBody", "reviewBody", "text", "recipeInstructions", "description")
"""Properties of schema.org that hold the text of a thing, the first of them that one has."""
DESCRIBED = ("Product", "JobPosting", "Event", "Book", "Course", "Recipe", "Movie", "VideoObject", "Place")
"""Types whose `description` is their content; of a site, a company or an article it is an advertisement."""
TAG = re.compile(r"<[^<>]{0,1000}>")
BLOCK_TAG = re.compile(r"</?(?:p|div|br|li|h[1-6]|tr|ul|ol|blockquote)\b[^<>]{0,1000}>", re.IGNORECASE)
BLANK = re.compile(r"[^\S\n]+")
BLANK_LINES = re.compile(r"\s*\n\s*")


def stated_text(scripts: Iterable[bytes]) -> str:
    """The longest text that the JSON-LD of a page gives as the body of something; "" where there is none. What is no
    JSON is passed over, as search engines do."""
    bodies = [body for script in scripts for thing in _things(script) for body in _bodies(thing)]
    return max(bodies, key=len, default="")


def _things(script: bytes) -> Iterator[dict[str, Any]]:
    """Every object in a script, the outer ones first; not recursive, as a page may nest as deep as it likes."""
    try:
        left = [json.loads(script)]
    except (ValueError, RecursionError):  # some sites write line ends into strings, or HTML comments around it all
        return
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield value
            left.extend(reversed(value.values()))
        elif isinstance(value, list):
            left.extend(reversed(value))


def _bodies(thing: dict[str, Any]) -> Iterator[str]:
    types = str(thing.get("@type"))  # a name, or a list of names
    for name in BODIES:
        is_content = name != "description" or any(known in types for known in DESCRIBED)
        value = thing.get(name)
        if isinstance(value, str) and is_content and value.strip():
            yield _plain(value)
            return


def _plain(value: str) -> str:
    """Without the mark-up that many sites leave in, once or twice escaped."""
    if "&" in value:
        value = unescape(value)
    if "<" in value:
        value = unescape(TAG.sub("", BLOCK_TAG.sub("\n", value)))
    return BLANK_LINES.sub("\n", BLANK.sub(" ", value)).strip()
