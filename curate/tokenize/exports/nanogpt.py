"""nanoGPT's files: raw uint16 for training and for validation, and meta.pkl with the size of the vocabulary."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

from curate.errors import UsageError
from curate.tokenize.exports.format import Format, Unit, Wanted
from curate.tokenize.exports.payload import join

PICKLE_PROTOCOL = 4
"""One that stays, so that equal content is equal bytes."""


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    vocabulary = wanted.vocabulary
    if vocabulary.dtype != "uint16":
        raise UsageError(
            f"nanoGPT reads tokens of two bytes, and this vocabulary has {vocabulary.size:,} ids: "
            'give it "datatrove", "megatron" or "llmc", which have four'
        )
    join(unit.train, folder / "train.bin")
    join(unit.validation, folder / "val.bin")
    (folder / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": vocabulary.size}, protocol=PICKLE_PROTOCOL))
    return () if unit.validation else ("val.bin is empty: the run holds no validation documents of it",)


SNIPPET = """\
import numpy as np

tokens = np.memmap("train.bin", dtype=np.uint16, mode="r")        # as data_dir of nanoGPT's train.py
starts = np.random.default_rng(0).integers(len(tokens) - {row_length}, size=8)
inputs = np.stack([tokens[start : start + {row_length}] for start in starts]).astype(np.int64)
targets = np.stack([tokens[start + 1 : start + 1 + {row_length}] for start in starts]).astype(np.int64)
print(inputs.shape, targets.shape, len(tokens))
"""
NANOGPT = Format(
    name="nanogpt",
    about="train.bin and val.bin of raw uint16, meta.pkl: nanoGPT and who reads as it does",
    write=_write,
    snippet=SNIPPET,
    is_linked=True,
)
