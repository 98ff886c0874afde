"""The license of a source file by text: its own SPDX line, else the nearest license file above it.

    SPDX-License-Identifier: MIT  ─────────────────────────────▶ "MIT"
    src/a/b.py ─▶ src/a/  src/  . ─▶ LICENSE, COPYING … ─▶ known phrases ─▶ "BSD-3-Clause" | None

The nearest license file governs even where its text is not recognized: then the license is unknown, not the one of
a folder further up. Identifiers are SPDX's (https://spdx.org/licenses/); the phrases are from the licenses' texts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from curate.engine.plan import InputFile

MAX_LICENSE_BYTES = 1 << 20
HEAD_BYTES = 4096
SPDX = re.compile(rb"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+()-]+(?:[ \t]+[A-Za-z0-9.+()-]+)*)")
DEPRECATED = re.compile(r"\b([AL]?GPL-\d\.\d)(?!-(?:only|or-later)\b|\d)(\+?)")  # GPL-2.0 and GPL-2.0+
LICENSE_NAME = re.compile(
    r"(?:(?:un)?licen[cs]e|copying|copyright)(?:[-._][\w.+-]*)?|[\w.+]+-licen[cs]e(?:\.(?:txt|md|rst))?", re.IGNORECASE
)
CHOICE_NAME = re.compile(r"licen[cs]e[-_.](?!(?:txt|md|rst|html)$)\w", re.IGNORECASE)
NOT_WORDS = re.compile(r"[^a-z0-9.+/-]+")

# (identifier, the phrase that opens it, phrases that must stand somewhere too). The license whose opening stands first
# in a text is its main one; among equal places the first of this table.
PHRASES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("AGPL-3.0-only", "gnu affero general public license version 3", ()),
    ("LGPL-3.0-only", "gnu lesser general public license version 3", ()),
    ("LGPL-2.1-only", "gnu lesser general public license version 2.1", ()),
    ("LGPL-2.0-only", "gnu library general public license version 2", ()),
    ("GPL-3.0-only", "gnu general public license version 3", ()),
    ("GPL-2.0-only", "gnu general public license version 2", ()),
    ("Apache-2.0", "apache license version 2.0", ()),
    ("MPL-2.0", "mozilla public license version 2.0", ()),
    ("EPL-2.0", "eclipse public license - v 2.0", ()),
    ("BSL-1.0", "boost software license - version 1.0", ()),
    ("CC0-1.0", "cc0 1.0 universal", ()),
    ("Unlicense", "this is free and unencumbered software released into the public domain", ()),
    ("PSF-2.0", "python software foundation license version 2", ()),
    ("Artistic-2.0", "the artistic license 2.0", ()),
    ("Artistic-1.0", "the artistic license", ("preamble", "standard version")),
    (
        "BSD-4-Clause",
        "redistribution and use in source and binary forms",
        ("all advertising materials mentioning features or use of this software",),
    ),
    ("BSD-3-Clause", "redistribution and use in source and binary forms", ("endorse or promote products",)),
    ("BSD-2-Clause", "redistribution and use in source and binary forms", ("provided that the following",)),
    (
        "MIT",
        "permission is hereby granted free of charge to any person obtaining a copy",
        ("above copyright notice and this permission notice",),
    ),
    ("MIT-0", "permission is hereby granted free of charge to any person obtaining a copy", ("without restriction",)),
    ("ISC", "permission to use copy modify and", ("with or without fee is hereby granted provided that the above",)),
    ("0BSD", "permission to use copy modify and", ("with or without fee is hereby granted",)),
    (
        "Zlib",
        "this software is provided as-is without any express",
        ("altered source versions must be plainly marked",),
    ),
)


def license_in(head: bytes) -> str | None:
    """The license expression of a file's own SPDX line, looked for in its first 4 KiB; old GPL names as today's."""
    match = SPDX.search(head[:HEAD_BYTES])
    return DEPRECATED.sub(_current, match.group(1).decode()) if match else None


def _current(old: re.Match[str]) -> str:
    return old.group(1) + ("-or-later" if old.group(2) else "-only")


def nearest_license(path: str, licenses: Mapping[str, str | None]) -> str | None:
    """The license of the deepest folder above `path` that has one; folders are "a/b", the top is ""."""
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        if folder in licenses:
            return licenses[folder]
    return None


def folder_licenses(files: Iterable[tuple[str, bytes]]) -> dict[str, str | None]:
    """Folder -> license, for the folders that hold license files, given as (path, content)."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    for path, content in files:
        folder, _, name = path.rpartition("/")
        found.setdefault(folder, []).append((name, content))
    return {folder: combine(files) for folder, files in found.items()}


def local_license(file: InputFile) -> str | None:
    """The license of a file on a local disk, looked up from its folder to the one in which its name begins.

    None for object stores, where each look would be a request.
    """
    if "://" in file.uri:
        return None
    root = Path(file.uri.removesuffix(file.name))
    return _folder_license(Path(file.uri).parent, root)


def combine(files: Iterable[tuple[str, bytes]]) -> str | None:
    """One expression for the license files of one folder, given as (name, content).

    LICENSE-MIT beside LICENSE-APACHE is a choice ("Apache-2.0 OR MIT"); the LGPL beside the GPL that it refers to is
    the LGPL; other files apply together ("AND").
    """
    named = [(name, recognize(content.decode("utf-8", "replace"))) for name, content in files]
    known = sorted({license for _, license in named if license})
    if any(license.startswith("LGPL") for license in known):
        known = [license for license in known if not license.startswith("GPL")]
    is_choice = all(CHOICE_NAME.match(name) for name, license in named if license)
    return (" OR " if is_choice else " AND ").join(known) or None


def recognize(text: str) -> str | None:
    """The SPDX identifier of a license's text: its SPDX line, else the known opening that stands first in it."""
    if own := license_in(text.encode()):
        return own
    words = " " + NOT_WORDS.sub(" ", text.lower()) + " "
    found = [
        (words.find(opening), order, license)
        for order, (license, opening, others) in enumerate(PHRASES)
        if opening in words and all(phrase in words for phrase in others)
    ]
    return min(found)[2] if found else None


def is_license_name(path: str) -> bool:
    return LICENSE_NAME.fullmatch(path.rpartition("/")[2]) is not None


@functools.lru_cache(maxsize=4096)
def _folder_license(folder: Path, root: Path) -> str | None:
    files = sorted(path for path in folder.iterdir() if is_license_name(path.name) and path.is_file())
    if files:
        return combine((path.name, path.read_bytes()[:MAX_LICENSE_BYTES]) for path in files)
    return None if folder == root or root not in folder.parents else _folder_license(folder.parent, root)
