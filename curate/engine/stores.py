"""The table of stores: by the scheme of an address, what opens one there.

"file:/data/runs/mini" ─▶ STORES["file"] ─▶ PosixStore
"s3://bucket/runs/mini" ─▶ STORES["s3"] ─▶ ObjectStore
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curate.engine.object_address import stored_place
from curate.engine.posix import PosixStore
from curate.engine.store import Store
from curate.plugins import named_object

STORES: Mapping[str, str] = {
    "file": "curate.engine.posix:open_folder",
    "s3": "curate.engine.object_store:open_objects",
    "gs": "curate.engine.object_store:open_objects",
}


def open_store(address: str) -> Store:
    """The store at an address, as `Store.address` gave it."""
    opened: Store = named_object(STORES[address.partition(":")[0]])(address)
    return opened


def store_at(place: str | Path) -> Store:
    """The store that a user's word for a place means: an address, or a folder of this machine.

    Raises:
        UsageError: it is an address that cannot be.
    """
    address = stored_place(place)
    # Absolute, as a user's function may go to another folder.
    return PosixStore(Path(place).absolute()) if address is None else open_store(address)


def is_here(place: str | Path) -> bool:
    """Whether it is a folder of this machine."""
    return stored_place(place) is None
