"""The bridge to Ray as its driver sees it: a process that is started, written to, listened to, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.engine.store import Store

END_SECONDS = 5.0
"""For Ray to let go of its processes, before they are left to themselves."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # of a cluster of our own: memory is the local engines' business
}


@dataclass(slots=True)
class Link:
    process: subprocess.Popen[bytes]
    log: Path
    _lines: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)
    _reader: threading.Thread = field(init=False)

    @classmethod
    def start(cls, store: Store, settings: Mapping[str, Any]) -> Link:
        """Raises nothing of Ray's: what fails there is heard."""
        log = store.scratch / "workers" / "ray.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "curate.engine.ray.bridge", json.dumps(settings)]
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=QUIET | os.environ | _own(settings) | _authentication(settings),
            )
        link = cls(process, log)
        # A thread reads, as a driver may have other things to do for minutes, and a bridge that cannot speak lets go of
        # its agents.
        link._reader = threading.Thread(target=link._hear, daemon=True)
        link._reader.start()
        return link

    @property
    def is_gone(self) -> bool:
        """And all that it has said is read: its last words say why."""
        return self.process.poll() is not None and not self._reader.is_alive() and self._lines.empty()

    def send(self, message: Mapping[str, Any]) -> None:
        """To one that is gone, too: that is found by who listens."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def read(self, seconds: float) -> Iterator[dict[str, Any]]:
        """The messages that have come; it waits so long for the first one at most."""
        with contextlib.suppress(queue.Empty):
            yield json.loads(self._lines.get(timeout=seconds))
            while True:
                yield json.loads(self._lines.get_nowait())

    def _hear(self) -> None:
        """The thread: until the bridge has ended."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


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
