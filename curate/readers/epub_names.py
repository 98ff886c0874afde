"""A file of an EPUB found by the name that the book uses for it, however the zip spells that name.

    "m%C3%A8re.html" ─▶ as it stands ─▶ unquoted ─▶ composed, in the code page of the maker, in other capitals ─▶ entry

Zip names without the UTF-8 flag are in the code page of the machine that made the archive, which nothing tells; macOS
writes them decomposed (NFD), while books write NFC.
"""

from __future__ import annotations

import contextlib
import functools
import posixpath
import unicodedata
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

UTF8_FLAG = 0x800
CODE_PAGES = (
    *("utf-8", "cp437", "cp850", "cp852", "cp866", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255"),
    *("cp1256", "cp1257", "cp1258", "cp874", "cp932", "gb18030", "cp949", "big5hkscs", "euc_jp", "mac_roman", "koi8_r"),
)


class Names:
    """The names in an archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def find(self, path: str) -> zipfile.ZipInfo | None:
        """The entry that a path of the book, with or without percent signs, names; None where nothing fits."""
        exact = self._archive.NameToInfo
        for name in (unquote(path), path, unquote(path, encoding="cp437")):  # zipfile reads unknown names as cp437
            for form in (name, _plain(name)):
                if form in exact:
                    return exact[form]
        return self._folded.get(_fold(_plain(unquote(path))))

    @functools.cached_property
    def _folded(self) -> dict[str, zipfile.ZipInfo]:
        """All that the names may mean; a likelier meaning comes before the others."""
        readings = [(entry, dict(_readings(entry))) for entry in self._archive.infolist()]
        found: dict[str, zipfile.ZipInfo] = {}
        for page in CODE_PAGES:
            for entry, names in readings:
                if page in names:
                    found.setdefault(_fold(names[page]), entry)
        return found


def _plain(path: str) -> str:
    return posixpath.normpath(path).lstrip("/")


def _readings(entry: zipfile.ZipInfo) -> Iterator[tuple[str, str]]:
    """Code page and name."""
    if entry.flag_bits & UTF8_FLAG or entry.filename.isascii():
        yield "utf-8", entry.filename
        return
    raw = entry.filename.encode("cp437")
    for page in CODE_PAGES:
        with contextlib.suppress(UnicodeDecodeError):
            yield page, raw.decode(page)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()
