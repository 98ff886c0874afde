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
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from curate.engine import object_sign
from curate.engine.object_address import Address
from curate.engine.object_client import Unmet
from curate.engine.object_sign import (
    PutMode,
    is_alive,
    is_over,
    only_if,
    read_sign,
    remove_sign,
    signs_below,
    this_process,
    write_sign,
)
from curate.engine.patience import Manners
from curate.errors import CurateError, RunLocked, UsageError

HEARTBEAT = 10.0
"""Seconds between two signs of life."""
ONCE = Manners(tries=1)
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
            self.meta = write_sign(self.at, self.sign(), how)
        except (Unmet, FileNotFoundError):  # some stores say so of one that is to be as it was
            return self._is_mine()
        self.seen = time.monotonic()
        return True

    def check(self) -> None:
        """Before anything is written: a process that was stopped for long may not be who it was.

        Raises:
            RunLocked: the lock is another's by now.
        """
        if time.monotonic() - self.seen > object_sign.PATIENCE / 2:
            self.beat()
        if self.is_lost:
            raise RunLocked(
                f"{self.at} is another's: this process gave no sign of life for {object_sign.PATIENCE:.0f} s"
            )

    def beat(self, manners: Manners | None = None) -> None:
        """Give a sign of life, or learn that the lock is lost; a store that does not answer says neither."""
        with self._lock:
            if self.is_lost:
                return
            try:
                self.meta = write_sign(self.at, self.sign(), only_if(self.meta), manners)
            except (Unmet, FileNotFoundError):
                self.is_lost = not self._is_mine()
            self.seen = time.monotonic()

    def give_back(self) -> None:
        with contextlib.suppress(CurateError, FileNotFoundError):
            self.check()  # else the sign may be another's
            with self._lock:
                remove_sign(self.at)

    def sign(self) -> bytes:
        """Another each time, so that each is another version."""
        return json.dumps(this_process() | {"id": self.id, "beat": next(self._beats)}).encode()

    def _is_mine(self) -> bool:
        """A write whose answer was lost was done, and its repetition has met another version."""
        sign, meta = read_sign(self.at)
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
        write_sign(held.at, held.sign(), "create")
    except Unmet:
        return
    told = "the server takes no conditions for writes (If-None-Match), without which two runs could work in one place"
    raise UsageError(f"{held.at.scheme}://{held.at.bucket}: {told}; use one that does")


def _wait_until_nobody_is_alone(place: Address, alone: Address) -> None:
    for look in range(LOOKS):
        time.sleep(1.0 if look else 0.0)
        if not is_alive(alone):
            return
    raise _locked(place, alone)


def _take(held: ObjectLock) -> bool:
    """Make the sign, or take the place of one that nobody writes any more: of several who see that the first does."""
    if held.make("create"):
        return True
    sign, meta = read_sign(held.at)
    if not meta:
        return _take(held)  # it was given back meanwhile
    return is_over(held.at, sign, meta) and held.make(only_if(meta))


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
    for at in signs_below(shared):
        if is_alive(at):
            raise _locked(place, at)
        with contextlib.suppress(FileNotFoundError):
            remove_sign(at)  # one that lives all the same learns by its next sign that it is lost


def _is_gone(sign: Mapping[str, Any]) -> bool:
    here = this_process()
    if not here["system"] or sign.get("system") != here["system"]:
        return False
    import psutil

    try:
        return abs(psutil.Process(int(sign["process"])).create_time() - float(sign["began"])) > 1.0
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, KeyError, ValueError):
        return False


def _locked(place: Address, at: Address) -> RunLocked:
    sign, _ = read_sign(at)
    run = str(place).rpartition("/")[0]
    who = f" ({sign['machine']}, process {sign['process']})" if {"machine", "process"} <= sign.keys() else ""
    told = (
        f"one that was killed on another machine is forgotten {object_sign.PATIENCE:.0f} s after its last sign of life"
    )
    return RunLocked(f"another curate run is working in {run}{who}; {told}")


def _below(place: Address, name: str) -> Address:
    return place._replace(key=f"{place.key}/{name}")
