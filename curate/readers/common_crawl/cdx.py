"""Captures by their addresses, from the sorted index of a crawl (ZipNum CDXJ), of which only what is needed is read.

patterns ─▶ ranges of keys ─▶ cluster.idx, searched by halves ─▶ blocks of cdx-NNNNN.gz ─▶ lines ─▶ Capture
    key timestamp ⇥ cdx-00000.gz ⇥ offset ⇥ length ⇥ number             key timestamp {"url": …, "filename": …}

A line of cluster.idx tells of a block, a member of gzip with some 3,000 captures, and of the first of them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

from curate.engine.files import open_file
from curate.engine.patience import manners_here
from curate.engine.plan import InputFile
from curate.errors import CheckFailed, UsageError
from curate.readers.common_crawl.capture import WARC_PART, Capture
from curate.readers.common_crawl.crawl import NAMES, Crawl
from curate.readers.common_crawl.ranges import present, read_range
from curate.readers.common_crawl.surt import AddressPattern, KeyRange, address_pattern, domain_pattern, merged
from curate.recipe import Captures

PAGE = 64 << 10
"""Bytes of cluster.idx that are read at once."""
MAX_BLOCKS = 16
"""Neighboring blocks of the index that are fetched at once, some 3 MB."""
AT_ONCE = 32
"""Fetched before the first of them is parsed."""


class IndexBlock(NamedTuple):
    """A member of gzip, and its number in the index."""

    file: str
    offset: int
    length: int
    number: int


def indexed_captures(crawl: Crawl, wanted: Captures) -> Iterator[Capture]:
    """The pages of these addresses and languages, in the order of the index.

    Raises:
        UsageError: a pattern is none, or there is no such crawl.
        CheckFailed: the index is not in the form that is known.
    """
    patterns = [*map(address_pattern, wanted.url), *map(domain_pattern, wanted.domain)]
    ranges = merged(each for pattern in patterns for each in pattern.ranges())
    index = Index(crawl)
    for lines in index.lines(ranges):
        for line in lines:
            capture = _capture(line, patterns, frozenset(wanted.language))
            if capture:
                yield capture


class Index:
    """The index of one crawl, its files opened when they are needed."""

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self._folder = f"cc-index/collections/{crawl.name}/indexes"
        self._files: dict[str, InputFile] = {}
        try:
            self._cluster = self._file("cluster.idx")
        except UsageError as error:
            raise UsageError(f'there is no index of "{crawl.path}" ({NAMES}): {error}') from None
        self._size = self._cluster.size

    def lines(self, ranges: Sequence[KeyRange]) -> Iterator[list[bytes]]:
        """The lines whose keys lie in the ranges, those of a few blocks at a time."""
        blocks = iter(_neighbors(self._blocks(ranges)))
        with ThreadPoolExecutor(manners_here().connections) as pool:
            while some := list(islice(blocks, AT_ONCE)):
                files = [self._file(blocks[0].file) for blocks in some]
                for content in pool.map(_fetch, files, some):
                    yield [line for line in content.split(b"\n") if _is_in(line, ranges)]

    def _blocks(self, ranges: Sequence[KeyRange]) -> Iterator[IndexBlock]:
        """Those that hold keys of the ranges, each once."""
        last = -1
        with open_file(self._cluster) as file:
            for first, end in ranges:
                for key, block in self._from(file, self._place_before(file, first)):
                    if key >= end:
                        break
                    if block.number > last:
                        last = block.number
                        yield block

    def _place_before(self, file: Any, key: bytes) -> int:
        """Where the last line begins whose key is less, or the first line of all."""
        low, high = 0, self._size  # a line begins at `low`, whose key is less
        while high - low > PAGE:
            middle = (low + high) // 2
            found = self._line_after(file, middle)
            if found is None or found[0] >= high:
                high = middle
            elif found[1] < key:
                low = found[0]
            else:
                high = middle
        place = low
        for start, line in self._raw_lines(file, low):
            if line >= key:
                break
            place = start
        return place

    def _line_after(self, file: Any, position: int) -> tuple[int, bytes] | None:
        """The first line that begins behind a position."""
        lines = self._raw_lines(file, position)
        next(lines, None)  # the rest of one, which begins before
        return next(lines, None)

    def _from(self, file: Any, position: int) -> Iterator[tuple[bytes, IndexBlock]]:
        for number, (start, line) in enumerate(self._raw_lines(file, position)):
            try:
                key, name, offset, length, *rest = line.split(b"\t")
                yield key, IndexBlock(name.decode(), int(offset), int(length), int(rest[0]) if rest else start)
            except ValueError:
                told = f"{line[:120]!r} is no line of an index (line {number + 1} from byte {position:,})"
                raise CheckFailed(f"{self._cluster.uri}: {told}") from None

    def _raw_lines(self, file: Any, position: int) -> Iterator[tuple[int, bytes]]:
        """Lines with their places, from a position on, of pages that do not depend on it."""
        rest, at = b"", position
        while position < self._size:
            start = position // PAGE * PAGE
            page = read_range(file, self._cluster, start, min(start + PAGE, self._size))
            *lines, rest = (rest + page[position - start :]).split(b"\n")
            for line in lines:
                yield at, line
                at += len(line) + 1
            position = start + PAGE
        if rest:
            yield at, rest

    def _file(self, name: str) -> InputFile:
        if name not in self._files:
            self._files[name] = present(self._crawl.uri(f"{self._folder}/{name}"))
        return self._files[name]


def _fetch(planned: InputFile, blocks: Sequence[IndexBlock]) -> bytes:
    """What neighboring blocks hold."""
    first, last = blocks[0], blocks[-1]
    with open_file(planned) as file:
        packed = read_range(file, planned, first.offset, last.offset + last.length)
    try:
        return b"".join(zlib.decompress(packed[block.offset - first.offset :][: block.length], 31) for block in blocks)
    except zlib.error as error:
        told = f"the blocks of the index at {first.offset:,} do not inflate: {error}"
        raise CheckFailed(f"{planned.uri}: {told}") from None


def _neighbors(blocks: Iterable[IndexBlock]) -> Iterator[list[IndexBlock]]:
    """Those that lie one behind the other, a few at a time; by their numbers, so that other ranges fetch the same."""
    found: list[IndexBlock] = []
    for block in blocks:
        last = found[-1] if found else None
        follows = last and (last.file, last.offset + last.length) == block[:2]
        if last and (not follows or last.number % MAX_BLOCKS == 0 or len(found) >= MAX_BLOCKS):
            yield found
            found = []
        found.append(block)
    if found:
        yield found


def _is_in(line: bytes, ranges: Sequence[KeyRange]) -> bool:
    return any(first <= line < end for first, end in ranges)


def _capture(line: bytes, patterns: Sequence[AddressPattern], languages: frozenset[str]) -> Capture | None:
    """The page that a line tells of, if it is one that is wanted."""
    try:
        known = json.loads(line[line.index(b"{") :])
        if known.get("status") != "200" or WARC_PART not in known["filename"]:
            return None
        if languages and str(known.get("languages", "")).partition(",")[0] not in languages:
            return None
        if not any(pattern.matches(known["url"]) for pattern in patterns):
            return None
        return Capture(known["filename"], int(known["offset"]), int(known["length"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"{line[:200]!r} is no line of an index of captures: {error!r}") from None
