"""Tables: JSON Lines and Parquet, a row a document.

    .jsonl .ndjson .json (.gz .bz2 .xz .zst) ─▶ lines, or the items of an array (.json) ─┐
    .parquet .pq                             ─▶ row groups ─▶ rows ─────────────────────┴▶ Record | Rejected

Ids are `source/file@row`, counted from 0, in Parquet and compressed JSON Lines, and `source/file@byte offset of the
line` in plain JSON Lines, whose ranges cannot know how many lines stand before them.

`columns` of a source maps curate's names to the table's ({"text": "content"}); without it each has its own name.
`text` must exist. `url`, `timestamp`, `language`, `license` are passed on where they exist, `id` as `original_id`;
other columns only where `columns` names them.
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.readers.jsonl import is_lines, read_jsonl, split_jsonl
from curate.readers.look import look_at_tables
from curate.readers.parquet import bytes_of_groups, is_parquet, read_parquet, split_parquet
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Source

look = look_at_tables


def split_file(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """Byte ranges of plain JSON Lines, runs of row groups of Parquet; [(0, 1)] for what is read from its beginning."""
    if is_parquet(file.name):
        return split_parquet(file, target_bytes=target_bytes)
    return split_jsonl(file, target_bytes=target_bytes) if is_lines(file.name) else [(0, 1)]


def read(
    range: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
) -> Iterator[Record | Rejected]:
    """The rows of one range.

    Rejected: dropped "file_type" (the whole file) or "no_text" (null or not text); quarantined "no_text_column" (the
    whole file), "bad_json", "encoding", "too_big", "truncated", "corrupt", "bomb" or "too_many".
    """
    if is_parquet(range.file.name):
        yield from read_parquet(range, source=source, max_record_bytes=max_record_bytes, watch=watch)
    elif is_lines(range.file.name):
        yield from read_jsonl(range, source=source, max_record_bytes=max_record_bytes, watch=watch)
    else:
        yield Rejected(f"{source.name}/{range.file.name}", "dropped", "file_type", range.file.name)


def own_bytes(range: FileRange) -> tuple[int, int]:
    """Its row groups; of JSON Lines the range itself, whose last line may go on behind it."""
    if is_parquet(range.file.name):
        return bytes_of_groups(range)
    return (0, range.file.size) if range.is_whole else (range.start, range.end)
