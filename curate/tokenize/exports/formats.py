"""The table of formats: what `curate export RUN --to …` may name."""

from __future__ import annotations

from collections.abc import Mapping

from curate.errors import UsageError, nearest
from curate.tokenize.exports.datatrove import DATATROVE
from curate.tokenize.exports.format import Format
from curate.tokenize.exports.hf import HF
from curate.tokenize.exports.litdata import LITDATA
from curate.tokenize.exports.llmc import LLMC
from curate.tokenize.exports.mds import MDS
from curate.tokenize.exports.megatron import MEGATRON
from curate.tokenize.exports.nanochat import NANOCHAT
from curate.tokenize.exports.nanogpt import NANOGPT
from curate.tokenize.exports.olmo import OLMO
from curate.tokenize.exports.packed import PACKED
from curate.tokenize.exports.titan import TITAN

FORMATS: Mapping[str, Format] = {
    format.name: format
    for format in (NANOGPT, DATATROVE, OLMO, MEGATRON, TITAN, LLMC, LITDATA, MDS, HF, NANOCHAT, PACKED)
}
"""By name: first those whose payload is the run's own, by a second name."""


def find_format(name: str) -> Format:
    """
    Raises:
        UsageError: there is no such format.
    """
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f'there is no format "{name}"{nearest(name, FORMATS)} (known: {known})')
    return FORMATS[name]
