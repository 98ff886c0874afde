"""A run on an object store, as those see it who read it: a folder of this machine, copied as far as it is looked at.

"s3://bucket/runs/mini", "ledger" ─▶ listed ─▶ what is not here at its version is fetched, what is gone goes ─▶ Path
"""

from __future__ import annotations

import shutil
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from curate.engine.copies import copies_of
from curate.engine.object_store import ObjectStore, open_objects
from curate.run_files import LOCK, WORK

NOT_COPIED = (WORK, LOCK)
"""What is no part of all of a run, as only those need it who work on it."""
AT_ONCE = 8


def copied_folder(address: str, name: str, copied: set[str]) -> Path:
    """A folder of a run ("": all of it) on this machine; nothing is done for one below those that are `copied` already,
    to which it is added."""
    files = copies_of(address).files
    if not _is_below(name, copied):
        _bring(open_objects(address), name)
        copied.add(name)
    return files / name


def copied_file(address: str, name: str) -> Path:
    """A file of a run on this machine, which need not be there."""
    store = open_objects(address)
    try:
        return store.fetch(name)
    except FileNotFoundError:
        store.copies.forget(name)
        return store.copies.files / name


def forget_copies(address: str) -> None:
    """What is looked at next is fetched anew, whatever the store says of its version."""
    copies_of(address).forget("")


def _bring(store: ObjectStore, name: str) -> None:
    files = store.copies.files
    there = [(each, stamp) for each, stamp in store.stamps(name) if name or _is_for_readers(each)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        wanted = {*threads.map(lambda each: store.fetch_as(*each), there)}
    for path in store.copies.links(name):
        each = path.relative_to(files).as_posix()
        if path not in wanted and (name or _is_for_readers(each)):
            store.copies.forget(each)
    if not wanted:
        shutil.rmtree(files / name, ignore_errors=True)


def _is_for_readers(name: str) -> bool:
    return name.partition("/")[0] not in NOT_COPIED


def _is_below(name: str, copied: Set[str]) -> bool:
    if "" in copied and _is_for_readers(name):
        return True
    return any(name == each or name.startswith(f"{each}/") for each in copied if each)
