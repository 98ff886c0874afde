"""Rows of JSON Lines: plain files cut by bytes at line ends, compressed ones read from their beginning.

    [start, end) ─▶ the lines that start there ─▶ UTF-8 ─▶ JSON object ─▶ Record | Lost
                    .gz .zst …: all lines

Ids are `source/file@offset` in plain files, where a range cannot know how many lines stand before it, and
`source/file@row` (from 0, every line counted) in compressed ones, where nobody can seek to an offset.
"""

from __future__ import annotations

import codecs
import itertools
import json
from collections.abc import Iterator
from typing import Any

from curate.batch import Lost, Record
from curate.engine.files import open_input
from curate.engine.plan import FileRange, InputFile
from curate.readers.inflate import COMPRESSED, Unreadable, inflate
from curate.readers.lines import Line, split_lines
from curate.readers.rows import column_names, missing_column, row_record
from curate.recipe import Source

PATIENCE = 100  # rows without a text column before the column is taken to be named wrongly


def cut_jsonl(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """Byte ranges of about equal size, at most `target_bytes`, wherever lines end; [(0, 1)] for a compressed file."""
    if is_compressed(file.name):
        return [(0, 1)]
    count = max(1, -(-file.size // target_bytes))
    bounds = [file.size * number // count for number in range(count + 1)]
    return list(itertools.pairwise(bounds))


def read_jsonl(part: FileRange, *, source: Source, max_record_bytes: int) -> Iterator[Record | Lost]:
    """Lines that start in [start, end); blank ones are no records.

    A bad line costs itself alone: quarantined "bad_json", "encoding" or "too_big" (over `max_record_bytes`, skipped
    without being held). In a damaged file the rows before are kept and one Lost, "truncated" or "corrupt", ends it.

    Raises:
        UsageError: none of the file's first rows has the text column.
    """
    id = f"{source.name}/{part.file.name}"
    names = column_names(source.columns)
    rows, with_text, row = 0, 0, {}
    for place, line in _lines(part, max_record_bytes):
        line_id = f"{id}@{place}"
        found = line if isinstance(line, Unreadable) else _parse(line, max_record_bytes)
        if isinstance(found, Unreadable):
            yield Lost(line_id, "quarantined", found.reason, found.detail)
            continue
        row, rows, with_text = found, rows + 1, with_text + (names["text"] in found)
        if rows == PATIENCE and not with_text:
            raise missing_column("text", names["text"], row, file=part.file.name)
        yield row_record(row, names, id=line_id, max_bytes=max_record_bytes)
    if rows and not with_text and part.start == 0:
        raise missing_column("text", names["text"], row, file=part.file.name)


def is_compressed(name: str) -> bool:
    return name.lower().endswith(COMPRESSED)


def _lines(part: FileRange, max_bytes: int) -> Iterator[tuple[int, bytes | Unreadable | None]]:
    """Lines with what stands for them in ids; None for one that is too long, last the error that ended the file."""
    place = part.start
    with open_input(part.file.uri) as raw:
        lines = _all_lines(raw, part, max_bytes) if is_compressed(part.file.name) else _range(raw, part, max_bytes)
        try:
            for place, line in lines:
                if line.data is None or line.data.strip():
                    yield place, line.data
        except Unreadable as error:
            yield place + 1, error


def _all_lines(raw: Any, part: FileRange, max_bytes: int) -> Iterator[tuple[int, Line]]:
    chunks = inflate(raw, name=part.file.name)
    return enumerate(_without_mark(split_lines(chunks, offset=0, max_bytes=max_bytes)))


def _range(raw: Any, part: FileRange, max_bytes: int) -> Iterator[tuple[int, Line]]:
    first = max(part.start - 1, 0)
    raw.seek(first)
    lines = split_lines(inflate(raw, name=part.file.name), offset=first, max_bytes=max_bytes)
    if part.start > 0:
        next(lines, None)  # the rest of a line that starts before the range, or the bare line end in front of it
    for line in _without_mark(lines):
        if line.offset >= part.end:
            return
        yield line.offset, line


def _without_mark(lines: Iterator[Line]) -> Iterator[Line]:
    """Windows programs put a byte order mark before the first line."""
    for line in lines:
        has_mark = line.offset == 0 and line.data is not None
        yield Line(0, line.data.removeprefix(codecs.BOM_UTF8)) if has_mark and line.data else line


def _parse(line: bytes | None, max_bytes: int) -> dict[str, Any] | Unreadable:
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
