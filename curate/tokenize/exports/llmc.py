"""llm.c's files, which modded-nanogpt reads as well: a header of 256 int32, then tokens, end-of-text first.

d1 E d2 E ─▶ header │ E d1 E d2          uint16: GPT-2's header; uint32: that of Llama 3
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curate.errors import UsageError
from curate.tokenize.exports.format import Format, Unit, Wanted
from curate.tokenize.exports.payload import pieces
from curate.tokenize.shards import Shard

HEADERS = {2: (20240520, 1), 4: (20240801, 7)}
"""Bytes of a token: magic number and version (llm.c, dev/data/data_common.py)."""
HEADER_INTEGERS = 256
MAX_TOKENS = 2**31 - 1
NAMES = {"train": "train", "validation": "val"}


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    for part, name in NAMES.items():
        for number, shard in enumerate(unit.train if part == "train" else unit.validation):
            _write_shard(shard, folder / f"{unit.name}_{name}_{number:06}.bin", wanted.vocabulary.end_of_text)
    return ("llm.c wants at least batch x length + 1 tokens in each file, and leaves what fills no whole batch",)


def _write_shard(shard: Shard, path: Path, end_of_text: int) -> None:
    if len(shard.tokens) > MAX_TOKENS:
        raise UsageError(f"{shard.path} has {len(shard.tokens):,} tokens; a file of llm.c has at most {MAX_TOKENS:,}")
    header = np.zeros(HEADER_INTEGERS, dtype="<i4")
    header[:2] = HEADERS[shard.tokens.dtype.itemsize]
    header[2] = len(shard.tokens)
    with path.open("wb") as file:
        file.write(header.tobytes())
        file.write(np.array([end_of_text], dtype=shard.tokens.dtype).tobytes())
        held = b""
        for piece in pieces(shard):
            file.write(held)
            held = piece.tobytes()
        file.write(held[: -shard.tokens.dtype.itemsize])  # the last end-of-text has gone to the front


SNIPPET = """\
from glob import glob

import numpy as np

path = sorted(glob("*_train_*.bin"))[0]
header = np.fromfile(path, dtype=np.int32, count=256)
tokens = np.fromfile(path, dtype=np.{dtype}, offset=1024)
print(header[:3], len(tokens) == header[2], tokens[0] == {end_of_text})
"""
LLMC = Format(
    name="llmc",
    about="*_train_NNNNNN.bin with a header: llm.c, modded-nanogpt",
    write=_write,
    snippet=SNIPPET,
)
