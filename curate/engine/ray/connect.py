"""Into a Ray cluster, or a new one of this machine's own; and whether it lets in others, too.

settings ─▶ connect ─▶ a job of the cluster
        └─▶ stranger, who has another token ─▶ check_closed
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Mapping
from typing import Any

OBJECT_STORE_BYTES = 80 << 20
"""The least that Ray takes: only words pass through it."""
NOT_SENT = ("pyarrow", "pydantic")
"""Libraries whose values Ray knows how to send, and for which it loads them: a fifth of a second."""
IS_OPEN, IS_CLOSED, IS_UNKNOWN = 0, 1, 2
OR_SAY_SO = ", or say --insecure-cluster"


def connect(settings: Mapping[str, Any]) -> None:
    """To the cluster at an address, or to one of this machine's own; by a process that does nothing else."""
    import ray

    for library in NOT_SENT:
        sys.modules.setdefault(library, None)  # type: ignore[arg-type]  # as if it were not installed
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


def stranger(settings: Mapping[str, Any]) -> int | None:
    """One with a token of its own, who asks a cluster which it is: the number of a process, as Ray reads its token once
    and for all. None where nobody need ask. Before this process connects, which starts threads: it is a copy of it."""
    if not settings["address"] or settings["is_insecure"]:
        return None
    import ray  # noqa: F401  # before the copy is made: it takes a third of a second

    process = os.fork()
    if process == 0:
        os._exit(_ask(settings["address"]))
    return process


def _ask(address: str) -> int:
    """What a stranger hears, as the code that it exits with."""
    with contextlib.suppress(BaseException):  # Ray exits where it finds no cluster, and this copy must go no further
        # Not the token's absence, which is a setting that Ray has read by now: any token is let in where none is asked.
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        from ray._private.services import canonicalize_bootstrap_address_or_die
        from ray._raylet import GcsClient
        from ray.exceptions import AuthenticationError

        try:
            GcsClient(address=canonicalize_bootstrap_address_or_die(address))
        except AuthenticationError:
            return IS_CLOSED
        return IS_OPEN
    return IS_UNKNOWN


def check_closed(asked: int | None) -> None:
    """
    Raises:
        PermissionError: who has no token of the cluster gets in, too, or may.
    """
    if asked is None:
        return
    heard = os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1])
    if heard == IS_OPEN:
        told = "it lets in whoever comes, without a token; start it with RAY_AUTH_MODE=token"
        raise PermissionError(f"{told}{OR_SAY_SO}")
    if heard != IS_CLOSED:
        raise PermissionError(f"whether it lets in whoever comes, without a token, was not to be found out{OR_SAY_SO}")
