"""Every file of a run against the manifest, the manifest against its seal, the account against the ledger, and the
views of a shard against its tokens.

manifest.json ─▶ its seal ─▶ outputs and records: size, sha256 ─▶ missing, changed, strange ─▶ the ledger's counts
                                                             └──▶ documents of each shard
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.engine.records import read_done, stages_done
from curate.engine.run_copies import forget_copies
from curate.engine.whole import file_digest
from curate.errors import CheckFailed, UsageError
from curate.report.verify_inputs import input_differences
from curate.run_files import CHECKPOINTS, LOCK, MANIFEST, PROFILE, REPORT, TIMING, WORK, is_shard
from curate.run_folder import RunFolder
from curate.tokenize.document_ends import DOCUMENT_ENDS
from curate.tokenize.own_views import views_of
from curate.tokenize.shards import open_shard
from curate.tokenize.views import PAYLOAD, VIEWS, check_views

UNACCOUNTED = (MANIFEST, LOCK, TIMING, REPORT)
"""Files of a run that no digest covers, or that have their own."""
OTHERS = (CHECKPOINTS, PROFILE, WORK)
"""Folders that are not a part of the data: the trainer's, what --profile writes, what later runs build on."""


@dataclass(frozen=True, slots=True)
class Verified:
    """How many files were compared, and a sentence for each difference."""

    files: int
    differences: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.differences


def verified(run: RunFolder, *, inputs: bool = False) -> Verified:
    """Compare everything; with `inputs`, also what was read with what lies there now.

    Raises:
        UsageError: the run is not complete.
    """
    if isinstance(run.place, str) and run.is_complete:
        forget_copies(run.place)  # of what lies there now, not of what was once copied
        run.look_again()
    found = tuple(differences(run))
    files = _count_files(run)
    if inputs and files:  # of a damaged manifest all is said
        found += tuple(input_differences(run))
    return Verified(files, found)


def _count_files(run: RunFolder) -> int:
    """Of those that the manifest names; none where it is damaged itself."""
    try:
        return len(run.manifest["outputs"])
    except CheckFailed:
        return 0


def differences(run: RunFolder) -> Iterator[str]:
    """A sentence for each file that is not as it was written, is missing or strange, and for every source whose account
    does not close.

    Raises:
        UsageError: the run is not complete.
    """
    try:
        manifest = run.manifest
    except CheckFailed as error:
        yield str(error)
        return
    known = manifest["outputs"] | manifest["records"]
    changed = set()
    for name, entry in sorted(known.items()):
        for difference in _file_differences(run.folder / name, name, entry):
            changed.add(name)
            yield difference
    yield from _view_differences(run, known.keys() - changed)
    yield from _intermediate(run)
    yield from _strange(run.folder, known)
    for source, counts in manifest["counts"].items():
        yield from _account_differences(run, source, counts)


def _file_differences(path: Path, name: str, entry: dict[str, Any]) -> Iterator[str]:
    if not path.is_file():
        yield f"{name} is missing"
    elif path.stat().st_size != entry["size"]:
        yield f"{name} has {path.stat().st_size:,} bytes, the manifest says {entry['size']:,}"
    elif file_digest(path) != entry["sha256"]:
        yield f"{name} has another sha256 than the manifest says"


def _view_differences(run: RunFolder, sound: Set[str]) -> Iterator[str]:
    """Shards whose views tell of other documents than their payload holds; of those whose files are as written."""
    folder, views = run.folder, VIEWS
    try:
        views = views_of(run.recipe)
    except CheckFailed:
        pass  # the recipe or the plan is damaged, which is told where its file is looked at
    except UsageError as error:
        yield f"one's own views cannot be checked: {error}"
    there = {folder / name for name in sound}
    for name in sorted(sound):
        path = folder / name
        if is_shard(name, PAYLOAD) and DOCUMENT_ENDS.beside(path) in there:
            try:
                shard = open_shard(path)
                yield from check_views(path, there, shard.tokens, shard.ends, views)
            except CheckFailed as error:
                yield str(error)


def _intermediate(run: RunFolder) -> Iterator[str]:
    """What lies in work/, where it was kept, against the records of the tasks that wrote it."""
    work = run.room(WORK)
    if not work.is_dir():
        return
    for stage in stages_done(run.store):
        for done in read_done(run.store, stage):
            for name, entry in done.outputs.items():
                if name.startswith(f"{WORK}/"):
                    yield from _file_differences(work.parent / name, name, dict(entry))


def _strange(folder: Path, known: dict[str, Any]) -> Iterator[str]:
    """Files that nobody has accounted for."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        is_other = name.parts[0] in OTHERS or name.as_posix() in UNACCOUNTED
        if not path.is_dir() and not is_other and name.as_posix() not in known:
            yield f"{name.as_posix()} is strange: the manifest does not know it"


def _account_differences(run: RunFolder, source: str, counts: dict[str, int]) -> Iterator[str]:
    try:
        outcomes = run.ledger(source).group_by("outcome").agg(pl.len()).collect()
    except Exception as error:
        yield f"the ledger of {source} cannot be read: {error}"
        return
    found = dict(outcomes.iter_rows())
    if sum(found.values()) != counts["read"]:
        yield f"the ledger of {source} has {sum(found.values()):,} rows, the manifest says {counts['read']:,} were read"
    for outcome in ("kept", "dropped", "quarantined"):
        if found.get(outcome, 0) != counts[outcome]:
            yield f"{source}: {found.get(outcome, 0):,} {outcome} in the ledger, {counts[outcome]:,} in the manifest"
