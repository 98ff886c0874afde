"""What a page says besides its text, decoded where it is asked for: facts, targets and texts of links, JSON-LD.

ScannedPages, page ─▶ spans of the source ─▶ strings
"""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5

import numpy as np
import numpy.typing as npt

from curate.extract.scan.columns import FACTS, HREF, HREF_END, LABEL, LABEL_END, SCRIPT_BEGIN, SCRIPT_END
from curate.extract.scan.pages import ScannedPages

LINKS_COLUMN, SCRIPTS_COLUMN = 4, 5
"""In `ScannedPages.starts`."""
REFERENCE = re.compile(r"&(?:#(?:\d+|[xX][\da-fA-F]+);?|[A-Za-z\d]+(?:;|(?![A-Za-z\d=;])))")
"""In an attribute: `&copy=1` in an address is no sign of copyright."""


def facts_of_page(scanned: ScannedPages, page: int) -> dict[str, str]:
    """The facts that a page says, by their names in `columns.FACTS`; white space in them is one space."""
    found = {}
    for name, (begin, end) in zip(FACTS, scanned.facts[page].tolist(), strict=True):
        if begin >= 0:
            written = _string(scanned.source, begin, end)
            text = unescape(written) if name == "title" else value_of(written)
            found[name] = " ".join(text.split())
    return found


def links_of_page(scanned: ScannedPages, page: int) -> list[tuple[str, str]]:
    """The target of each link as the page writes it, and its text."""
    first, last = scanned.starts[page : page + 2, LINKS_COLUMN]
    return [
        (
            value_of(_string(scanned.source, row[HREF], row[HREF_END])).strip(),
            _string(scanned.text, row[LABEL], row[LABEL_END]).strip(),
        )
        for row in scanned.links[first:last].tolist()
    ]


def linked_data_of_page(scanned: ScannedPages, page: int) -> list[str]:
    """The JSON-LD of a page, as it is written."""
    first, last = scanned.starts[page : page + 2, SCRIPTS_COLUMN]
    rows = scanned.scripts[first:last].tolist()
    return [_string(scanned.source, row[SCRIPT_BEGIN], row[SCRIPT_END]) for row in rows]


def value_of(written: str) -> str:
    """An attribute's value with its references decoded."""
    return REFERENCE.sub(_character, written)


def _character(found: re.Match[str]) -> str:
    reference = found[0]
    return unescape(reference) if reference[1] == "#" else html5.get(reference[1:], reference)


def _string(data: npt.NDArray[np.uint8], begin: int, end: int) -> str:
    return data[begin:end].tobytes().decode(errors="replace")
