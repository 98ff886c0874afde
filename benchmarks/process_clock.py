"""CPU and wall time, and the peak of memory, of a command and of every process that it starts, the forgotten ones
included.

command ─▶ its processes ─┬▶ user and system time once all have ended
                          └▶ a thread looks four times a second: their memory, shared pages divided among them
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 0.25


class Cost(NamedTuple):
    """Seconds of user and system time, seconds on the wall, and the largest sum of memory (PSS) at one moment."""

    cpu: float
    wall: float
    peak_mb: float


def measure(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """What a command and all its descendants cost; it ends the benchmark if the command fails.

    Orphans count too: a forkserver, which its parent never waits for, becomes this process's child and is waited for.
    """
    adopt_orphans()
    before, started = cpu_of_children(), time.perf_counter()
    with log.open("wb") as stream:
        surroundings = {**os.environ, **(environment or {})}
        # Else each process of a tool that was installed from its sources compiles all of them anew, as no user's does.
        surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=surroundings)
        peak_mb = watch_memory(process)
    wall = time.perf_counter() - started
    wait_for_orphans()
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with exit code {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
    return Cost(cpu_of_children() - before, wall, peak_mb)


def watch_memory(process: subprocess.Popen[bytes]) -> float:
    """Wait for the process; the peak of its memory and its descendants' in MB."""
    peak, ended = 0.0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not ended.wait(LOOK_SECONDS):
            peak = max(peak, memory_of_tree(process.pid) / 1e6)

    watcher = threading.Thread(target=look)
    watcher.start()
    process.wait()
    ended.set()
    watcher.join()
    return peak


def memory_of_tree(pid: int) -> int:
    """Bytes of a process and its descendants; a page that several share counts once, in parts."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error, OSError):
                total += memory_of(process)
    return total


def memory_of(process: psutil.Process) -> int:
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    if rollup.exists():
        line = next(line for line in rollup.read_text().splitlines() if line.startswith("Pss:"))
        return int(line.split()[1]) * 1024
    return int(process.memory_info().rss)  # macOS has no other


def adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for_orphans() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
