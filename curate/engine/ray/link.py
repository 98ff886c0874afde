"""The bridge to Ray as its driver sees it: a process that is started, written to, listened to, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from curate.engine.choice import EngineChoice
from curate.errors import UsageError
from curate.version import __version__

SILENCE_SECONDS = 30.0
"""Without a word from the other side, after which a driver gives an agent up, and an agent its driver."""
END_SECONDS = 5.0
"""For Ray to let go of its processes, before they are left to themselves."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # of a cluster of our own: memory is the local engines' business
}


def check_choice(choice: EngineChoice) -> None:
    """
    Raises:
        UsageError: Ray is not installed, or it cannot do what is asked of it.
    """
    if find_spec("ray") is None:
        raise UsageError('--engine ray needs Ray, which is not installed: pip install "curate-corpus[ray]"')
    if choice.workers == 0:
        raise UsageError("--workers 0 does all in this process, and --engine ray nothing; leave one of both out")
    if choice.ray_address and choice.ray_address.startswith("ray://"):
        raise UsageError(f"{choice.ray_address} is for Ray Client: start curate on a node, with --ray-address auto")


@contextlib.contextmanager
def link_ahead(choice: EngineChoice) -> Iterator[Link]:
    """A bridge that connects, and starts actors, while its driver loads libraries and makes a plan."""
    check_choice(choice)
    link = Link.start(choice)
    try:
        yield link
    finally:
        link.close()


@dataclass(slots=True)
class Link:
    process: subprocess.Popen[bytes]
    words: IO[bytes]
    """What it and Ray say, as there may be no run yet to keep that in."""
    log: Path | None = None
    """Where that goes in the end."""
    is_closed: bool = False
    _lines: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)
    _reader: threading.Thread = field(init=False)

    @classmethod
    def start(cls, choice: EngineChoice) -> Link:
        """Raises nothing of Ray's: what fails there is heard."""
        settings = {"address": choice.ray_address, "workers": choice.workers, "is_insecure": choice.is_insecure}
        of_nodes = {"version": __version__, "loads": choice.loads}
        command = [sys.executable, "-m", "curate.engine.ray.bridge", json.dumps(settings | of_nodes)]
        words = tempfile.TemporaryFile()  # noqa: SIM115  # until `close`
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env=QUIET | os.environ | _own(settings) | _authentication(settings),
        )
        link = cls(process, words)
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
        if self.is_closed:
            return
        self.is_closed = True
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._keep_words()

    def _keep_words(self) -> None:
        with self.words:
            self.words.seek(0)
            said = self.words.read()
        if said and self.log is not None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                log.write(said)


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
