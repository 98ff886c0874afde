"""Into a Ray cluster, or a new one of this machine's own; and whether it lets in others, too.

settings ─▶ connect ─▶ a job of the cluster
        └─▶ stranger, who has no token ─▶ check_closed
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

OBJECT_STORE_BYTES = 80 << 20
"""The least that Ray takes: only words pass through it."""


def connect(settings: Mapping[str, Any]) -> None:
    """To the cluster at an address, or to one of this machine's own."""
    import ray

    quiet = {"log_to_driver": False, "logging_level": "warning"}
    if settings["address"]:
        ray.init(address=settings["address"], **quiet)
        return
    ray.init(
        address="local",
        num_cpus=settings["workers"],
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        **quiet,
    )


def stranger(settings: Mapping[str, Any]) -> subprocess.Popen[bytes] | None:
    """One without a token, who asks a cluster how it is: a process of its own, as Ray has a token once and for all.
    None where nobody need ask."""
    if not settings["address"] or settings["is_insecure"]:
        return None
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", settings["address"]]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_closed(asked: subprocess.Popen[bytes] | None) -> None:
    """
    Raises:
        PermissionError: who has no token gets in, too.
    """
    if asked is not None and asked.wait() == 0:
        raise PermissionError(
            "it lets in whoever comes, without a token; start it with RAY_AUTH_MODE=token, or say --insecure-cluster"
        )
