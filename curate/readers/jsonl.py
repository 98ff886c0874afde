"""Rows of JSON Lines: plain files cut by bytes at line ends, compressed ones read from their beginning.

    [start, end) ─▶ the lines that start there ─▶ UTF-8 ─▶ JSON object ─▶ Record | Rejected
                    .gz .zst …: all lines
                    .json that is an array, or one object over several lines: its items

Ids are `source/file@offset` in plain files, where a range cannot know how many lines stand before it, and
`source/file@row` (from 0, every line counted) in compressed ones, where nobody can seek to an offset, and in arrays.
"""

from __future__ import annotations

import codecs
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from curate.batch import Pulse, Record, Rejected
from curate.engine.files import open_file
from curate.engine.plan import FileRange, InputFile
from curate.readers.inflate import COMPRESSED, Unreadable, inflate
from curate.readers.json_items import split_items
from curate.readers.lines import Line, split_lines
from curate.readers.rows import column_names, row_record, without_text
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Source

SUFFIXES = (".jsonl", ".ndjson", ".json")
PATIENCE = 100  # rows without a text column before the file is taken to have none
FREE_LINES = 1_000_000
LINES_PER_PULSE = 10_000

Row = dict[str, Any]


def is_lines(name: str) -> bool:
    plain = name.lower()
    for suffix in COMPRESSED:
        plain = plain.removesuffix(suffix)
    return plain.endswith(SUFFIXES)


