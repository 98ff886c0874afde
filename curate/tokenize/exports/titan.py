"""torchtitan's custom source: tokens.bin to be mapped, and document_offsets.npy with n + 1 borders of n documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curate.tokenize.exports.format import PARTS, Format, Unit, Wanted
from curate.tokenize.exports.payload import document_ends, join


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    for part in PARTS:
        (folder / part).mkdir()
        shards = unit.shards(part)
        join(shards, folder / part / "tokens.bin")
        np.save(folder / part / "document_offsets.npy", np.concatenate([[0], document_ends(shards)]).astype(np.int64))
    return ()


SNIPPET = """\
import numpy as np

tokens = np.memmap("{part}/tokens.bin", dtype=np.{dtype}, mode="r")
borders = np.load("{part}/document_offsets.npy")
documents = (tokens[start:end] for start, end in zip(borders, borders[1:]))
first = next(documents)
print(len(borders) - 1, len(tokens), int(first[-1]) == {end_of_text})
"""
TITAN = Format(
    name="titan",
    about="tokens.bin and document_offsets.npy: torchtitan's custom sources",
    write=_write,
    snippet=SNIPPET,
    is_linked=True,
)
