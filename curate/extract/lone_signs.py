"""A single sign in an element of its own, or between two elements, kept through resiliparse's main content.

    html ─▶ a mark behind each such sign ─▶ extractor ─▶ text without the marks

`<td>漢</td>`, `<b>€</b>`, `<a>…</a>、<a>…</a>`: resiliparse (to 2.0.1) takes a text of three bytes for the private sign
of an icon font, and leaves it out, whichever it is; three bytes in UTF-8 is all of Chinese, Japanese, Thai and Hindi.
Private signs are left to it. The mark is a sign of a script that died out in the third century.
"""

from __future__ import annotations

import functools
import re
from html import unescape

from curate.extract.first_look import PageLook

MARK = "\N{KHAROSHTHI PUNCTUATION CRESCENT BAR}"
REFERENCE = f"&#{ord(MARK)};"
"""As it is written into a page: the sign itself would make Python hold all of the page in four bytes a sign."""
IS_REFERENCE = re.compile(r"&#?\w{2,31};?")
IS_SIGN = re.compile("[\u0800-\ud7ff\uf900-\uffff]")


def mark_lone_signs(html: str, seen: PageLook) -> str:
    """The page, at which the first look has `seen` where such signs may be, with a mark behind every one that would be
    left out; a page that holds such marks stays as it is."""
    ends = [end for begin, end in seen.signs.tolist() if _is_lone_sign(seen.utf8[begin:end])]
    if not ends or MARK.encode() in seen.utf8 or REFERENCE.encode() in seen.utf8:
        return html
    pieces = [seen.utf8[begin:end] for begin, end in zip([0, *ends], [*ends, len(seen.utf8)], strict=True)]
    return REFERENCE.encode().join(pieces).decode()


def without_marks(text: str) -> str:
    return text.replace(MARK, "").replace(REFERENCE, "")  # a few old elements show references as they are written


@functools.lru_cache(maxsize=4096)  # pages say the same few references by the thousand, and an expression costs as much
def _is_lone_sign(utf8: bytes) -> bool:
    written = utf8.decode()
    if len(written) > 1:
        return IS_REFERENCE.fullmatch(written) is not None and IS_SIGN.fullmatch(unescape(written)) is not None
    return IS_SIGN.fullmatch(written) is not None
