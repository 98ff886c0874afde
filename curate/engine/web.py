"""Bytes of files on web servers, asked for politely: few requests at once, under a name, again after growing pauses.

uri, [start, end) ─▶ one of a few slots of this machine ─▶ GET with a range ─▶ what came is what was asked ─▶ Fetched
        ▲                                                                         │ 403 408 429 5xx, reset, short, wrong
        └──────────── Retry-After, or a pause that doubles, with jitter ──────────┘

No answer is taken that is not whole and from the right place, so what a run reads does not depend on how often it had
to ask. Sources: RFC 9110 (ranges, Retry-After); exponential backoff with jitter, as stores of objects ask for it.
"""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from curate.batch import Pulse, no_pulse
from curate.engine.web_request import Again, Fetched, ask
from curate.errors import CurateError, MachineError, UsageError

WEB = ("http://", "https://")
LONGEST_PAUSE = 120.0
LONGEST_ASKED_PAUSE = 900.0
"""A server that asks for more with Retry-After means: not today."""
MAX_UNREACHED = 3
"""Tries to reach a server of which nothing was ever heard: its name may be a slip of the pen."""
SLOT_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Manners:
    """How this machine behaves towards servers; from the environment, so that all workers behave alike."""

    connections: int = 8
    """Requests at once, of all processes of this user: CURATE_HTTP_CONNECTIONS."""
    tries: int = 10
    """Of one request, before it is given up: CURATE_HTTP_TRIES."""
    pause: float = 1.0
    """Seconds before the second try, twice as many before the third: CURATE_HTTP_PAUSE."""


NOTHING = Fetched(b"", 0, "")


def is_web(uri: str) -> bool:
    return uri.startswith(WEB)


def fetch(
    uri: str,
    start: int,
    end: int,
    pulse: Pulse = no_pulse,
    *,
    manners: Manners | None = None,
    max_unreached: int | None = None,
) -> Fetched:
    """The bytes [start, end) of a file, fewer only where it ends before; pulses while it waits. What came before an
    answer broke off is not asked for again. `max_unreached` are the tries in a row that may find no server at all.

    Raises:
        UsageError: there is no such file, or no such server.
        MachineError: the server was asked as often as manners allow.
    """
    manners, began, last = manners or manners_here(), time.monotonic(), ""
    came, unreached = NOTHING, 0
    for number in range(manners.tries):
        try:
            with _slot(manners.connections, pulse):
                return _joined(came, ask(uri, start + len(came.data), end, pulse))
        except Again as again:
            last, came = str(again), _joined_or_nothing(came, again.came)
            unreached = unreached + 1 if again.is_unreached else 0
            if max_unreached is not None and unreached == min(max_unreached, manners.tries):
                raise UsageError(f"{uri} can't be reached: {last}") from None
            if number + 1 < manners.tries:
                _wait(_pause(manners, number, again, uri), pulse)
    told = f"{manners.tries} tries in {time.monotonic() - began:.0f} s; the last: {last}"
    raise MachineError(f"{uri} was given up after {told}. The same command goes on from here.")


def _joined(first: Fetched, second: Fetched) -> Fetched:
    """Two answers, of neighboring bytes, as one.

    Raises:
        Again: they are of two versions of the file.
    """
    if first.data and (first.size, first.version) != (second.size, second.version):
        raise Again("the file changed between two answers", came=NOTHING)
    return replace(second, data=first.data + second.data)


def _joined_or_nothing(first: Fetched, second: Fetched | None) -> Fetched:
    """What an answer brought that broke off, behind what had come before."""
    try:
        return first if second is None else _joined(first, second)
    except Again:
        return NOTHING


def look(uri: str, pulse: Pulse = no_pulse) -> tuple[int, str]:
    """Size and version of a file; asked for with its first byte, which also shows that the server knows ranges.

    Raises:
        UsageError, MachineError: as `fetch` does.
    """
    answer = fetch(uri, 0, 1, pulse, max_unreached=MAX_UNREACHED)
    return answer.size, answer.version


def is_at_hand(uri: str) -> bool:
    """Whether a file is there at the first try."""
    try:
        fetch(uri, 0, 1, manners=replace(manners_here(), tries=1))
    except CurateError:
        return False
    return True


def manners_here() -> Manners:
    """
    Raises:
        UsageError: the environment says something that cannot be.
    """
    default = Manners()
    return Manners(
        connections=max(int(_number("CURATE_HTTP_CONNECTIONS", default.connections)), 1),
        tries=max(int(_number("CURATE_HTTP_TRIES", default.tries)), 1),
        pause=_number("CURATE_HTTP_PAUSE", default.pause),
    )


def _number(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise UsageError(f'the environment variable {name} is a number, found "{text}"') from None


def _pause(manners: Manners, number: int, again: Again, uri: str) -> float:
    """Before the next try. All workers meet the same refusal at once: jitter keeps them from coming back at once."""
    if again.seconds is not None and again.seconds > LONGEST_ASKED_PAUSE:
        asks = f"asks not to be asked again for {again.seconds:,.0f} s"
        raise MachineError(f"{uri}: the server says {again} and {asks}. The same command goes on from here then.")
    doubled = min(manners.pause * 2.0**number, LONGEST_PAUSE) * random.uniform(0.5, 1.0)
    return max(doubled, again.seconds or 0.0)


def _wait(seconds: float, pulse: Pulse) -> None:
    """A worker that is silent for long is thought to hang."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        pulse()
        time.sleep(min(left, 1.0))
    pulse()


@contextmanager
def _slot(count: int, pulse: Pulse) -> Iterator[None]:
    """One of the requests that this user's processes may have under way: a lock that goes with its process."""
    folder = os.path.join(tempfile.gettempdir(), f"curate-http-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    while True:
        for number in random.sample(range(count), count):
            lock = os.open(os.path.join(folder, str(number)), os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            try:
                yield
            finally:
                os.close(lock)
            return
        pulse()
        time.sleep(SLOT_SECONDS)
