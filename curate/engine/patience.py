"""Asking a server again: after growing pauses, a bounded number of times, and never for what has come already.

ask ─▶ what was asked for
 ▲  └─▶ Again: Retry-After, or a pause that doubles, with jitter ─┐   tries used up ─▶ MachineError
 └────────────────────────────────────────────────────────────────┘   nobody there  ─▶ UsageError

Source: exponential backoff with jitter, as stores of objects ask for it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from curate.batch import Pulse, no_pulse
from curate.errors import MachineError, UsageError

LONGEST_PAUSE = 120.0
LONGEST_ASKED_PAUSE = 900.0
"""A server that asks for more with Retry-After means: not today."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes of a file, and what the file is."""

    data: bytes
    size: int
    """Of the whole file."""
    version: str
    """Its ETag, else its Last-Modified, else ""."""


NOTHING = Fetched(b"", 0, "")


class Again(Exception):
    """This try failed; another one may not. `seconds` are those that the server asks for; `came` is what did
    come, from the first byte on, or of another version than what came before."""

    def __init__(
        self, told: str, seconds: float | None = None, came: Fetched | None = None, *, is_unreached: bool = False
    ) -> None:
        super().__init__(told)
        self.seconds, self.came, self.is_unreached = seconds, came, is_unreached


@dataclass(frozen=True, slots=True)
class Manners:
    """How this machine behaves towards servers; from the environment, so that all workers behave alike."""

    connections: int = 8
    """Requests at once to web servers, of all processes of this user: CURATE_HTTP_CONNECTIONS."""
    tries: int = 10
    """Of one request, before it is given up: CURATE_HTTP_TRIES."""
    pause: float = 1.0
    """Seconds before the second try, twice as many before the third: CURATE_HTTP_PAUSE."""


def patiently(
    uri: str,
    ask: Callable[[], Answer],
    pulse: Pulse = no_pulse,
    *,
    manners: Manners | None = None,
    max_unreached: int | None = None,
) -> Answer:
    """What `ask` answers once it raises no `Again`; pulses while it waits. `max_unreached` are the tries in a row that
    may find no server at all.

    Raises:
        UsageError: there is no such server.
        MachineError: the server was asked as often as manners allow.
    """
    manners, began, last, unreached = manners or manners_here(), time.monotonic(), "", 0
    for number in range(manners.tries):
        try:
            return ask()
        except Again as again:
            last = str(again)
            unreached = unreached + 1 if again.is_unreached else 0
            if max_unreached is not None and unreached == min(max_unreached, manners.tries):
                raise UsageError(f"{uri} can't be reached: {last}") from None
            if number + 1 < manners.tries:
                _wait(_pause(manners, number, again, uri), pulse)
    told = f"{manners.tries} tries in {time.monotonic() - began:.0f} s; the last: {last}"
    raise MachineError(f"{uri} was given up after {told}. The same command goes on from here.")


def fetch_range(
    uri: str,
    start: int,
    ask: Callable[[int], Fetched],
    pulse: Pulse = no_pulse,
    *,
    manners: Manners | None = None,
    max_unreached: int | None = None,
) -> Fetched:
    """The bytes from `start` on that `ask(position)` brings; what came before an answer broke off is not asked for
    again.

    Raises:
        UsageError, MachineError: as `patiently` does.
    """
    came = NOTHING

    def go_on() -> Fetched:
        nonlocal came
        try:
            return _joined(came, ask(start + len(came.data)))
        except Again as again:
            came = _joined_or_nothing(came, again.came)
            raise

    return patiently(uri, go_on, pulse, manners=manners, max_unreached=max_unreached)


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
