"""Ranges of a crawl's lists and indexes, each fetched once and then kept in the user's cache (engine/kept.py).

address ─▶ InputFile      file, [start, end) ─▶ kept? ─▶ bytes
                                                 └ no ─▶ one request ─▶ kept
"""

from __future__ import annotations

from typing import Any

from curate.engine import kept
from curate.engine.files import read_version
from curate.engine.plan import InputFile
from curate.engine.web_file import is_on_server
from curate.errors import MachineError, UsageError


def present(uri: str) -> InputFile:
    """A file as it is now.

    Raises:
        UsageError: it is not there.
    """
    size, version = read_version(uri)
    if not size and not version:
        raise UsageError(f"there is no {uri}")
    return InputFile(uri, uri, size, version)


def read_range(file: Any, planned: InputFile, start: int, end: int) -> bytes:
    """The bytes [start, end) of an open file.

    Raises:
        MachineError: they could not be read.
    """
    uri = planned.uri
    key = f"{uri} {planned.version} {start}-{end}"
    data = kept.take(key) if is_on_server(uri) else None
    if data is None:
        try:
            file.seek(start)
            data = bytes(file.read(end - start))
        except OSError as error:
            raise MachineError(f"{uri} can't be read at byte {start:,}: {error}") from error
        if len(data) != end - start:
            raise MachineError(f"{uri} has {len(data):,} bytes at {start:,} where its index tells of {end - start:,}")
        if is_on_server(uri):
            kept.keep(key, data)
    return data
