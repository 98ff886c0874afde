"""CPU and wall time of a command and of every process that it starts, the forgotten ones included."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def measure(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """CPU (user and system) and wall seconds of a command and all its descendants.

    Orphans count too: a forkserver, which its parent never waits for, becomes this process's child and is waited for.
    """
    adopt_orphans()
    before, started = cpu_of_children(), time.perf_counter()
    with log.open("wb") as stream:
        environment = os.environ | (environment or {})
        code = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=environment).returncode
    wall = time.perf_counter() - started
    wait_for_orphans()
    if code != 0:
        sys.exit(f"{command[0]} ended with exit code {code}:\n{log.read_text(errors='replace')[-2000:]}")
    return cpu_of_children() - before, wall


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
