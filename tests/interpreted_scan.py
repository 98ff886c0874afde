"""The scanner's kernels as plain Python, in which each index is checked: nothing is read or written outside its array.

Run as a program: pages come as JSON on stdin, and what the scan writes goes out as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

os.environ["NUMBA_DISABLE_JIT"] = "1"

import numpy as np

MODULES = ["attributes", "blocks", "effects", "facts", "formulas", "names", "references", "room", "search", "stack"]
MODULES += ["levels", "start_tags", "end_tags", "text", "tokens", "pages", "tables", "marks", "languages", "writer"]


class Checked:
    """An array in which an index is neither negative nor too large; integers are 64 bits wide, as in a kernel."""

    def __init__(self, array: Any) -> None:
        self.flat = array.reshape(-1)
        self.is_unsigned = array.dtype == np.uint64

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self.flat):
            raise IndexError(f"{index} of {len(self.flat)} is read")
        value = self.flat[index]
        return value if self.is_unsigned else np.int64(value)

    def __setitem__(self, index: int, value: Any) -> None:
        if not 0 <= index < len(self.flat):
            raise IndexError(f"{index} of {len(self.flat)} is written")
        self.flat[index] = value


def _matches(data: Checked, at: int, byte: int) -> Any:
    if at < 0 or at + 32 > len(data.flat):
        raise IndexError(f"32 bytes at {at} of {len(data.flat)} are read")
    return np.uint64(sum(1 << bit for bit in range(32) if data.flat[at + bit] == byte))


def _trailing_zeros(bits: Any) -> int:
    return (int(bits) & -int(bits)).bit_length() - 1 if bits else 64


def interpret() -> Any:
    """The module of the scanner's entry, with functions of Python in place of instructions of the machine."""
    modules = [import_module(f"curate.extract.scan.{name}") for name in MODULES]
    room = import_module("curate.extract.scan.room")
    replaced: dict[str, Any] = {"matches": _matches, "trailing_zeros": _trailing_zeros}
    for field in room.ScanRoom._fields:
        replaced[f"{field}_of"] = lambda room, field=field: getattr(room, field)
    replaced["addresses_of"] = lambda room: room._replace(
        **{field: Checked(array) for field, array in room._asdict().items()}
    )
    replaced["room_at"] = lambda room: room
    for module in modules:
        for name in replaced.keys() & vars(module).keys():
            setattr(module, name, replaced[name])
    return import_module("curate.extract.scan.pages")


def main() -> None:
    """Scan what stdin names, and print all arrays."""
    asked = json.load(sys.stdin)
    pages = interpret()
    buffers = pages.as_pages(*asked["pages"])
    with np.errstate(over="ignore"):
        scanned = pages.scan_pages(buffers, np.full(buffers.documents, asked["is_xhtml"]), is_whole=asked["is_whole"])
    json.dump({name: array.tolist() for name, array in scanned._asdict().items()}, sys.stdout)


if __name__ == "__main__":
    main()
