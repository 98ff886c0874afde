"""datatrove's files: NNNNN.ds, its document ends and its lines of metadata, as nanotron and datatrove's datasets read
them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curate.engine.whole import second_name
from curate.tokenize.document_ends import DOCUMENT_ENDS
from curate.tokenize.exports.format import PARTS, Format, Unit, Wanted

UNITS = ("", "K", "M", "B", "T")


def _write(folder: Path, unit: Unit, wanted: Wanted) -> Sequence[str]:
    for part in PARTS:
        (folder / part).mkdir()
        for number, shard in enumerate(unit.shards(part)):
            target = folder / part / f"{number:05}.ds"
            second_name(shard.path, target)
            second_name(DOCUMENT_ENDS.beside(shard.path), target.with_name(f"{target.name}.index"))
            lines = (f"{wanted.vocabulary.tokenizer}|{shard.tokens.dtype.itemsize}", len(shard.tokens))
            text = f"{lines[0]}\n{lines[1]}\n{_told(lines[1])}"
            target.with_name(f"{target.name}.metadata").write_text(text, encoding="utf-8")
    return ()


def _told(tokens: int) -> str:
    """A count as people say it: 1.23 M."""
    size = float(tokens)
    power = 0
    while size >= 1000 and power < len(UNITS) - 1:
        size, power = size / 1000, power + 1
    return f"{size:.2f} {UNITS[power]}T"


SNIPPET = """\
from datatrove.utils.dataset import DatatroveFolderDataset

width = 2 if "{dtype}" == "uint16" else 4
dataset = DatatroveFolderDataset(
    "{part}", seq_len={row_length}, filename_pattern="*.ds", token_size=width, return_positions=True
)
print(len(dataset), dataset[0]["input_ids"][:10])
"""
DATATROVE = Format(
    name="datatrove",
    about="NNNNN.ds with .index and .metadata: datatrove's datasets, nanotron",
    write=_write,
    snippet=SNIPPET,
    is_linked=True,
)
