"""The inputs of a run, read once more and compared with what the manifest says was read.

manifest.json ─▶ each input: sha256, or ranges [start, end, sha256] ─▶ the file as it is now ─▶ missing, longer, changed
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from curate.engine.files import open_input
from curate.engine.plan import InputFile
from curate.errors import MachineError, UsageError
from curate.run_folder import RunFolder

BLOCK_BYTES = 1 << 20


def input_differences(run: RunFolder) -> Iterator[str]:
    """A sentence for each input that is not, or not wholly, what the run has read."""
    entries = run.manifest["inputs"]
    for source, files in run.plan.inputs().items():
        for file, entry in zip(files, entries[source], strict=True):  # both are sorted by name
            difference = _difference(file, entry)
            if difference:
                yield f"the input {source}/{file.name} {difference}"


def _difference(file: InputFile, entry: dict[str, Any]) -> str | None:
    try:
        with open_input(file.uri) as opened:
            if opened.size() != entry["size"]:
                return f"has {opened.size():,} bytes, {entry['size']:,} were read"
            whole = {"start": 0, "end": entry["size"], "sha256": entry.get("sha256")}
            for part in entry.get("ranges", [whole]):
                if _sha256(opened, part["start"], part["end"]) != part["sha256"]:
                    return f"has other bytes between {part['start']:,} and {part['end']:,} than were read"
    except (OSError, MachineError, UsageError) as error:
        return f"cannot be read any more: {error}"
    return None


def _sha256(opened: Any, start: int, end: int) -> str:
    sha256 = hashlib.sha256()
    opened.seek(start)
    while start < end and (data := opened.read(min(BLOCK_BYTES, end - start))):
        sha256.update(data)
        start += len(data)
    return sha256.hexdigest()
