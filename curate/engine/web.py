"""Bytes of files on web servers, asked for politely: few requests at once, under a name, again after growing pauses.

uri, [start, end) ─▶ one of a few slots of this machine ─▶ GET with a range ─▶ what came is what was asked ─▶ Fetched
        ▲                                                                         │ 403 408 429 5xx, reset, short, wrong
        └──────────── Retry-After, or a pause that doubles, with jitter ──────────┘

No answer is taken that is not whole and from the right place, so what a run reads does not depend on how often it had
to ask. Sources: RFC 9110 (ranges, Retry-After); exponential backoff with jitter, as stores of objects ask for it.
"""

from __future__ import annotations

import fcntl
import http
import os
import random
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from curate.batch import Pulse, no_pulse
from curate.errors import CurateError, MachineError, UsageError
from curate.version import __version__

USER_AGENT = f"curate-corpus/{__version__}"
CONTACT = "CURATE_HTTP_CONTACT"
"""The environment variable with an address that servers' owners can write to."""
WEB = ("http://", "https://")
AGAIN = frozenset({403, 408, 425, 429, *range(500, 600)})
"""What a server says that wants to be left alone for a while; Common Crawl's says 403, too."""
GONE = frozenset({404, 410})
CONNECT_SECONDS, READ_SECONDS = 10.0, 45.0
LONGEST_PAUSE = 120.0
LONGEST_ASKED_PAUSE = 900.0
"""A server that asks for more with Retry-After means: not today."""
MAX_REDIRECTS = 5
MAX_UNREACHED = 3
"""Tries to reach a server of which nothing was ever heard: its name may be a slip of the pen."""
CHUNK_BYTES = 1 << 20
SLOT_SECONDS = 0.02
POOLED = 16
"""Connections that stay open."""
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")


