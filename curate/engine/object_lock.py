"""A lock on an object store: a sign of life that its holder writes again and again, and that others look at.

.lock/alone       made on the condition that it is not there ─▶ written again on the condition that nobody else has
.lock/shared/…    one of each holder                           └─ no longer so: lost, the holder writes nothing more
  no sign for a minute, by the store's own clock, or a process of this machine that is gone ─▶ another takes it over

Not only the work rests on it: who holds a run alone removes things. So a holder that was stopped for long looks first
whether it still is one (`ObjectLock.check`).
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from curate.engine.object_address import Address
from curate.engine.object_client import Unmet, asked, obstore_here
from curate.engine.patience import Manners
from curate.errors import CurateError, RunLocked, UsageError

HEARTBEAT = 10.0
"""Seconds between two signs of life."""
PATIENCE = 60.0
"""Seconds without one after which a lock is anyone's."""
ONCE = Manners(tries=1)
PutMode = str | Mapping[str, str]
"""The condition of a write, as obstore has it."""
REQUEST_SECONDS = 20
LOOKS = 5
"""Of who comes to share a run at one that is alone with it, a second apart: ranks that are done look so whether they
are the last."""
TURN_SECONDS = 0.5


@dataclass(slots=True)
class ObjectLock:
    """One lock of this process. `meta` is what the store says of its sign as it was written last."""

    at: Address
    meta: Mapping[str, Any] = field(default_factory=dict)
    is_lost: bool = False
    seen: float = field(default_factory=time.monotonic)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    _beats: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, how: PutMode) -> bool:
        """Write the first sign, or say that the condition was not met."""
        try:
            self.meta = _written(self.at, self.sign(), how)
        except (Unmet, FileNotFoundError):  # some stores say so of one that is to be as it was
            return self._is_mine()
        self.seen = time.monotonic()
        return True

    def check(self) -> None:
        """Before anything is written: a process that was stopped for long may not be who it was.

        Raises:
            RunLocked: the lock is another's by now.
        """
        if time.monotonic() - self.seen > PATIENCE / 2:
            self.beat()
        if self.is_lost:
            raise RunLocked(f"{self.at} is another's: this process gave no sign of life for {PATIENCE:.0f} s")

    def beat(self, manners: Manners | None = None) -> None:
        """Give a sign of life, or learn that the lock is lost; a store that does not answer says neither."""
        with self._lock:
            if self.is_lost:
                return
            try:
                self.meta = _written(self.at, self.sign(), _only_if(self.meta), manners)
            except (Unmet, FileNotFoundError):
                self.is_lost = not self._is_mine()
            self.seen = time.monotonic()

    def give_back(self) -> None:
        with self._lock, contextlib.suppress(CurateError, FileNotFoundError):
            if not self.is_lost:
                _remove(self.at)

    def sign(self) -> bytes:
        """Another each time, so that each is another version."""
        return json.dumps(_this_process() | {"id": self.id, "beat": next(self._beats)}).encode()

    def _is_mine(self) -> bool:
        """A write whose answer was lost was done, and its repetition has met another version."""
        sign, meta = _read_sign(self.at)
        self.meta = meta or self.meta
        return sign.get("id") == self.id


@contextlib.contextmanager
def held_alone(place: Address) -> Iterator[ObjectLock]:
    """Hold a run alone.

    Raises:
        RunLocked: somebody holds it.
    """
    held, shared = ObjectLock(_below(place, "alone")), _below(place, "shared")
    _refuse_where_shared(place, shared)
    if not _take(held):
        raise _locked(place, held.at)
    with _given_back(held):
        _require_conditions(held)
        _refuse_where_shared(place, shared)  # once more: who comes to share it looks after its own sign, too
        with _beating(held):
            yield held


@contextlib.contextmanager
def held_with_others(place: Address) -> Iterator[ObjectLock]:
    """Hold a run with others that share it.

    Raises:
        RunLocked: somebody holds it alone.
    """
    alone, held = _below(place, "alone"), ObjectLock(_below(place, "shared"))
    held.at = _below(held.at, held.id)
    held.make("create")
    with _given_back(held):
        _require_conditions(held)
        _wait_until_nobody_is_alone(place, alone)
        with _beating(held):
            yield held


@contextlib.contextmanager
def held_in_turn(at: Address) -> Iterator[ObjectLock]:
    """Wait for one's turn at a work."""
    held = ObjectLock(at)
    while not _take(held):
        time.sleep(TURN_SECONDS)
    with _given_back(held), _beating(held):
        yield held


def _require_conditions(held: ObjectLock) -> None:
    """
    Raises:
        UsageError: the server makes an object again that is to be made only where there is none.
    """
    try:
        _written(held.at, held.sign(), "create")
    except Unmet:
        return
    told = "the server takes no conditions for writes (If-None-Match), without which two runs could work in one place"
    raise UsageError(f"{held.at.scheme}://{held.at.bucket}: {told}; use one that does")


