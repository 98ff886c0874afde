"""The scanner's entry: a batch of pages becomes elements, words, blocks, text, links and facts, page after page.

    UTF-8 of all pages, offsets ─▶ one kernel ─▶ ScannedPages: rows of int32 (see `columns`) and the text of all blocks

One pass over the bytes, in time and memory proportional to them, whatever they are. A page's rows depend on that page
alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.extract.scan.columns import BLOCK_WIDTH, ELEMENT_WIDTH, FACTS, LINK_WIDTH, SCRIPT_WIDTH
from curate.extract.scan.facts import fact_table
from curate.extract.scan.names import ATTRIBUTES, KEYS, attribute_table, tag_properties, tag_table
from curate.extract.scan.references import reference_table
from curate.extract.scan.room import (
    COUNTS,
    IS_WHOLE,
    IS_XHTML,
    MAX_LEVELS,
    STACK_WIDTH,
    STATE,
    ScanRoom,
    addresses_of,
    facts_of,
    room_at,
    state_of,
)
from curate.extract.scan.tokens import scan_page
from curate.text.buffers import TextBuffers
from curate.text.compiled import kernel

MAX_BYTES = 1 << 30
"""Of a batch: positions are int32, and the text may be a quarter longer than the source."""
LESS = 0x3C
Rows = npt.NDArray[np.int32]


class ScannedPages(NamedTuple):
    """Page i has the rows `starts[i, k]:starts[i + 1, k]` of array k of elements, words, blocks, text, links, scripts.

    The columns of the matrices are constants in `columns`; positions count from the beginning of the batch's arrays.
    """

    source: npt.NDArray[np.uint8]
    elements: Rows  # int32[elements, ELEMENT_WIDTH], in document order; the first of a page is its root
    words: npt.NDArray[np.uint32]
    blocks: Rows  # int32[blocks, BLOCK_WIDTH], in document order
    text: npt.NDArray[np.uint8]  # UTF-8 of all blocks, one after another
    links: Rows  # int32[links, LINK_WIDTH]
    scripts: Rows  # int32[scripts, SCRIPT_WIDTH]: JSON-LD
    facts: Rows  # int32[pages, facts, 2]
    starts: npt.NDArray[np.int64]  # int64[pages + 1, 6]


def scan_pages(
    pages: TextBuffers, is_xhtml: npt.NDArray[np.bool_] | None = None, *, is_whole: bool = False
) -> ScannedPages:
    """Scan a batch of pages, which are valid UTF-8.

    `is_xhtml` bool[pages] says which have the syntax of XML; none if it is left out. `is_whole` keeps the text of
    drawings (svg), too, as books want it.

    Raises:
        UsageError: the batch is larger than 1 GiB.
    """
    data = np.ascontiguousarray(pages.data)
    if len(data) > MAX_BYTES:
        raise UsageError(f"a batch of pages has {len(data)} bytes; at most {MAX_BYTES} can be scanned at once")
    if is_xhtml is None:
        is_xhtml = np.zeros(pages.documents, dtype=np.bool_)
    room = _room_for(data, pages.documents)
    facts = np.empty((pages.documents, len(FACTS), 2), dtype=np.int32)
    starts = np.zeros((pages.documents + 1, COUNTS), dtype=np.int64)
    room.state[IS_WHOLE] = is_whole
    _scan_all(pages.offsets, is_xhtml, addresses_of(room), facts, starts)
    elements, words, blocks, text, links, scripts = (int(count) for count in starts[-1])
    return ScannedPages(
        data,
        room.elements[:elements],
        room.words[:words],
        room.blocks[:blocks],
        room.text[:text],
        room.links[:links],
        room.scripts[:scripts],
        facts,
        starts,
    )


def as_pages(*pages: str | bytes) -> TextBuffers:
    """Pages as one buffer of valid UTF-8; what is broken in bytes or lone in a string becomes U+FFFD."""
    parts = [_valid(page) for page in pages]
    offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return TextBuffers(np.frombuffer(b"".join(parts), dtype=np.uint8), offsets)


def _valid(page: str | bytes) -> bytes:
    if isinstance(page, bytes):
        return page.decode(errors="replace").encode()
    try:
        return page.encode()
    except UnicodeEncodeError:
        return page.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _room_for(data: npt.NDArray[np.uint8], pages: int) -> ScanRoom:
    """Arrays that no page can fill; what it does not use is never touched, and costs nothing."""
    tags = int(np.count_nonzero(data == LESS))
    rows = 2 * tags + pages + 1  # each tag opens an element, and a cell perhaps its row; each page has a root
    tag_names, attributes, facts, references = tag_table(), attribute_table(), fact_table(), reference_table()
    return ScanRoom(
        data=data,
        state=np.zeros(STATE, dtype=np.int64),
        stack=np.empty((min(rows, MAX_LEVELS) + 1, STACK_WIDTH), dtype=np.int32),
        last_open=np.empty(KEYS, dtype=np.int32),
        spans=np.empty((len(ATTRIBUTES), 2), dtype=np.int32),
        elements=np.empty((rows, ELEMENT_WIDTH), dtype=np.int32),
        words=np.empty(len(data) // 2 + 1, dtype=np.uint32),  # a word and what ends it are two bytes at least
        blocks=np.empty((rows, BLOCK_WIDTH), dtype=np.int32),
        text=np.empty(len(data) + len(data) // 4 + 64, dtype=np.uint8),  # `&nGt;` is six bytes of UTF-8
        links=np.empty((tags + 1, LINK_WIDTH), dtype=np.int32),
        scripts=np.empty((tags + 1, SCRIPT_WIDTH), dtype=np.int32),
        facts=np.empty((len(FACTS), 2), dtype=np.int32),
        tag_keys=tag_names.keys,
        tag_numbers=tag_names.numbers,
        properties=tag_properties(),
        attribute_keys=attributes.keys,
        attribute_numbers=attributes.numbers,
        fact_keys=facts.keys,
        fact_numbers=facts.numbers,
        reference_keys=references.keys,
        reference_codes=references.codes,
        windows=references.windows,
    )


@kernel
def _scan_all(offsets, is_xhtml, addresses, facts, starts):
    room = room_at(addresses)
    state, found = state_of(room), facts_of(room)
    for page in range(len(offsets) - 1):
        state[IS_XHTML] = is_xhtml[page]
        for fact in range(facts.shape[1]):
            found[2 * fact] = found[2 * fact + 1] = -1
        scan_page(room, offsets[page], offsets[page + 1])
        for fact in range(facts.shape[1]):
            facts[page, fact, 0], facts[page, fact, 1] = found[2 * fact], found[2 * fact + 1]
        for count in range(COUNTS):
            starts[page + 1, count] = state[count]
