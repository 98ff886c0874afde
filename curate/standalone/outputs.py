"""Where the files that commands on plain tables write may stand: never over, or among, what is read.

outputs, inputs ─▶ another spelling, a link, a folder or glob that would take them in? ─▶ refused
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from curate.dedup.index import PARAMETERS
from curate.engine.files import would_match
from curate.engine.whole import target_of
from curate.errors import UsageError

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")


def check_places(
    outputs: Mapping[str, str | Path | None],
    *,
    patterns: Sequence[str],
    inputs: Iterable[str],
    folders: Sequence[tuple[str, Path]] = (),
) -> None:
    """`outputs` and `folders` (which are read, or written, as a whole) with the options that named them; `patterns` and
    the `inputs` that they name.

    Raises:
        UsageError: an output has another suffix, is an input, would be one the next time, lies in one of the folders,
            or is another output; through links, too.
    """
    given = [(option, Path(path)) for option, path in outputs.items() if path is not None]
    read = [Path(path) for path in inputs if "://" not in path]
    for option, path in given:
        if not path.name.lower().endswith(SUFFIXES):
            raise UsageError(f"{option} {path}: the format follows the suffix; allowed are {', '.join(SUFFIXES)}")
        _check_apart(option, path, read, patterns, folders)
    for (option, path), (other, second) in combinations(given, 2):
        if _is_same(path, second):
            raise UsageError(f"{option} and {other} are one file, {path}; name two")


def check_new_folder(target: Path) -> None:
    """Raises UsageError where a folder that is to be written as a whole holds something, or has nowhere to stand."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists and is not an empty folder; name a new one")
    if not target.parent.is_dir():
        raise UsageError(f'there is no folder "{target.parent}" to write "{target.name}" into')


def check_index(index: str | Path, *, patterns: Sequence[str], inputs: Iterable[str]) -> None:
    """Raises UsageError where a folder for an index is, or holds, something else."""
    folder = Path(index)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--index {folder} is no folder")
    if not folder.exists() and not _nearest(folder).is_dir():
        raise UsageError(f"--index {folder}: {_nearest(folder)} is no folder")
    if would_match(patterns, folder / "00000.parquet", base=Path.cwd()):
        raise UsageError(f"--index {folder} lies among the inputs, the next time it would be read; name another place")
    for path in inputs:
        if "://" not in path and Path(path).resolve().parent == folder.resolve():
            raise UsageError(f"--index {folder} is the folder of an input ({path}); name one of its own")
    if not (folder / PARAMETERS).is_file() and (others := _others(folder)):
        raise UsageError(
            f'--index {folder} holds "{others[0]}", but no {PARAMETERS}: it is no index; name a new or an empty folder'
        )


def _check_apart(
    option: str, path: Path, read: Sequence[Path], patterns: Sequence[str], folders: Sequence[tuple[str, Path]]
) -> None:
    for other in read:
        if _is_same(path, other):
            raise UsageError(f"{option} {path} is an input ({other}): it would be written over; name another file")
    if would_match(patterns, path, base=Path.cwd()):
        raise UsageError(f"{option} {path} lies among the inputs, the next time it would be read; name another place")
    for name, folder in folders:
        if target_of(path).is_relative_to(target_of(folder)):
            raise UsageError(f"{option} {path} lies in the folder of {name}, {folder}; name another place")


def _others(folder: Path) -> list[str]:
    """What lies in a folder that is to be an index, but for what an index that was begun has left."""
    begun = Path(PARAMETERS).with_suffix(".part").name
    return sorted(path.name for path in folder.iterdir() if path.name != begun) if folder.is_dir() else []


def _nearest(path: Path) -> Path:
    """What there is of a path."""
    return path if path.exists() else _nearest(path.parent)


def _is_same(one: Path, other: Path) -> bool:
    """Also by another spelling, through symbolic links, or as another name of the same file."""
    if target_of(one) == target_of(other):
        return True
    return one.exists() and other.exists() and os.path.samefile(one, other)
