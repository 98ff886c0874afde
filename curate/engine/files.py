"""Input files wherever they lie: found by glob, opened for reading and seeking, from a disk, an object store, a server.

"crawl/*.warc.gz"  "s3://bucket/crawl/*.gz"  "https://…"  "@paths.txt"  ─▶  InputFile(name, uri, size, version), sorted

A name is a path below the fixed part of its own pattern (`patterns`), so that ids do not depend on what else matched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.batch import Pulse, no_pulse
from curate.engine.folders import local_files, local_version
from curate.engine.object_address import is_stored, take_address
from curate.engine.object_files import found_object, objects_below
from curate.engine.patterns import (
    glob_to_regex,
    has_wildcard,
    marked_at_common_folder,
    name_below,
    shown,
    split_at_mark,
    take_apart,
)
from curate.engine.plan import InputFile
from curate.engine.web import is_web, look
from curate.engine.web_file import WebFile, is_on_server, look_at, open_web
from curate.errors import UsageError
from curate.recipe import COMMON_CRAWL

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo


def open_input(uri: str) -> Any:
    """A seekable binary file (`pyarrow.NativeFile`, `WebFile`) over a local path, an object store's URI or an address.

    Raises:
        UsageError: the scheme is not one that this installation can read, or a server has no such file.
        MachineError: a server does not answer.
    """
    if is_on_server(uri):
        return open_web(uri)
    if "://" not in uri:
        import pyarrow  # not by who only looks for files

        return pyarrow.OSFile(os.path.abspath(uri))
    filesystem, path = _resolve(uri)
    return filesystem.open_input_file(path)


Opener = Callable[[InputFile], Any]
"""What a reader opens its inputs with: `open_file`, or one that sees what it reads."""


def open_file(file: InputFile, pulse: Pulse = no_pulse, *, until: int | None = None) -> Any:
    """As `open_input` does; a file on a server stays the one that was planned, pulses while it is waited for, and
    brings little from behind `until` in advance."""
    if is_on_server(file.uri):
        return WebFile(file.uri, file.size, file.version, pulse, until=until)
    return open_input(file.uri)


def find_inputs(patterns: Sequence[str], *, base: Path) -> tuple[InputFile, ...]:
    """All files that the patterns name, each once, sorted by name; `base` is the recipe's folder.

    A pattern is a path, a glob (`**` crosses folders), a folder (all files under it), or
    "@file" with one pattern a line. Of several patterns that match a file the first one names it.

    Raises:
        UsageError: a pattern matches nothing, or two files would have one name; the sentence says which.
    """
    found: dict[str, InputFile] = {}
    for pattern in _expand_lists(patterns, base):
        matches = list(_match(pattern, base))
        if not matches:
            raise UsageError(f'no file matches "{shown(pattern)}" (looked from {base})')
        for file in matches:
            found.setdefault(file.uri, file)
    if not found:
        raise UsageError("no path is given")
    return with_own_names(found.values())


def with_own_names(files: Iterable[InputFile]) -> tuple[InputFile, ...]:
    """The files, sorted. Ids are made of names; telling two of one name apart by anything else would depend on both
    being there.

    Raises:
        UsageError: two have one name.
    """
    inputs = tuple(sorted(files))
    for file, other in pairwise(inputs):
        if file.name == other.name:
            raise UsageError(
                f'{shown(file.uri)} and {shown(other.uri)} would both be called "{shown(file.name)}"; "/./" in a path '
                f'says where names begin: "{shown(marked_at_common_folder(file.uri, other.uri))}", and so for the other'
            )
    return inputs


def would_match(patterns: Sequence[str], path: Path, *, base: Path) -> bool:
    """Whether patterns name a local file by their folders or globs, or would if it was there; through links, too."""
    spelled, real = os.path.abspath(base / path), os.path.realpath(base / path)
    for pattern in _expand_lists(patterns, base):
        if "://" in pattern or pattern.startswith(COMMON_CRAWL):
            continue
        place = os.path.abspath(base / os.path.expanduser(pattern))
        if has_wildcard(place):
            if any(re.fullmatch(glob_to_regex(place), name) for name in (spelled, real)):
                return True
        elif os.path.isdir(place) and Path(real).is_relative_to(os.path.realpath(place)):
            return True
    return False


def read_version(uri: str) -> tuple[int, str]:
    """Size in bytes and version of one input as it is now."""
    if is_on_server(uri):
        return look_at(uri)
    if "://" not in uri:
        return local_version(os.path.abspath(uri))
    filesystem, path = _resolve(uri)
    info = filesystem.get_file_info(path)
    return int(info.size or 0), _version(info)


def _expand_lists(patterns: Iterable[str], base: Path) -> Iterable[str]:
    for pattern in patterns:
        if not pattern.startswith("@"):
            yield pattern
            continue
        yield from _listed(pattern, base / pattern[1:])


def _listed(pattern: str, listing: Path) -> list[str]:
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        why = (error.strerror or "") if isinstance(error, OSError) else str(error)
        told = f'the list of paths "{shown(pattern)}" can\'t be read: {why.lower()} (looked for {shown(str(listing))})'
        raise UsageError(told) from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _match(pattern: str, base: Path) -> Iterable[InputFile]:
    if "\0" in pattern:
        raise UsageError("a path can't hold the character NUL")
    if "://" not in pattern:
        return _match_local(pattern, base)
    if is_web(pattern):
        return [_match_web(pattern)]
    if is_stored(pattern):
        return _match_stored(pattern)
    try:
        return list(_match_elsewhere(pattern))
    except OSError as error:
        raise UsageError(f'cannot look for "{shown(pattern)}": {str(error).splitlines()[0]}') from None


def _match_local(pattern: str, base: Path) -> Iterator[InputFile]:
    is_path = _is_there(os.path.abspath(base / os.path.expanduser(pattern)))  # a name may hold a bracket
    parts = split_at_mark(pattern, is_path=is_path)
    path, top = (part and os.path.abspath(base / os.path.expanduser(part)) for part in parts)
    assert path is not None
    if is_path or not has_wildcard(path):
        folder, files = path, local_files(path, None)
    else:
        folder, depth, matcher = take_apart(path)
        files = (found for found in local_files(folder, depth) if matcher.fullmatch(found.path))
    for found in files:
        yield InputFile(name_below(found.path, folder, top), found.path, found.size, found.version)


def _is_there(path: str) -> bool:
    try:
        return os.path.exists(path)
    except (OSError, ValueError):
        return False


def _match_web(pattern: str) -> InputFile:
    """A "?" begins a query there."""
    if "*" in pattern:
        told = 'a web server lists no files; give each by its address, many in a list, "@addresses.txt"'
        raise UsageError(f'cannot read "{shown(pattern)}": {told}')
    uri, top = split_at_mark(pattern, is_path=True)
    path = uri.partition("?")[0]
    return InputFile(name_below(path, path, top), uri, *look(uri))


def _match_stored(pattern: str) -> Iterator[InputFile]:
    uri, top = split_at_mark(pattern)
    address = take_address(uri)
    options = f"?{address.query}" if address.query else ""
    path = f"{address.bucket}/{address.key}".rstrip("/")
    if not has_wildcard(path):
        folder, own = path, found_object(address) if address.key else None
        found = [own] if own is not None else objects_below(address)
    else:
        folder, _, matcher = take_apart(path)
        below = objects_below(address._replace(key=folder.partition("/")[2]))
        found = [each for each in below if matcher.fullmatch(f"{address.bucket}/{each.key}")]
    top_of_bucket = f"{address.scheme}://{address.bucket}/"
    for each in found:
        name = name_below(top_of_bucket + each.key, f"{address.scheme}://{folder}", top)
        yield InputFile(name, f"{top_of_bucket}{each.key}{options}", each.size, each.version)


def _match_elsewhere(pattern: str) -> Iterator[InputFile]:
    """Of what `pyarrow.fs` reads besides."""
    uri, top = split_at_mark(pattern)
    filesystem, path = _resolve(uri)
    scheme = uri[: uri.index("://") + 3]
    if not has_wildcard(path):
        folder, files = path, _files_of(filesystem, path)
    else:
        folder, _, matcher = take_apart(path)
        files = (info for info in _files_of(filesystem, folder) if matcher.fullmatch(info.path))
    for info in files:
        name = name_below(scheme + info.path, scheme + folder, top)
        yield InputFile(name, scheme + info.path, int(info.size), _version(info))


def _files_of(filesystem: Any, path: str) -> Iterator[FileInfo]:
    from pyarrow.fs import FileSelector

    info = filesystem.get_file_info(path)
    if info.is_file:
        yield info
    elif info.type.name == "Directory":
        yield from (child for child in filesystem.get_file_info(FileSelector(path, recursive=True)) if child.is_file)


def _resolve(uri: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem  # with all of its file systems and the network's libraries: a tenth of a start

    try:
        filesystem, path = FileSystem.from_uri(uri)
    except Exception as error:
        raise UsageError(f'cannot read "{shown(uri)}": {str(error).splitlines()[0]}') from error
    return filesystem, path


def _version(info: FileInfo) -> str:
    return str(info.mtime_ns) if info.mtime_ns is not None else ""