@dataclass(frozen=True, slots=True)
class Manners:
    """How this machine behaves towards servers; from the environment, so that all workers behave alike."""

    connections: int = 8
    """Requests at once, of all processes of this user: CURATE_HTTP_CONNECTIONS."""
    tries: int = 10
    """Of one request, before it is given up: CURATE_HTTP_TRIES."""
    pause: float = 1.0
    """Seconds before the second try, twice as many before the third: CURATE_HTTP_PAUSE."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes of a file, and what the file is."""

    data: bytes
    size: int
    """Of the whole file."""
    version: str
    """Its ETag, else its Last-Modified, else ""."""


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
                return _joined(came, _ask(uri, start + len(came.data), end, pulse))
        except _Again as again:
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
        _Again: they are of two versions of the file.
    """
    if first.data and (first.size, first.version) != (second.size, second.version):
        raise _Again("the file changed between two answers", came=NOTHING)
    return replace(second, data=first.data + second.data)


def _joined_or_nothing(first: Fetched, second: Fetched | None) -> Fetched:
    """What an answer brought that broke off, behind what had come before."""
    try:
        return first if second is None else _joined(first, second)
    except _Again:
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


class _Again(Exception):
    """This try failed; another one may not. `seconds` are those that the server asks for; `came` is what did
    come, from the first byte on, or of another version than what came before."""

    def __init__(
        self, told: str, seconds: float | None = None, came: Fetched | None = None, *, is_unreached: bool = False
    ) -> None:
        super().__init__(told)
        self.seconds, self.came, self.is_unreached = seconds, came, is_unreached


def _ask(uri: str, start: int, end: int, pulse: Pulse) -> Fetched:
    """One try.

    Raises:
        _Again, UsageError
    """
    import urllib3

    contact = os.environ.get(CONTACT, "")
    agent = f"{USER_AGENT} ({contact})" if contact else USER_AGENT
    headers = {"User-Agent": agent, "Accept-Encoding": "identity", "Range": f"bytes={start}-{end - 1}"}
    follow = urllib3.Retry(
        total=None, connect=0, read=0, status=0, other=0, redirect=MAX_REDIRECTS, respect_retry_after_header=False
    )
    try:
        response = _pool(os.getpid(), uri.partition("://")[0]).request(
            "GET", uri, headers=headers, preload_content=False, decode_content=False, retries=follow
        )
        try:
            return _taken(response, uri, start, end, pulse)
        finally:
            response.release_conn()  # one that was not read to its end is closed below
    except urllib3.exceptions.LocationValueError as error:
        raise UsageError(f'"{uri}" is no address: {error}') from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _Again(_said(error), is_unreached=_found_nobody(error)) from None


def _found_nobody(error: BaseException) -> bool:
    """No such name, or nobody listens there."""
    import urllib3

    reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _taken(response: Any, uri: str, start: int, end: int, pulse: Pulse) -> Fetched:
    """What a response holds, if it is what was asked for."""
    status, headers = int(response.status), response.headers
    version = headers.get("ETag") or headers.get("Last-Modified") or ""
    try:
        if status in GONE:
            raise UsageError(f"there is no {uri}: the server says {_phrase(status)}")
        if status in AGAIN:
            raise _Again(_phrase(status), _asked_pause(headers.get("Retry-After")))
        place = CONTENT_RANGE.fullmatch(headers.get("Content-Range") or "")
        if status == 416 and place:  # it ends before `start`: an empty file, or one that is not what it was
            return Fetched(b"", int(place[3]), version)
        if status == 200:
            return _whole(response, start, end, version, pulse)
        if status != 206:
            raise UsageError(f"{uri} can't be read: the server says {_phrase(status)}")
        if not place or place[1] is None or int(place[1]) != start:
            raise _Again(f"asked for bytes {start}-{end - 1} it gave {headers.get('Content-Range')}")
        size = int(place[3])
        return _read(response, min(end, size) - start, Fetched(b"", size, version), pulse)
    except BaseException:
        response.close()
        raise


def _whole(response: Any, start: int, end: int, version: str, pulse: Pulse) -> Fetched:
    """A server without ranges gives all of a file; that is taken where all was asked for."""
    length = response.headers.get("Content-Length") or ""
    if start or not length.isdigit() or int(length) > end:
        raise _Again("it hands out whole files only, no ranges of bytes")
    return _read(response, int(length), Fetched(b"", int(length), version), pulse)


def _read(response: Any, wanted: int, head: Fetched, pulse: Pulse) -> Fetched:
    """The body of a response.

    Raises:
        _Again: it is not as long as it should be; with what came of it.
    """
    import urllib3

    pieces, size, why = [], 0, ""
    try:
        for piece in response.stream(CHUNK_BYTES, decode_content=False):
            pieces.append(piece)
            size += len(piece)
            pulse()
            if size > wanted:
                raise _Again(f"more than {wanted:,} bytes came")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        why = f": {_said(error)}"
    fetched = replace(head, data=b"".join(pieces))
    if size != wanted:
        raise _Again(f"{size:,} bytes came of {wanted:,}{why}", came=fetched)
    return fetched


def _pause(manners: Manners, number: int, again: _Again, uri: str) -> float:
    """Before the next try. All workers meet the same refusal at once: jitter keeps them from coming back at once."""
    if again.seconds is not None and again.seconds > LONGEST_ASKED_PAUSE:
        asks = f"asks not to be asked again for {again.seconds:,.0f} s"
        raise MachineError(f"{uri}: the server says {again} and {asks}. The same command goes on from here then.")
    doubled = min(manners.pause * 2.0**number, LONGEST_PAUSE) * random.uniform(0.5, 1.0)
    return max(doubled, again.seconds or 0.0)


def _asked_pause(value: str | None) -> float | None:
    """Retry-After: seconds, or a date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    import email.utils

    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


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


@lru_cache(maxsize=8)
def _pool(process: int, scheme: str) -> Any:
    """Connections that stay open, of one process: a fork must not share them."""
    import urllib.request

    import urllib3

    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    proxy = urllib.request.getproxies().get(scheme)
    if proxy:
        return urllib3.ProxyManager(proxy, timeout=timeout, maxsize=POOLED)
    return urllib3.PoolManager(timeout=timeout, maxsize=POOLED)


def _phrase(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _said(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
