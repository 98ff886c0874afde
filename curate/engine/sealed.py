"""JSON files that know whether they are as they were written: the account of a run must not change without a word.

{"a": 1} ─▶ {"a": 1, "seal": sha256 of the rest} ─▶ sorted keys, fixed layout ─▶ written whole or not at all
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.engine.whole import json_bytes
from curate.errors import CheckFailed

SEAL = "seal"


def sealed_bytes(value: Mapping[str, Any]) -> bytes:
    """The whole file: equal values are equal bytes, so a single other bit is seen, wherever it lies."""
    return json_bytes({**value, SEAL: hashlib.sha256(json_bytes(value)).hexdigest()})


def read_sealed(path: Path) -> dict[str, Any]:
    """The value that was written.

    Raises:
        CheckFailed: the file is damaged.
    """
    return opened(path.read_bytes(), path)


def opened(content: bytes, name: object) -> dict[str, Any]:
    """The value of a file with this content; `name` is for the error.

    Raises:
        CheckFailed: it is damaged.
    """
    try:
        value = json.loads(content)
        del value[SEAL]
        # Written anew and compared: so a change of the layout, or a key that stands twice, is damage as well.
        is_whole = sealed_bytes(value) == content
    except (ValueError, KeyError, TypeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise CheckFailed(f"{name} is damaged: it is not as it was written")
    table: dict[str, Any] = value
    return table
