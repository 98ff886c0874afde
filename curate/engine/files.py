"""Input files wherever they lie: found by glob, opened for reading and seeking, all through `pyarrow.fs`.

"crawl/*.warc.gz"  "s3://bucket/crawl/*.gz"  "@paths.txt"  ─▶  InputFile(name, uri, size, version), sorted
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pyarrow import fs as arrow_fs

from curate.engine.plan import InputFile
from curate.errors import UsageError

GLOB = re.compile(r"[*?\[]")


def open_input(uri: str) -> Any:
    """A seekable binary file (`pyarrow.NativeFile`) over a local path or an object store's URI.

    Raises:
        UsageError: the scheme is not one that this installation can read.
    """
    filesystem, path = _resolve(uri)
    return filesystem.open_input_file(path)


def find_inputs(patterns: Sequence[str], *, base: Path) -> tuple[InputFile, ...]:
    """All files that the patterns name, each once, sorted by name; `base` is the recipe's folder.

    A pattern is a path, a glob (`**` crosses folders), a folder (all files under it), or
    "@file" with one pattern a line.

    Raises:
        UsageError: a pattern matches nothing; the sentence says which.
    """
    found: dict[str, arrow_fs.FileInfo] = {}
    for pattern in _expand_lists(patterns, base):
        matches = list(_match(pattern, base))
        if not matches:
            raise UsageError(f'no file matches "{pattern}" (looked from {base})')
        found.update(matches)
    root = _common_folder(list(found))
    inputs = [_input_file(uri, info, root) for uri, info in found.items()]
    return tuple(sorted(inputs))


def would_match(patterns: Sequence[str], path: Path, *, base: Path) -> bool:
    """Whether patterns name a local file by their folders or globs, or would if it was there; through links, too."""
    spelled, real = os.path.abspath(base / path), os.path.realpath(base / path)
    for pattern in _expand_lists(patterns, base):
        if "://" in pattern:
            continue
        place = os.path.abspath(base / os.path.expanduser(pattern))
        if GLOB.search(place):
            if any(re.fullmatch(_glob_to_regex(place), name) for name in (spelled, real)):
                return True
        elif os.path.isdir(place) and Path(real).is_relative_to(os.path.realpath(place)):
            return True
    return False


def read_version(uri: str) -> tuple[int, str]:
    """Size in bytes and version of one input as it is now."""
    filesystem, path = _resolve(uri)
    info = filesystem.get_file_info(path)
    return int(info.size or 0), _version(info)


def _expand_lists(patterns: Iterable[str], base: Path) -> Iterable[str]:
    for pattern in patterns:
        if not pattern.startswith("@"):
            yield pattern
            continue
        listing = base / pattern[1:]
        if not listing.is_file():
            raise UsageError(f'the list of paths "{pattern}" is not a file (looked for {listing})')
        lines = listing.read_text(encoding="utf-8").splitlines()
        yield from (line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _match(pattern: str, base: Path) -> Iterable[tuple[str, arrow_fs.FileInfo]]:
    uri = pattern if "://" in pattern else str(base / os.path.expanduser(pattern))
    filesystem, path = _resolve(uri)
    prefix = uri[: len(uri) - len(path)] if "://" in uri else ""
    if not GLOB.search(path):
        yield from _files_under(filesystem, path, prefix)
        return
    folder = path[: GLOB.search(path).start()].rpartition("/")[0]  # type: ignore[union-attr]
    matcher = re.compile(_glob_to_regex(path))
    for uri_found, info in _files_under(filesystem, folder, prefix):
        if matcher.fullmatch(info.path):
            yield uri_found, info


def _files_under(filesystem: Any, path: str, prefix: str) -> Iterable[tuple[str, arrow_fs.FileInfo]]:
    info = filesystem.get_file_info(path)
    if info.type == arrow_fs.FileType.File:
        yield prefix + info.path, info
    elif info.type == arrow_fs.FileType.Directory:
        selector = arrow_fs.FileSelector(path, recursive=True)
        for child in filesystem.get_file_info(selector):
            if child.type == arrow_fs.FileType.File:
                yield prefix + child.path, child


def _glob_to_regex(pattern: str) -> str:
    """`**/` crosses folders, `*` and `?` stay inside one."""
    parts = re.split(r"(\*\*/?|\*|\?|\[[^\]]*\])", pattern)
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(_glob_part(part, special) for part in parts)


def _glob_part(part: str, special: dict[str, str]) -> str:
    if part.startswith("["):
        return fnmatch.translate(part).removeprefix("(?s:").rpartition(")")[0]
    return special.get(part, re.escape(part))


def _resolve(uri: str) -> tuple[Any, str]:
    if "://" not in uri:
        return arrow_fs.LocalFileSystem(), os.path.abspath(uri)
    try:
        filesystem, path = arrow_fs.FileSystem.from_uri(uri)
    except Exception as error:
        raise UsageError(f'cannot read "{uri}": {error}') from error
    return filesystem, path


def _common_folder(uris: list[str]) -> str:
    """What all names begin with, cut behind a slash; URIs are no paths, so `commonpath` would not do."""
    first, last = min(uris), max(uris)
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: first.rfind("/", 0, same) + 1]


def _input_file(uri: str, info: arrow_fs.FileInfo, root: str) -> InputFile:
    return InputFile(name=uri.removeprefix(root), uri=uri, size=int(info.size), version=_version(info))


def _version(info: arrow_fs.FileInfo) -> str:
    return str(info.mtime_ns) if info.mtime_ns is not None else ""
