"""Input files on object stores: what lies below an address, and ranges of bytes of it.

"s3://bucket/crawl" ─▶ list ─▶ FoundObject each          uri, [start, end) ─▶ GET with a range ─▶ Fetched
                                                                 ▲ reset in mid-body: from there on ─┘
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from curate.batch import Pulse, no_pulse
from curate.engine.object_address import Address, take_address
from curate.engine.object_client import MAX_UNREACHED, Unmet, asked, client, obstore_here, understood
from curate.engine.patience import Again, Fetched, fetch_range
from curate.errors import UsageError

CHUNK_BYTES = 1 << 18


class FoundObject(NamedTuple):
    key: str
    size: int
    version: str
    """Its ETag."""


def look_stored(uri: str) -> tuple[int, str]:
    """Size and version of an object.

    Raises:
        UsageError, MachineError: as `object_client.asked` does, and where there is no such object.
    """
    found = found_object(take_address(uri))
    if found is None:
        raise UsageError(f"there is no {uri}")
    return found.size, found.version


def found_object(address: Address) -> FoundObject | None:
    """None where there is none of this key."""
    obstore = obstore_here()
    try:
        return _found(asked(address, lambda client: obstore.head(client, address.key)))
    except FileNotFoundError:
        return None


def objects_below(address: Address) -> list[FoundObject]:
    """All objects whose keys begin with the address's and a slash, in any order; without those that stand for a folder
    in some tools, which are empty and have others below them."""
    obstore = obstore_here()

    def listed(client: Any) -> list[FoundObject]:
        return [_found(meta) for chunk in obstore.list(client, address.key or None) for meta in chunk]

    found = asked(address, listed)
    folders = {folder for each in found for folder in _above(each.key)} | {address.key}
    return [each for each in found if each.size or each.key not in folders]


def _above(key: str) -> Iterator[str]:
    while "/" in key:
        key = key.rpartition("/")[0]
        yield key


def fetch_stored(uri: str, start: int, end: int, pulse: Pulse = no_pulse) -> Fetched:
    """As `fetch_object` does, of an input."""
    return fetch_object(take_address(uri), start, end, pulse)


def fetch_object(address: Address, start: int, end: int, pulse: Pulse = no_pulse) -> Fetched:
    """The bytes [start, end) of an object, fewer only where it ends before; pulses while it waits.

    Raises:
        UsageError, MachineError: as `object_client.asked` does, and where there is no such object.
    """
    ask = partial(_ask, address, end=end, pulse=pulse)
    try:
        return fetch_range(str(address), start, ask, pulse, max_unreached=MAX_UNREACHED)
    except FileNotFoundError:
        raise UsageError(f"there is no {address} any more") from None


def _ask(address: Address, start: int, *, end: int, pulse: Pulse) -> Fetched:
    """One try.

    Raises:
        Again: with what came; and as `object_client.understood` says.
    """
    obstore = obstore_here()
    pieces: list[bytes] = []
    fetched = Fetched(b"", 0, "")
    try:
        answer = obstore.get(client(address), address.key, options={"range": (start, end)})
        fetched = Fetched(b"", answer.meta["size"], _version(answer.meta))
        for piece in answer.stream(min_chunk_size=CHUNK_BYTES):
            pieces.append(bytes(piece))
            pulse()
    except (obstore.exceptions.BaseError, FileNotFoundError) as error:
        told = understood(address, error)
        if isinstance(told, Unmet):  # it ends before `start`: it is not what it was, which its size says
            return _as_it_is(address)
        came = Fetched(b"".join(pieces), fetched.size, fetched.version) if pieces else None
        raise Again(str(told), came=came, is_unreached=told.is_unreached) if isinstance(told, Again) else told from None
    return Fetched(b"".join(pieces), fetched.size, fetched.version)


def _as_it_is(address: Address) -> Fetched:
    found = found_object(address)
    if found is None:
        raise FileNotFoundError(2, "no such object", str(address))
    return Fetched(b"", found.size, found.version)


def _found(meta: Any) -> FoundObject:
    return FoundObject(meta["path"], meta["size"], _version(meta))


def _version(meta: Any) -> str:
    """Its ETag, which some servers give with quotes in one answer and without in another."""
    return (meta["e_tag"] or str(meta["last_modified"])).strip('"')
