"""Blocks of lines, each long enough for its language to be told.

text ─▶ lines ─▶ short ones together with those that follow ─▶ blocks that tile the texts, and whose each is
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curate.text.buffers import TextBuffers
from curate.text.characters import NEWLINE
from curate.text.compiled import kernel, pointer

MIN_BLOCK = 100
"""Bytes: of shorter texts models tell one in ten wrongly. The last block of a text may be shorter, as may the text."""


def cut_blocks(buffers: TextBuffers) -> tuple[TextBuffers, npt.NDArray[np.int64]]:
    """The same bytes cut at some of their line breaks, and the number of each block's text, int64[blocks]."""
    size = int(buffers.offsets[-1] - buffers.offsets[0])
    room = buffers.documents + size // MIN_BLOCK + 1
    ends, owners = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    count = _cut(*buffers, ends, owners) if size else 0
    offsets = np.concatenate([buffers.offsets[:1], ends[:count]]).astype(np.int64)
    return TextBuffers(buffers.data, offsets), owners[:count]


@kernel
def _cut(data, offsets, ends, owners):
    text, count = pointer(data), 0
    for document in range(len(offsets) - 1):
        begin, end = offsets[document], offsets[document + 1]
        for at in range(begin, end):
            is_end = at + 1 == end
            if is_end or (text[at] == NEWLINE and at + 1 - begin >= MIN_BLOCK):
                ends[count], owners[count] = at + 1, document
                count += 1
                begin = at + 1
    return count
