"""A pattern of paths taken apart: the folder in which to look, what matches there, and what each match is called.

"crawl/cc*/*.warc.gz"  ─▶  folder crawl, two levels, a regular expression
    crawl/cc1/a.warc.gz  ─▶  "cc1/a.warc.gz": its path below the folder, whatever else matches
"crawl/./cc1/*.gz"     ─▶  crawl/cc1/*.gz, and names begin behind "/./"
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any, NamedTuple

import re2

from curate.errors import UsageError

WILDCARD = re.compile(r"[*?\[]")
NOTHING = r"[^\s\S]"
"""What "[z-a]" matches."""
MARK = "/./"
"""Where names begin, if further up than at the first wildcard; as in rsync."""
MAX_SHOWN = 200
"""Characters of a path that an error shows."""


class Glob(NamedTuple):
    """The folder before the first wildcard, how many folders below it matches may lie, and what matches."""

    folder: str
    depth: int | None
    matcher: Any


def has_wildcard(path: str) -> bool:
    return WILDCARD.search(path) is not None


def take_apart(path: str) -> Glob:
    """A path with a wildcard.

    Raises:
        UsageError: it is no pattern.
    """
    before, rest = _at_first_wildcard(path)
    depth = None if "**" in rest else rest.count("/")  # each slash behind the first wildcard is a folder further down
    try:
        matcher = re2.compile("(?s)" + glob_to_regex(path), _quiet())  # type: ignore[no-untyped-call]
    except re2.error as error:
        raise UsageError(f'"{shown(path)}" is no pattern: {error}') from None
    return Glob(before.rpartition("/")[0] or "/", depth, matcher)


def glob_to_regex(pattern: str) -> str:
    """`**/` crosses folders, `*` and `?` stay inside one."""
    parts = re.split(r"(\*\*/?|\*|\?|\[[^\]]+\])", pattern)
    # "**/" may stand for no folder at all, so its slash is a part of what may be missing.
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(_glob_part(part, special) for part in parts)


def split_at_mark(pattern: str, *, is_path: bool = False) -> tuple[str, str | None]:
    """The pattern without its mark, and the folder before it, with a slash; a mark behind a wildcard says nothing. A
    path has no wildcards: its names may hold brackets."""
    before, mark, _ = (pattern if is_path else _at_first_wildcard(pattern)[0]).rpartition(MARK)
    if not mark:
        return pattern, None
    return f"{before}/{pattern[len(before) + len(MARK) :]}", f"{before}/"


def name_below(path: str, folder: str, marked: str | None) -> str:
    """What a match is called: its path below the mark, else below the pattern's own folder; a file that was named
    itself (`folder` is its path) lies in its own. No other match has a say in it."""
    for top in filter(None, (marked, folder)):
        above = top if top.endswith("/") else f"{top}/"
        if path.startswith(above):
            return path.removeprefix(above)
    return path.rpartition("/")[2]


def marked_at_common_folder(path: str, other: str) -> str:
    """The path with a mark that gives the two different names."""
    differs = next(at for at, (a, b) in enumerate(zip(path + "/", other + "/", strict=False)) if a != b)
    above = path[:differs].rpartition("/")[0]
    return above + MARK + path[len(above) + 1 :]


def shown(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text):,} characters)"


def _at_first_wildcard(path: str) -> tuple[str, str]:
    first = WILDCARD.search(path)
    end = first.start() if first else len(path)
    return path[:end], path[end:]


def _quiet() -> Any:
    options = re2.Options()
    options.log_errors = False  # they are raised, too
    return options


def _glob_part(part: str, special: dict[str, str]) -> str:
    if part.startswith("["):
        kind = fnmatch.translate(part).removeprefix("(?s:").rpartition(")")[0]
        return kind if kind.startswith("[") else NOTHING
    return special.get(part, re.escape(part))
