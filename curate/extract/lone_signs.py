"""A single sign in an element of its own, or between two elements, kept through resiliparse's main content.

    html ─▶ a mark behind each such sign ─▶ extractor ─▶ text without the marks

`<td>漢</td>`, `<b>€</b>`, `<a>…</a>、<a>…</a>`: resiliparse (to 2.0.1) takes a text of three bytes for the private sign
of an icon font, and leaves it out, whichever it is; three bytes in UTF-8 is all of Chinese, Japanese, Thai and Hindi.
Private signs are left to it. The mark is a sign of a script that died out in the third century.
"""

from __future__ import annotations

import re
from html import unescape

MARK = "\N{KHAROSHTHI PUNCTUATION CRESCENT BAR}"
SIGN = "[\u0800-\ud7ff\uf900-\uffff]"
LONE = re.compile(rf">\s*+(?:{SIGN}|&#?\w{{2,31}};?)(?=\s*+(?:<|\Z))")
IS_SIGN = re.compile(SIGN)


def mark_lone_signs(html: str) -> str:
    """The page with a mark behind every sign that would be left out; one that holds such marks stays as it is."""
    return html if MARK in html else LONE.sub(_marked, html)


def without_marks(text: str) -> str:
    return text.replace(MARK, "")


def _marked(found: re.Match[str]) -> str:
    sign = unescape(found[0].lstrip(">").strip())
    return found[0] + MARK if IS_SIGN.fullmatch(sign) else found[0]
