"""The encoding that a source file declares itself, as its own tools read it.

    first two lines    # -*- coding: shift_jis -*-   # vim: set fileencoding=cp1250 :    (PEP 263, Ruby, Emacs, Vim)
    its beginning      @charset "iso-8859-2";   <?xml … encoding="…"?>   <meta charset=…>   declare(encoding='…')   …
    first, last lines  vim: fenc=…               coding: … among Emacs' "Local Variables:"

Only the label is found here, as it stands; what it means, and whether the bytes agree, is the extraction's business.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

HEAD_BYTES = 4096
TAIL_BYTES = 3000  # so far from the end of a file Emacs looks for its variables
MODELINES = 5  # so many lines at either end Vim looks at
NAME = rb"([\w.:+-]*[\w+])"

COOKIE = re.compile(rb"^[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)")
EMACS = re.compile(rb"-\*-[^\n]*?coding[ \t]*:[ \t]*" + NAME + rb"[^\n]*?-\*-", re.IGNORECASE)
VIM = re.compile(rb"(?:^|[ \t])(?:vim?|ex)(?:[<=>]?\d+)?:[^\n]*?\b(?:fileencoding|fenc)=" + NAME)
VARIABLES = re.compile(rb"Local Variables:[^\0]*?\bcoding:[ \t]*" + NAME, re.IGNORECASE)
AT_START = (
    re.compile(rb"@charset[ \t]+[\"']" + NAME + rb"[\"']", re.IGNORECASE),
    re.compile(rb"<\?xml\b[^>]*?encoding\s*=\s*[\"']" + NAME, re.IGNORECASE),
)
IN_HEAD = (
    re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*" + NAME, re.IGNORECASE),
    re.compile(rb"<%@\s*page\b[^>]*?(?:pageEncoding\s*=\s*[\"']|charset=)" + NAME, re.IGNORECASE),
    re.compile(rb"\bdeclare\s*\(\s*encoding\s*=\s*[\"']" + NAME, re.IGNORECASE),
    re.compile(rb"^[ \t]*use[ \t]+encoding[ \t]+[\"']?" + NAME, re.MULTILINE),
    re.compile(rb"^[^%\n]*\\(?:usepackage\[|inputencoding\{)" + NAME + rb"(?:\]\{inputenc\}|\})", re.MULTILINE),
)
TOOLS_OWN = re.compile(r"^(?:8bit|2byte)-|-(?:unix|dos|mac)$")  # Vim's prefixes; Emacs' line ends
AS_OTHERS_SAY = {  # names of Emacs, Vim and LaTeX that are no label elsewhere
    "euc-japan": "euc-jp",
    "japanese-iso-8bit": "euc-jp",
    "japanese-shift-jis": "shift_jis",
    "japan": "euc-jp",
    "chinese-iso-8bit": "gb2312",
    "cn-gb": "gb2312",
    "cn-gb-2312": "gb2312",
    "prc": "gb2312",
    "chinese-big5": "big5",
    "cn-big5": "big5",
    "taiwan": "big5",
    "korean-iso-8bit": "euc-kr",
    "korea": "euc-kr",
    "cyrillic-koi8": "koi8-r",
    "cyrillic-iso-8bit": "iso-8859-5",
    "ansinew": "windows-1252",
    "applemac": "macintosh",
}


def declared_charset(data: bytes) -> str | None:
    """The label of the first declaration of a charset that Python knows, else of the first at all, else None."""
    labels = [_plain(label.decode("latin-1")) for label in _labels(data)]
    return next(filter(_is_known, labels), labels[0] if labels else None)


def _labels(data: bytes) -> Iterator[bytes]:
    """Likeliest first."""
    head, tail = data.removeprefix(codecs.BOM_UTF8)[:HEAD_BYTES], data[-TAIL_BYTES:]
    lines = head.splitlines()
    for line in lines[:2]:
        yield from _found(line, EMACS, COOKIE)
    start = head.lstrip()
    yield from (match[1] for pattern in AT_START if (match := pattern.match(start)))
    for line in (*lines[:MODELINES], *tail.splitlines()[-MODELINES:]):
        yield from _found(line, VIM)
    yield from _found(tail, VARIABLES)
    yield from _found(head, *IN_HEAD)


def _found(text: bytes, *patterns: re.Pattern[bytes]) -> Iterator[bytes]:
    return (match[1] for pattern in patterns if (match := pattern.search(text)))


def _plain(label: str) -> str:
    label = TOOLS_OWN.sub("", label.lower())
    label = re.sub(r"^iso-latin-(\d+)$", r"latin\1", label)
    return AS_OTHERS_SAY.get(label, label)


def _is_known(label: str) -> bool:
    try:
        codecs.lookup(label)
    except (LookupError, ValueError):
        return False
    return True