def _wait_until_nobody_is_alone(place: Address, alone: Address) -> None:
    for look in range(LOOKS):
        time.sleep(1.0 if look else 0.0)
        if not _is_alive(alone):
            return
    raise _locked(place, alone)


def _take(held: ObjectLock) -> bool:
    """Make the sign, or take the place of one that nobody writes any more: of several who see that the first does."""
    if held.make("create"):
        return True
    sign, meta = _read_sign(held.at)
    if not meta:
        return _take(held)  # it was given back meanwhile
    return _is_over(held.at, sign, meta) and held.make(_only_if(meta))


@contextlib.contextmanager
def _given_back(held: ObjectLock) -> Iterator[None]:
    try:
        yield
    finally:
        held.give_back()


@contextlib.contextmanager
def _beating(held: ObjectLock) -> Iterator[None]:
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(HEARTBEAT):
            with contextlib.suppress(CurateError):  # a store that does not answer now may do so next time
                held.beat(ONCE)

    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        is_over.set()
        beating.join()


def _refuse_where_shared(place: Address, shared: Address) -> None:
    for at in _listed(shared):
        if _is_alive(at):
            raise _locked(place, at)
        with contextlib.suppress(FileNotFoundError):
            _remove(at)  # one that lives all the same learns by its next sign that it is lost


def _is_alive(at: Address) -> bool:
    sign, meta = _read_sign(at)
    return bool(meta) and not _is_over(at, sign, meta)


def _is_over(at: Address, sign: Mapping[str, Any], meta: Mapping[str, Any]) -> bool:
    """Whether the holder of a sign is known to be gone, or has given none for long, by the clock of the store."""
    if _is_gone(sign):
        return True
    age: timedelta = _now_at(at) - meta["last_modified"]
    return age > timedelta(seconds=PATIENCE)


def _is_gone(sign: Mapping[str, Any]) -> bool:
    here = _this_process()
    if not here["system"] or sign.get("system") != here["system"]:
        return False
    import psutil

    try:
        return abs(psutil.Process(int(sign["process"])).create_time() - float(sign["began"])) > 1.0
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, KeyError, ValueError):
        return False


def _this_process() -> dict[str, Any]:
    """`system` is this start of this machine, as far as it sees the same processes."""
    import psutil

    system = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        system = f"{boot} {os.readlink('/proc/self/ns/pid')}"
    began = psutil.Process().create_time()
    return {"machine": platform.node(), "system": system, "process": os.getpid(), "began": began}


def _now_at(at: Address) -> datetime:
    """By the store's clock, which has written all times that are compared with it."""
    probe = at._replace(key=f"{at.key}.{uuid.uuid4().hex}.now")
    _written(probe, b"", "create")
    now: datetime = asked(probe, lambda client: obstore_here().head(client, probe.key))["last_modified"]
    _remove(probe)
    return now


def _locked(place: Address, at: Address) -> RunLocked:
    sign, _ = _read_sign(at)
    run = str(place).rpartition("/")[0]
    who = f" ({sign['machine']}, process {sign['process']})" if {"machine", "process"} <= sign.keys() else ""
    told = f"one that was killed on another machine is forgotten {PATIENCE:.0f} s after its last sign of life"
    return RunLocked(f"another curate run is working in {run}{who}; {told}")


def _written(at: Address, content: bytes, how: PutMode, manners: Manners | None = None) -> Mapping[str, Any]:
    """What tells the object that was written from those before and after.

    Raises:
        Unmet, FileNotFoundError: it is not as `how` says.
    """
    obstore = obstore_here()

    def write(client: Any) -> Mapping[str, Any]:
        return {**obstore.put(client, at.key, content, mode=how, use_multipart=False)}

    return asked(at, write, seconds=REQUEST_SECONDS, manners=manners)


def _read_sign(at: Address) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What a sign says, and what the store says of it; nothing where there is none."""
    obstore = obstore_here()

    def read(client: Any) -> tuple[bytes, Mapping[str, Any]]:
        answer = obstore.get(client, at.key)
        return bytes(answer.bytes()), answer.meta

    try:
        content, meta = asked(at, read, seconds=REQUEST_SECONDS)
        return json.loads(content), meta
    except FileNotFoundError:
        return {}, {}
    except ValueError:
        return {}, meta


def _listed(place: Address) -> list[Address]:
    obstore = obstore_here()
    keys = asked(place, lambda client: [meta["path"] for chunk in obstore.list(client, place.key) for meta in chunk])
    return [place._replace(key=key) for key in keys if not key.endswith(".now")]


def _remove(at: Address) -> None:
    obstore = obstore_here()
    asked(at, lambda client: obstore.delete(client, at.key), seconds=REQUEST_SECONDS)


def _only_if(meta: Mapping[str, Any]) -> dict[str, Any]:
    """On the condition that the object is still this version."""
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key)}


def _below(place: Address, name: str) -> Address:
    return place._replace(key=f"{place.key}/{name}")