def split_jsonl(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """Byte ranges of about equal size, at most `target_bytes`, wherever lines end; [(0, 1)] for a file that is read
    from its beginning."""
    if is_compressed(file.name) or _is_array(file):
        return [(0, 1)]
    count = max(1, -(-file.size // target_bytes))
    bounds = [file.size * number // count for number in range(count + 1)]
    return list(itertools.pairwise(bounds))


def read_jsonl(
    part: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
) -> Iterator[Record | Rejected]:
    """Lines that start in [start, end); blank ones are no records.

    A bad line costs itself alone: quarantined "bad_json", "encoding" or "too_big" (over `max_record_bytes`, skipped
    without being held). In a damaged file the rows before are kept and one Rejected, "truncated", "corrupt", "bomb" or
    "too_many", ends it; a file, or a part of one, whose rows have no text column is one Rejected, "no_text_column".
    """
    id = f"{source.name}/{part.file.name}"
    names = column_names(source.columns)
    early: list[Rejected] | None = []  # before the first row that has the column; None once there was one
    without = 0
    for place, row in read_rows(part, max_bytes=max_record_bytes, watch=watch):
        item = _item(row, names, source, id=f"{id}@{place}", max_bytes=max_record_bytes)
        if (
            early is not None
            and isinstance(item, Rejected)
            and not _has(row, names["text"])
            and len(early) < 10 * PATIENCE
        ):
            early.append(item)
            without += isinstance(row, dict)
            if without == PATIENCE:
                break
            continue
        yield from early or ()
        early = None
        yield item
    if early and without and (part.start == 0 or without == PATIENCE):
        yield without_text(names["text"], f"the first {without} rows lack it", id=early[0].id)
    else:
        yield from early or ()


def _item(
    row: Row | Unreadable, names: Mapping[str, str], source: Source, *, id: str, max_bytes: int
) -> Record | Rejected:
    if isinstance(row, Unreadable):
        return Rejected(id, "quarantined", row.reason, row.detail)
    return row_record(row, names, source, id=id, max_bytes=max_bytes)


def _has(row: Row | Unreadable, column: str) -> bool:
    return isinstance(row, dict) and column in row


def read_rows(
    part: FileRange,
    *,
    max_bytes: int,
    head: int | None = None,
    watch: Watch = UNWATCHED,
) -> Iterator[tuple[int, Row | Unreadable]]:
    """The rows of a range, each with what stands for it in ids; last the error that ended the file, if one did. With
    `head`, those in the first so many bytes (about) of the unpacked file."""
    place = part.start
    with watch.open(part.file) as raw:
        try:
            for number, (place, line) in enumerate(_lines(raw, part, max_bytes, watch.pulse, head)):
                if number % LINES_PER_PULSE == 0:
                    watch.pulse()
                if line.data is None or line.data.strip():
                    yield place, _parse(line.data, max_bytes)
        except Unreadable as error:
            yield place + 1, error


def is_compressed(name: str) -> bool:
    return name.lower().endswith(COMPRESSED)


def _is_array(file: InputFile) -> bool:
    if not _may_have_items(file.name):
        return False
    with open_file(file) as raw:
        return _has_items(raw, file.name)


def _may_have_items(name: str) -> bool:
    plain = name.lower()
    for suffix in COMPRESSED:
        plain = plain.removesuffix(suffix)
    return plain.endswith(".json")


def _has_items(raw: Any, name: str) -> bool:
    """Whether a `.json` file is an array, or an object over several lines, and not a line for each row."""
    try:
        begin = next(inflate(raw, name=name), b"")
    except Unreadable:
        return False
    begin = begin.removeprefix(codecs.BOM_UTF8).lstrip()
    return begin.startswith(b"[") or begin.split(b"\n", 1)[0].strip() == b"{"


def _lines(raw: Any, part: FileRange, max_bytes: int, pulse: Pulse, head: int | None) -> Iterator[tuple[int, Line]]:
    has_items = _may_have_items(part.file.name) and _has_items(raw, part.file.name)
    raw.seek(0)
    if has_items:
        items = _without_mark(split_items(_chunks(raw, part, pulse, head), max_bytes=max_bytes))
        return ((line.row, line) for line in _within(items, part))
    if is_compressed(part.file.name):
        lines = _without_mark(split_lines(_chunks(raw, part, pulse, head), offset=0, max_bytes=max_bytes))
        return ((line.row, line) for line in _within(lines, part))
    return ((line.offset, line) for line in _range(raw, part, max_bytes, pulse, head))


def _chunks(raw: Any, part: FileRange, pulse: Pulse, head: int | None) -> Iterator[bytes]:
    seen = 0
    for chunk in inflate(raw, name=part.file.name, pulse=pulse):
        yield chunk
        seen += len(chunk)
        if head is not None and seen >= head:
            return


def _within(lines: Iterator[Line], part: FileRange) -> Iterator[Line]:
    """A file of a megabyte that unpacks to a billion lines was made to be one."""
    for line in lines:
        if line.row > FREE_LINES + part.file.size:
            raise Unreadable("too_many", f"over {line.row} lines in {part.file.size} bytes")
        yield line


def _range(raw: Any, part: FileRange, max_bytes: int, pulse: Pulse, head: int | None) -> Iterator[Line]:
    first = max(part.start - 1, 0)
    raw.seek(first)
    lines = split_lines(_chunks(raw, part, pulse, head), offset=first, max_bytes=max_bytes)
    if part.start > 0:
        # The rest of a line that starts before the range, or the bare line end in front of it.
        lines = itertools.dropwhile(lambda line: line.offset < part.start, lines)
    for line in _without_mark(lines):
        if line.offset >= part.end:
            return
        yield line


def _without_mark(lines: Iterator[Line]) -> Iterator[Line]:
    """Windows programs put a byte order mark before the first line."""
    for line in lines:
        has_mark = line.offset == 0 and line.data is not None
        yield line._replace(data=line.data.removeprefix(codecs.BOM_UTF8)) if has_mark and line.data else line


def _parse(line: bytes | None, max_bytes: int) -> Row | Unreadable:
    if line is None:
        return Unreadable("too_big", f"the line has over {max_bytes} bytes")
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Unreadable("encoding", str(error))
    except (ValueError, RecursionError) as error:
        return Unreadable("bad_json", str(error))
    if not isinstance(row, dict):
        return Unreadable("bad_json", f"a row is an object, here is {type(row).__name__}")
    return row
