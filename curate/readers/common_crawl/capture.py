"""A record that an index of a crawl tells of: where it lies."""

from __future__ import annotations

from typing import NamedTuple

WARC_PART = "/warc/"
"""What the path of a file holds whose responses are pages; others have robots.txt files and answers that are no 200."""


class Capture(NamedTuple):
    """One member of gzip: bytes [offset, offset + length) of a file, whose path begins at the server's root."""

    file: str
    offset: int
    length: int
