"""The text of a page's bytes, whatever its encoding and whatever it says about it.

    bytes ─▶ BOM? ─▶ valid UTF-8? ─▶ HTTP header · <meta> · <?xml?> if they decode ─▶ damaged UTF-8?
          ─▶ declared, with few errors ─▶ uchardet's guess (resiliparse) ─▶ windows-1252 ─▶ text, or UndecodableText

On 424 real texts in legacy encodings uchardet and charset_normalizer are right equally often (405 and 406, labels read
as browsers read them); uchardet takes about two thirds of the time and knows all iso-8859-1 texts, of which the other
knows one in six. The whole order above, asked without an HTTP header, is right about 414.
"""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Iterator

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from curate.errors import CurateError

MAX_REPLACED = 0.01  # share of characters that may be U+FFFD or controls
PRESCAN = 4096  # bytes in which <meta charset> is looked for; browsers look at 1,024
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the other's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
META = re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*([\w.:+-]+)", re.IGNORECASE)
XML = re.compile(rb"\s*<\?xml\b[^>]*?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
SEVEN_BIT = re.compile(rb"\x1b\$|\x1b\(|\x0e|~\{")  # ISO-2022 and HZ hide other alphabets in ASCII
CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")

# Python's codecs for the encodings of the web (WHATWG Encoding, "names and labels"): supersets of what their names say.
AS_BROWSERS_DO = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
}
LABELS = {"x-mac-cyrillic": "mac-cyrillic", "x-mac-ukrainian": "mac-cyrillic", "utf8mb4": "utf-8"}  # not in the table
CHARACTER_SETS = re.compile(
    r"utf-(?:8|16|32)(?:-[lb]e)?|cp\d+|iso8859-\d+|iso2022_(?:jp|kr)\w*|koi8-[rut]|mac-\w+|big5\w*|gb\w+|euc_\w+"
    r"|shift_jis\w*|johab|hz|kz1048|ptcp154"
)


class UndecodableText(CurateError):
    """Bytes that no encoding turns into text: more than 1 % of it would be replacement or control characters."""


def decode(payload: bytes, *, declared: str | None, html: bool) -> tuple[str, str]:
    """Text without a byte-order mark, and Python's name of the encoding.

    Args:
        declared: the charset parameter of the HTTP header, as it stands there.
        html: also ask `<meta>` and `<?xml?>`.

    Valid UTF-8 with at least one character beyond ASCII is UTF-8 whatever is declared: other encodings are hardly
    ever valid UTF-8, and servers that declare iso-8859-1 for everything are common.

    Raises:
        UndecodableText
    """
    for mark, encoding in BOMS:
        if payload.startswith(mark):
            return _checked(payload[len(mark) :].decode(encoding, "replace"), encoding)
    if not _is_escaped(payload) and (text := _strictly(payload, "utf-8")) is not None:
        return text, "utf-8"
    labels = [declared, *(_labels_inside(payload) if html else ())]
    encodings = [found for label in labels if label and (found := find_encoding(label))]
    for attempt, name in _attempts(payload, list(dict.fromkeys(encodings))):
        if attempt is not None and _share_replaced(attempt) <= MAX_REPLACED:
            return attempt.removeprefix("\ufeff"), name
    raise UndecodableText(f"{len(payload)} bytes are text in no encoding (declared: {declared or 'none'})")


@functools.cache
def find_encoding(label: str) -> str | None:
    """Python's codec for a label as browsers read it; None for what is no character set.

    resiliparse has the table of the web; encodings that browsers refuse for their safety (HZ, ISO-2022-KR), those that
    they forgot (UTF-32), and other names for all of them are Python's.
    """
    label = label.strip(" \t\r\n\f\"'").lower()
    try:
        name = codecs.lookup(map_encoding_to_html5(label, False) or LABELS.get(label, label)).name
    except (LookupError, ValueError):
        return None
    name = AS_BROWSERS_DO.get(name, name.removesuffix("-sig"))
    return name if CHARACTER_SETS.fullmatch(name) else None


def _attempts(payload: bytes, encodings: list[str]) -> Iterator[tuple[str | None, str]]:
    """What the bytes may say, likeliest first."""
    for encoding in encodings:
        yield _strictly(payload, encoding), encoding
    for encoding in _wide(payload):
        yield _strictly(payload, encoding), encoding
    if _is_damaged_utf8(payload):
        yield payload.decode("utf-8", "replace"), "utf-8"
    for encoding in encodings:
        if encoding != "utf-8":
            yield payload.decode(encoding, "replace"), encoding
    guess = find_encoding(detect_encoding(payload, html5_compatible=False) or "")
    if guess:
        yield payload.decode(guess, "replace"), guess
    last = "utf-8" if payload.isascii() else "cp1252"
    yield payload.decode(last, "replace"), last


def _strictly(payload: bytes, encoding: str) -> str | None:
    try:
        return payload.decode(encoding)
    except (UnicodeDecodeError, ValueError):
        return None


def _is_escaped(payload: bytes) -> bool:
    """Bytes below 128 that need not mean ASCII: NULs of UTF-16 and UTF-32, or shifts of a seven-bit encoding."""
    return b"\0" in payload or (payload.isascii() and SEVEN_BIT.search(payload) is not None)


def _labels_inside(payload: bytes) -> Iterator[str]:
    begin = COMMENT.sub(b"", payload[:PRESCAN])
    for pattern in (META, XML):
        found = pattern.match(begin) if pattern is XML else pattern.search(begin)
        # The bytes were readable as ASCII up to here, so a label of UTF-16 is wrong (HTML, "prescan").
        if found and not found[1].lower().startswith(b"utf-16"):
            yield found[1].decode("latin-1")


def _wide(payload: bytes) -> list[str]:
    """UTF-16 and UTF-32 without a mark, told by where the NULs of spaces, digits and line ends stand."""
    begin = payload[:PRESCAN]
    nuls = [begin[lane::4].count(0) * 4 / max(len(begin), 1) > 0.05 for lane in range(4)]
    if not any(nuls):
        return []
    return {
        (False, True, True, True): ["utf-32-le"],
        (True, True, True, False): ["utf-32-be"],
    }.get((nuls[0], nuls[1], nuls[2], nuls[3]), ["utf-16-le" if nuls[1] or nuls[3] else "utf-16-be"])


def _is_damaged_utf8(payload: bytes) -> bool:
    """UTF-8 cut in mid-character, or with a few foreign bytes: ten whole sequences for each broken one."""
    text = payload.decode("utf-8", "replace")
    whole = len(text) - sum(map(text.count, map(chr, range(128)))) - text.count("\ufffd")
    return whole > 10 * text.count("\ufffd")


def _checked(text: str, encoding: str) -> tuple[str, str]:
    if _share_replaced(text) > MAX_REPLACED:
        raise UndecodableText(f"begins with the mark of {encoding}, but is none")
    return text, encoding


def _share_replaced(text: str) -> float:
    return len(CONTROL.findall(text)) / max(len(text), 1)
