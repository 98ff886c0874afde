"""WARC and ARC records of which the places are known, whole and as they stand, without reading what lies between.

places ─▶ does a chain of members, or a plain record, start there? ─▶ its blocks
             └─ not everywhere ─▶ one pass over the file
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from curate.engine.files import open_input
from curate.engine.plan import InputFile
from curate.readers.chains import PlainRun, chains
from curate.readers.members import PLAIN, Codec, find_format, find_start
from curate.readers.pages import Pages
from curate.readers.warc_blocks import Damage, WarcBlock, read_blocks

Place = tuple[int, int]
"""The offset of a gzip member or zstd frame, or of a plain record, in the file; and the record's own inside it."""


def place_of(id: str) -> Place | None:
    """The place that stands at the end of a document's id, `source/file@offset` or `source/file@offset+inside`."""
    offset, _, inside = id.rpartition("@")[2].partition("+")
    return (int(offset), int(inside or 0)) if offset.isdigit() and (inside or "0").isdigit() else None


def read_at(file: InputFile, places: set[Place], *, max_record_bytes: int) -> Iterator[WarcBlock]:
    """The records at these places that can be read, in the order of the file.

    Raises:
        MachineError: the file could not be read.
    """
    with open_input(file.uri) as opened:
        pages = Pages(opened)
        left = set(places)
        for item in _items(pages, places, max_record_bytes):
            if item.place in left:
                left.remove(item.place)
                if isinstance(item, WarcBlock):
                    yield item
            if not left:
                return


def _items(pages: Pages, places: set[Place], max_bytes: int) -> Iterable[WarcBlock | Damage]:
    form = find_format(pages)
    offsets = sorted({offset for offset, _ in places})
    if form in PLAIN:
        runs = (PlainRun(pages, offset, kind=PLAIN[str(form)]) for offset in offsets)
        return (item for run in runs for item in _first(read_blocks(run, max_bytes=max_bytes)))
    if not isinstance(form, Codec):
        return ()
    if all(find_start(pages, form, offset, offset + 1) == offset for offset in offsets):
        return _in_chains_at(pages, form, offsets, places, max_bytes)
    return (
        item
        for chain in chains(pages, form, 0, pages.size, max_bytes=max_bytes)
        for item in read_blocks(chain, max_bytes=max_bytes)
    )


def _first(items: Iterator[WarcBlock | Damage]) -> Iterator[WarcBlock | Damage]:
    for item in items:
        yield item
        return


def _in_chains_at(
    pages: Pages, codec: Codec, offsets: list[int], places: set[Place], max_bytes: int
) -> Iterator[WarcBlock | Damage]:
    """A chain may go on for long where a file is one member: its blocks are read up to the last that is wanted."""
    for offset in offsets:
        last = max(inside for at, inside in places if at == offset)
        for chain in chains(pages, codec, offset, offset + 1, max_bytes=max_bytes):
            for item in read_blocks(chain, max_bytes=max_bytes):
                yield item
                if item.place >= (offset, last):
                    break
