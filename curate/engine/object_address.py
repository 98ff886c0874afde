"""Addresses of objects, "s3://bucket/crawl/a.gz": taken apart, and told from what lies on this machine.

"s3://bucket/runs/mini" ─▶ Address("s3", "bucket", "runs/mini")       "s3://key:secret@bucket/…" ─▶ UsageError
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from curate.errors import UsageError

SCHEMES = ("s3", "gs")
STORED = tuple(f"{scheme}://" for scheme in SCHEMES)
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
OPTIONS = re.compile(r"\?((?:region|endpoint_override|scheme)=[^?]*)\Z")
"""Any other "?" is a character of a key, or stands for one in a pattern."""
AS_A_PATH = re.compile(rf"({'|'.join(SCHEMES)}):/+(.*)", re.DOTALL)
"""`pathlib` makes one slash of two."""


class Address(NamedTuple):
    scheme: str
    bucket: str
    key: str
    """Without a slash at its begin or end."""
    query: str = ""
    """Options that stood behind a "?", as "region=eu-west-1"."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/")


def is_stored(uri: str) -> bool:
    return uri.startswith(STORED)


def stored_place(place: str | Path) -> str | None:
    """The address that a user's word for a place means, also where it was made a path of; None where it is a folder."""
    found = AS_A_PATH.fullmatch(str(place))
    return None if found is None else f"{found[1]}://{found[2]}"


def take_address(uri: str) -> Address:
    """
    Raises:
        UsageError: it names no bucket, or holds a password, which would go into recipes, plans and logs.
    """
    scheme, _, rest = uri.partition("://")
    options = OPTIONS.search(rest)
    rest, query = (rest[: options.start()], options[1]) if options else (rest, "")
    bucket, _, key = rest.partition("/")
    if "@" in bucket:
        told = "credentials are taken from the environment alone (docs/how-to/object-stores.md), never from an address"
        raise UsageError(f"{scheme}://…@{bucket.rpartition('@')[2]}: {told}")
    if not BUCKET.fullmatch(bucket):
        raise UsageError(f'cannot read "{uri[:200]}": "{bucket[:80]}" is no bucket\'s name')
    return Address(scheme, bucket, key.strip("/"), query)
