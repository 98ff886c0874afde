"""A sign of life on an object store: written on a condition, read, and judged by who looks at it.

{"machine": …, "process": …, "id": …, "beat": 17} ─▶ object ─▶ is its process gone? is it old, by the store's own clock?
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from curate.engine.object_address import Address
from curate.engine.object_client import asked, obstore_here
from curate.engine.patience import Manners

PATIENCE = 60.0
"""Seconds without a sign after which its holder counts as gone."""
REQUEST_SECONDS = 20
PROBE = ".now"
"""How the names of objects end that are written to learn what time it is."""
PutMode = str | Mapping[str, str]
"""The condition of a write, as obstore has it: "create", `only_if`, or "overwrite" for none."""
Sign = Mapping[str, Any]


def write_sign(at: Address, content: bytes, how: PutMode, manners: Manners | None = None) -> Mapping[str, Any]:
    """What tells the object that was written from those before and after.

    Raises:
        Unmet, FileNotFoundError: it is not as `how` says.
    """
    obstore = obstore_here()

    def write(client: Any) -> Mapping[str, Any]:
        return {**obstore.put(client, at.key, content, mode=how, use_multipart=False)}

    return asked(at, write, seconds=REQUEST_SECONDS, manners=manners)


def only_if(meta: Mapping[str, Any]) -> dict[str, Any]:
    """On the condition that the object is still this version."""
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key)}


def read_sign(at: Address) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What a sign says, and what the store says of it; nothing where there is none."""
    obstore = obstore_here()

    def read(client: Any) -> tuple[bytes, Mapping[str, Any]]:
        answer = obstore.get(client, at.key)
        return bytes(answer.bytes()), answer.meta

    try:
        content, meta = asked(at, read, seconds=REQUEST_SECONDS)
        return json.loads(content), meta
    except FileNotFoundError:
        return {}, {}
    except ValueError:
        return {}, meta


def is_alive(at: Address) -> bool:
    sign, meta = read_sign(at)
    return bool(meta) and not is_over(at, sign, meta)


def is_over(at: Address, sign: Mapping[str, Any], meta: Mapping[str, Any]) -> bool:
    """Whether the holder of a sign is known to be gone, or has given none for long, by the clock of the store."""
    if _is_gone(sign):
        return True
    age: timedelta = _now_at(at) - meta["last_modified"]
    return age > timedelta(seconds=PATIENCE)


def _is_gone(sign: Mapping[str, Any]) -> bool:
    here = this_process()
    if not here["system"] or sign.get("system") != here["system"]:
        return False
    import psutil

    try:
        process = psutil.Process(int(sign["process"]))
        is_another = abs(process.create_time() - float(sign["began"])) > 1.0
        return is_another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, KeyError, ValueError):
        return False


def this_process() -> dict[str, Any]:
    """`system` is this start of this machine, as far as it sees the same processes."""
    import psutil

    system = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        system = f"{boot} {os.readlink('/proc/self/ns/pid')}"
    began = psutil.Process().create_time()
    return {"machine": platform.node(), "system": system, "process": os.getpid(), "began": began}


def _now_at(at: Address) -> datetime:
    """By the store's clock, which has written all times that are compared with it."""
    probe = at._replace(key=f"{at.key}.{uuid.uuid4().hex}{PROBE}")
    write_sign(probe, b"", "overwrite")
    now: datetime = asked(probe, lambda client: obstore_here().head(client, probe.key))["last_modified"]
    remove_sign(probe)
    return now


def signs_below(place: Address) -> list[Address]:
    obstore = obstore_here()
    keys = asked(place, lambda client: [meta["path"] for chunk in obstore.list(client, place.key) for meta in chunk])
    return [place._replace(key=key) for key in keys if not key.endswith(PROBE)]


def remove_sign(at: Address) -> None:
    obstore = obstore_here()
    asked(at, lambda client: obstore.delete(client, at.key), seconds=REQUEST_SECONDS)
