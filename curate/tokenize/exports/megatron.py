"""Megatron-LM's files: NNNNN.bin and NNNNN.idx, which a run's shards are already. gpt-neox reads them, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curate.engine.whole import second_name
from curate.tokenize.exports.format import PARTS, Format, Unit, Wanted
from curate.tokenize.megatron import MEGATRON as INDEX
from curate.tokenize.views import PAYLOAD


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    for part in PARTS:
        (folder / part).mkdir()
        for number, shard in enumerate(unit.shards(part)):
            payload = folder / part / f"{number:05}{PAYLOAD}"
            second_name(shard.path, payload)
            second_name(INDEX.beside(shard.path), INDEX.beside(payload))
    told = "Megatron's index has no code for uint32: ids are read as int32, which below 2^31 is the same"
    return (told,) if wanted.vocabulary.dtype == "uint32" else ()


SNIPPET = """\
from megatron.core.datasets.indexed_dataset import IndexedDataset

dataset = IndexedDataset("{part}/00000")          # --data-path takes the same prefix, without .bin
print(len(dataset), dataset[0][:10])              # one sequence a document, end-of-text ({end_of_text}) included
"""
MEGATRON = Format(
    name="megatron",
    about="NNNNN.bin with .idx: Megatron-LM, gpt-neox",
    write=_write,
    snippet=SNIPPET,
    is_linked=True,
)
