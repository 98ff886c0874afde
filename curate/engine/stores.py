"""The table of stores: by the scheme of an address, what opens one there.

"file:/data/runs/mini" ─▶ STORES["file"] ─▶ PosixStore
"""

from __future__ import annotations

from collections.abc import Mapping

from curate.engine.store import Store
from curate.plugins import named_object

STORES: Mapping[str, str] = {
    "file": "curate.engine.posix:open_folder",
}


def open_store(address: str) -> Store:
    """The store at an address, as `Store.address` gave it."""
    scheme, _, rest = address.partition(":")
    opened: Store = named_object(STORES[scheme])(rest)
    return opened
