"""A run on an object store, where an object is there whole or not at all.

workspace on this machine ─▶ PUT, or parts and their completion ─▶ key      claim: on condition that nobody has made it
key ─▶ size, ETag ─▶ a copy on this machine (copies.py)                     lock: object_lock.py
"""

from __future__ import annotations

import contextlib
import mmap
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from curate.engine.copies import Copies, copies_of
from curate.engine.object_address import Address, take_address
from curate.engine.object_client import LONG_SECONDS, SECONDS, Unmet, asked, obstore_here
from curate.engine.object_files import FoundObject, fetch_object, found_object, objects_below
from curate.engine.object_lock import ObjectLock, held_alone, held_in_turn, held_with_others
from curate.engine.object_sign import PROBE
from curate.engine.store import Stamp
from curate.errors import UsageError
from curate.run_files import LOCK

PUT_BYTES = 2 << 30
"""Up to so many bytes go in one request: a process that is killed in its midst leaves nothing, where one that uploads
in parts leaves them to be paid for. S3 takes 5 GiB; but what is sent is in memory, and a worker's is limited."""
SHORT_BYTES = 8 << 20
"""What is larger may take long."""
PART_BYTES, PARTS_AT_ONCE = 32 << 20, 4
COPY_BYTES = 5 << 30
"""What S3 copies by itself."""
FETCH_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """`place` is "s3://bucket/prefix" or "gs://…"; nothing need be there yet."""

    place: Address
    _held: list[ObjectLock] = field(default_factory=list, compare=False, repr=False)
    """The locks that this process has."""

    @property
    def address(self) -> str:
        return str(self.place)

    @property
    def scratch(self) -> Path:
        return self.copies.scratch

    def stamp(self, name: str) -> Stamp | None:
        found = found_object(self._at(name))
        return None if found is None else _stamp(found)

    def names(self, below: str) -> Iterator[str]:
        return iter([name for name, _ in self.stamps(below)])

    def stamps(self, below: str) -> list[tuple[str, Stamp]]:
        """All files in a folder and its folders ("": of the run), and what tells their contents."""
        top = f"{self.place.key}/" if self.place.key else ""
        return [(each.key.removeprefix(top), _stamp(each)) for each in objects_below(self._at(below))]

    def is_empty(self) -> bool:
        obstore = obstore_here()
        return not asked(self.place, lambda client: any(map(len, obstore.list(client, self.place.key or None))))

    def read(self, name: str) -> bytes:
        obstore, at = obstore_here(), self._at(name)
        content: bytes = asked(at, lambda client: bytes(obstore.get(client, at.key).bytes()))
        return content

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        obstore, at = obstore_here(), self._at(name)
        try:
            content: bytes = asked(
                at, lambda client: bytes(obstore.get_range(client, at.key, start=start, end=stop)), seconds=LONG_SECONDS
            )
        except Unmet:  # it ends before
            return b""
        return content

    def fetch(self, name: str) -> Path:
        stamp = self.stamp(name)
        if stamp is None:
            raise FileNotFoundError(2, "no such object", str(self._at(name)))
        return self.fetch_as(name, stamp)

    def fetch_as(self, name: str, stamp: Stamp) -> Path:
        """A file of this machine that holds the content that has this stamp."""
        return self.copies.get(name, stamp, lambda file: self._bring(name, stamp, file))

    def write(self, name: str, content: bytes) -> None:
        self._put(name, content)

    def claim(self, name: str, content: bytes) -> bool:
        # An answer that is lost leaves open whether it was this request that has made the object: its mark tells.
        obstore, at, mark = obstore_here(), self._at(name), uuid.uuid4().hex
        self._check_held()
        try:
            asked(at, lambda client: obstore.put(client, at.key, content, mode="create", attributes={"claim": mark}))
        except Unmet:
            return self._claim_of(at) == mark
        return True

    def workspace(self, label: str) -> Path:
        return self.copies.workspace(label)

    def put(self, workspace: Path, names: Mapping[str, str | None]) -> None:
        for name, origin in names.items():
            if origin is None:
                self._upload(name, workspace / name)
            else:
                self._copy(origin, name)
        shutil.rmtree(workspace, ignore_errors=True)

    def remove(self, name: str) -> None:
        self._check_held()
        obstore, at = obstore_here(), self._at(name)
        while keys := [each.key for each in (found_object(at), *objects_below(at)) if each is not None]:
            try:
                asked(at, lambda client: obstore.delete(client, keys))
                break
            except FileNotFoundError:
                continue  # somebody has removed one of them meanwhile, where some stores leave the others
        self.copies.forget(name)

    def tidy(self) -> None:
        self.copies.tidy()
        for name in self.names(LOCK):
            if name.endswith(PROBE):
                self.remove(name)

    @contextlib.contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        with (held_with_others if shared else held_alone)(self._at(LOCK)) as held:
            self._held.append(held)
            try:
                yield
            finally:
                self._held.remove(held)

    @contextlib.contextmanager
    def alone(self, work: str) -> Iterator[None]:
        with held_in_turn(self._at(f"{LOCK}/{work}")):
            yield

    @property
    def copies(self) -> Copies:
        return copies_of(self.address)

    def _at(self, name: str) -> Address:
        return self.place._replace(key="/".join(filter(None, (self.place.key, name))))

    def _check_held(self) -> None:
        for held in self._held:
            held.check()

    def _put(self, name: str, content: Any, *, seconds: int = SECONDS) -> None:
        self._check_held()
        obstore, at = obstore_here(), self._at(name)
        asked(at, lambda client: obstore.put(client, at.key, content, use_multipart=False), seconds=seconds)

    def _upload(self, name: str, path: Path) -> None:
        size = path.stat().st_size
        if size > PUT_BYTES:
            self._put_in_parts(name, path)
        elif size > SHORT_BYTES:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                self._put(name, memoryview(content), seconds=LONG_SECONDS)
        else:
            self._put(name, path.read_bytes())

    def _put_in_parts(self, name: str, path: Path) -> None:
        """The object is there once all parts are; where one of them fails for good, obstore takes the others back."""
        self._check_held()
        obstore, at = obstore_here(), self._at(name)
        how = {"use_multipart": True, "chunk_size": PART_BYTES, "max_concurrency": PARTS_AT_ONCE}
        asked(at, lambda client: obstore.put(client, at.key, path, **how), seconds=LONG_SECONDS)

    def _copy(self, origin: str, name: str) -> None:
        stamp = self.stamp(origin)
        if stamp is None:
            raise FileNotFoundError(2, "no such object", str(self._at(origin)))
        if stamp.size > COPY_BYTES:
            self._upload(name, self.fetch_as(origin, stamp))
            return
        obstore, source, target = obstore_here(), self._at(origin), self._at(name)
        self._check_held()
        asked(target, lambda client: obstore.copy(client, source.key, target.key), seconds=LONG_SECONDS)

    def _bring(self, name: str, stamp: Stamp, file: BinaryIO) -> None:
        """
        Raises:
            FileNotFoundError: it is another one by now.
        """
        at = self._at(name)
        for start in range(0, stamp.size, FETCH_BYTES):
            fetched = fetch_object(at, start, min(start + FETCH_BYTES, stamp.size))
            if (fetched.size, fetched.version) != stamp:
                raise FileNotFoundError(2, "another object has taken the place of the one that was asked for", str(at))
            file.write(fetched.data)

    def _claim_of(self, at: Address) -> str | None:
        obstore = obstore_here()
        try:
            found: str | None = asked(at, lambda client: obstore.get(client, at.key).attributes.get("claim"))
        except FileNotFoundError:
            return None
        return found


def _stamp(found: FoundObject) -> Stamp:
    return Stamp(found.size, found.version)


def open_objects(address: str) -> ObjectStore:
    """The store at an address of the schemes "s3" and "gs".

    Raises:
        UsageError: the address is none, or obstore is not installed.
    """
    place = take_address(address)
    obstore_here()
    if place.query:
        raise UsageError(f'{place} takes no "?{place.query}": the region and the server are the environment\'s')
    return ObjectStore(place)
