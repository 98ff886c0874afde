"""What is done: a record for each task that was committed, with its files, their digests, and its counts.

    task ─▶ Outputs ─▶ store.put: all files have their names ─▶ done/<stage>/<key>.json

`done/` is the only truth. A file that no record names is the rest of a killed attempt: the same task, done again, will
write the same bytes under the same name. So going on asks only which records there are, and each is looked at when a
later stage builds on it, or at the end.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.engine.at_once import asked_of_each
from curate.engine.outputs import Entry, Outputs
from curate.engine.sealed import opened, sealed_bytes
from curate.engine.store import Store
from curate.engine.whole import file_digest
from curate.errors import CheckFailed, RottenFile
from curate.run_files import DONE, done_record


@dataclass(frozen=True, slots=True)
class Done:
    """What one task committed: its outputs by path below the run, and its counts."""

    stage: str
    key: str
    outputs: Mapping[str, Entry]
    counts: Mapping[str, Any]


def commit(store: Store, stage: str, key: str, outputs: Outputs, counts: Mapping[str, Any]) -> Done:
    """Give an attempt's files their names, and record them.

    Raises:
        RottenFile: a file whose content was to get a second name is not as it was committed.
    """
    entries = dict(sorted(outputs.entries.items()))
    origins = {name: origin.name for name, origin in outputs.origins.items()}
    store.put(outputs.folder, {name: origins.get(name) for name in entries})
    # After the put, as what counts is the second name's content; before the record, as until then nothing has happened.
    _check_repeated(store, outputs)
    done = Done(stage, key, entries, counts)
    # Last of all: until it is there, nothing has happened, and what was put is overwritten by the next attempt.
    write_done(store, done)
    return done


def write_done(store: Store, done: Done) -> None:
    """From now on the task is done; all files that the record names must be there."""
    outputs = dict(sorted(done.outputs.items()))
    record = {"stage": done.stage, "key": done.key, "outputs": outputs, "counts": done.counts}
    store.write(done_record(done.stage, done.key), sealed_bytes(record))


def _check_repeated(store: Store, outputs: Outputs) -> None:
    """Between the look at a file and its second name a bit may have flipped."""
    for name, origin in outputs.origins.items():
        if file_digest(store.fetch(name)) != outputs.entries[name]["sha256"]:
            raise RottenFile(*origin)


def keys_done(store: Store, stage: str) -> set[str]:
    """The keys of a stage's tasks that have a record, whatever it says."""
    names = (name.rpartition("/")[2] for name in store.names(f"{DONE}/{stage}"))
    return {name.removesuffix(".json") for name in names if name.endswith(".json")}


def stages_done(store: Store) -> list[str]:
    """The stages of which something is done."""
    return sorted({name.split("/")[1] for name in store.names(DONE)})


def read_done(store: Store, stage: str) -> Iterator[Done]:
    """The committed tasks of a stage, in the order of their keys; damaged records are none."""
    found = asked_of_each(store, lambda key: read_one(store, stage, key), sorted(keys_done(store, stage)))
    return (done for done in found if done is not None)


def read_one(store: Store, stage: str, key: str) -> Done | None:
    """The record of one task; None where it is not done, or its record is damaged, which says nothing."""
    stamp = store.stamp(done_record(stage, key))
    return None if stamp is None else _read_as(store, stage, key, stamp)


# Of a record each output is asked for by itself, and to open one costs a digest: those of the last tasks are held.
@functools.lru_cache(maxsize=64)
def _read_as(store: Store, stage: str, key: str, stamp: object) -> Done | None:
    try:
        return Done(**opened(store.read(done_record(stage, key)), done_record(stage, key)))
    except (FileNotFoundError, CheckFailed, TypeError):  # TypeError: whole, but with other fields than a record has
        return None


def forget(store: Store, stage: str, key: str) -> None:
    """A task is to be done again: what it wrote counts no more."""
    store.remove(done_record(stage, key))


def forget_stage(store: Store, stage: str) -> None:
    """All of its tasks are to be done again, or by nobody."""
    store.remove(f"{DONE}/{stage}")


def committed(store: Store, stage: str, key: str) -> Done:
    """The record of a task that a later stage builds on.

    Raises:
        RottenFile: it is gone or damaged; the task is to be done again.
    """
    done = read_one(store, stage, key)
    if done is None:
        raise RottenFile(stage, key, done_record(stage, key))
    return done


def check_there(store: Store, done: Done) -> None:
    """All files that a record names are there, in their sizes.

    Raises:
        RottenFile
    """
    for name, entry in done.outputs.items():
        stamp = store.stamp(name)
        if stamp is None or stamp.size != entry["size"]:
            raise RottenFile(done.stage, done.key, name)


def intact(store: Store, stage: str, key: str, name: str) -> Path:
    """A file of this machine with what a task has committed, after a look at its content: a bit may have flipped since.

    Raises:
        RottenFile: it is not as it was committed; the task is to be done again.
    """
    expected, stamp = committed(store, stage, key).outputs.get(name), store.stamp(name)
    # The size first: it costs no reading, and tells of most damage.
    if expected is None or stamp is None or stamp.size != expected["size"]:
        raise RottenFile(stage, key, name)
    path = store.fetch(name)
    if _digest_of(path, stamp) != expected["sha256"]:
        raise RottenFile(stage, key, name)
    return path


@functools.lru_cache(maxsize=4096)
def _digest_of(path: Path, stamp: object) -> str:
    """Some files are read by every task of a process; one look at each content is enough."""
    return file_digest(path)
