"""Bytes of files on web servers, asked for politely: few requests at once, under a name, again after growing pauses.

uri, [start, end) ─▶ one of a few slots of this machine ─▶ GET with a range ─▶ what came is what was asked ─▶ Fetched
        ▲                                                                         │ 403 408 429 5xx, reset, short, wrong
        └──────────── Retry-After, or a pause that doubles, with jitter ──────────┘

No answer is taken that is not whole and from the right place, so what a run reads does not depend on how often it had
to ask. Sources: RFC 9110 (ranges, Retry-After).
"""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from curate.batch import Pulse, no_pulse
from curate.engine.patience import Fetched, Manners, fetch_range, manners_here
from curate.engine.web_request import ask
from curate.errors import CurateError

WEB = ("http://", "https://")
MAX_UNREACHED = 3
"""Tries to reach a server of which nothing was ever heard: its name may be a slip of the pen."""
SLOT_SECONDS = 0.02


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
    manners = manners or manners_here()

    def ask_from(position: int) -> Fetched:
        with _slot(manners.connections, pulse):
            return ask(uri, position, end, pulse)

    return fetch_range(uri, start, ask_from, pulse, manners=manners, max_unreached=max_unreached)


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
