"""The bridge to Ray as its driver sees it: a process that is started, written to, listened to, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.engine.store import Store

END_SECONDS = 5.0
"""For Ray to let go of its processes, before they are left to themselves."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # of a cluster of our own: memory is the local engines' business
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(slots=True)
class Link:
    process: subprocess.Popen[bytes]
    log: Path
    _unread: bytes = b""

    @classmethod
    def start(cls, store: Store, settings: Mapping[str, Any]) -> Link:
        """Raises nothing of Ray's: what fails there is heard."""
        log = store.scratch / "workers" / "ray.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "curate.engine.ray.bridge", str(os.getpid()), json.dumps(settings)]
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=QUIET | os.environ | _own(settings) | _authentication(settings),
            )
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return cls(process, log)

    @property
    def is_gone(self) -> bool:
        return self.process.poll() is not None

    def send(self, message: Mapping[str, Any]) -> None:
        """To one that is gone, too: that is found by who listens."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def read(self, seconds: float) -> Iterator[dict[str, Any]]:
        """The messages that come, for which it waits so long at most."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            selector.select(seconds)
        *lines, self._unread = (self._unread + (self.process.stdout.read() or b"")).split(b"\n")
        yield from map(json.loads, lines)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def _own(settings: Mapping[str, Any]) -> dict[str, str]:
    """What a cluster of our own is to know: where this curate is."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]))
    return {} if settings["address"] else {"PYTHONPATH": path}


def _authentication(settings: Mapping[str, Any]) -> dict[str, str]:
    """A cluster of our own has a token that nobody else knows; for another one the user has put it where Ray looks."""
    if settings["is_insecure"]:
        return {"RAY_AUTH_MODE": "disabled"}
    own = {} if settings["address"] else {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return {"RAY_AUTH_MODE": "token", **own}
