"""A model's file as bytes: which kind it is, a line of JSON, tables of numbers, and the digest of all before.

magic | JSON line | tables | SHA-256          ─▶ read_model ─▶ what `make` has of header and tables
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

DIGEST = 32
MAX_HEADER = 1 << 20
Made = TypeVar("Made")


class BadModel(ValueError):
    """The bytes are no model of this kind; the sentence says what they have instead."""


def model_bytes(magic: bytes, header: Mapping[str, Any], tables: bytes) -> bytes:
    """The file; the same header and tables give the same bytes."""
    line = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    body = magic + line + tables
    return body + hashlib.sha256(body).digest()


def read_model(data: bytes, magic: bytes, make: Callable[[Mapping[str, Any], bytes], Made]) -> Made:
    """What `make` has of the header and tables of a whole file. A digest says that it is whole, not that its maker knew
    what kernels can bear: that is for `make` to look at.

    Raises:
        BadModel: another format or version, a damaged or truncated file, or one that `make` raises this of.
    """
    if not data.startswith(magic):
        raise BadModel(f"it begins with {data[: len(magic)]!r}; {magic!r} would be right")
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise BadModel("it ends too early, or is damaged: its SHA-256 is not the one at its end")
    end = body.find(b"\n", len(magic), len(magic) + MAX_HEADER) + 1
    try:
        return make(json.loads(body[len(magic) : end]), body[end:])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, BadModel):
            raise
        raise BadModel(f"its header is not one that curate writes ({error!r})") from error
