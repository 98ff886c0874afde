"""A TOML file as plain values, or one sentence about why it is none.

bytes ─▶ UTF-8 ─▶ tomllib ─▶ tables, lists, values
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

PLACE = re.compile(r" \(at line (\d+), column \d+\)$")
MAX_BYTES = 8 << 20
MAX_DEPTH = 50


class NotToml(Exception):
    """What is wrong, and in which line where that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def parse_toml(content: bytes) -> dict[str, Any]:
    """
    Raises:
        NotToml: it is not UTF-8, breaks TOML's grammar, is too large or too deep, or has numbers that nobody means.
    """
    if len(content) > MAX_BYTES:
        raise NotToml(f"{len(content):,} bytes are too many for a file of settings")
    try:
        table = tomllib.loads(decode_toml(content))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotToml(f"not UTF-8 at byte {error.start}", line) from None
    except tomllib.TOMLDecodeError as error:
        place = PLACE.search(str(error))
        hint = "; texts stand in quotes" if str(error).startswith("Invalid value") else ""
        raise NotToml(f"not TOML: {error}{hint}", int(place.group(1)) if place else None) from None
    except RecursionError:
        raise NotToml("not TOML that can be read: its tables or lists are nested too deep") from None
    except ValueError as error:  # a number of thousands of digits, a date that no calendar has
        raise NotToml(f"not TOML that can be read: {error}") from None
    if not _is_flat(table, MAX_DEPTH):
        raise NotToml(f"its tables or lists are nested more than {MAX_DEPTH} deep")
    return table


def _is_flat(value: Any, depth: int) -> bool:
    """Whether whatever walks through it may call itself once per level."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_is_flat(each, depth - 1) for each in inner)


def decode_toml(content: bytes) -> str:
    """The text as `tomllib` counts its lines."""
    return content.decode("utf-8-sig").replace("\r\n", "\n")
