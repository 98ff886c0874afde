"""A record that an index of a crawl tells of: where it lies, and whether it is in a sample.

"crawl-data/…/….warc.gz" @ 80610731 ─▶ SHA-256 ─▶ below the share?
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

WARC_PART = "/warc/"
"""What the path of a file holds whose responses are pages; others have robots.txt files and answers that are no 200."""
HASHES = 1 << 64


class Capture(NamedTuple):
    """One member of gzip: bytes [offset, offset + length) of a file, whose path begins at the server's root."""

    file: str
    offset: int
    length: int

    def is_in(self, share: float) -> bool:
        """Whether a sample of this share of all records has it."""
        return share >= 1 or hash_of(f"{self.file}@{self.offset}") < share * HASHES


def hash_of(name: str) -> int:
    """The first 64 bits of SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
