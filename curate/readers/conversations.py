"""Chat data: rows of JSON Lines, JSON and Parquet as conversations, whose turns stay apart on their way.

    .jsonl .ndjson .json (.gz …), .parquet ─▶ rows ─▶ turns (chats.py) ─▶ text with a mark before each turn (turns.py)
                       rows that are single messages ─▶ held to the file's end ─▶ trees (chat_trees.py) ─▶ their paths

Ids are those of tables, `source/file@row` or `@offset`; of a tree of which all paths are wanted, with `#path-1` behind
it; of a path through rows that are messages, that of its last one. The column `roles` has the roles of all turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.readers.chat_trees import FlatMessage, flat_paths, is_flat
from curate.readers.chats import CHAT_COLUMNS, conversations_of, path_of_tree
from curate.readers.inflate import Unreadable
from curate.readers.jsonl import is_lines, read_rows
from curate.readers.look import look_at_columns
from curate.readers.messages import BadConversation
from curate.readers.parquet import is_parquet, parquet_rows
from curate.readers.rows import column_names, row_record
from curate.readers.tables import own_bytes
from curate.readers.tables import split_file as split_table
from curate.readers.turns import Turn, marked_text, roles_of
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Source

HEAD_BYTES = 1 << 20
"""Of a file, in which its first row is looked for."""
IDS = ("id", "message_tree_id", "conversation_id", "prompt_id", "message_id")
"""What is kept as `original_id`."""

__all__ = ["look", "own_bytes", "read", "split_file"]

look = look_at_columns


def split_file(file: InputFile, *, target_bytes: int) -> list[tuple[int, int]]:
    """As tables are split; in one piece where the rows are messages of trees, which may lie anywhere in it."""
    ranges = split_table(file, target_bytes=target_bytes)
    if len(ranges) > 1 and is_flat(_first_row(file)):
        return [(ranges[0][0], ranges[-1][1])]
    return ranges


def read(
    range: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
) -> Iterator[Record | Rejected]:
    """The conversations of one range.

    Rejected: dropped "file_type" (the whole file), "not_text" (a picture, a call of a function), "no_answer" (no turn
    of the assistant) or "empty"; quarantined "no_conversation", "bad_turn", "unknown_role", "empty_turn", "bad_tree",
    "no_parent" or "control_character", and what `tables` quarantines.
    """
    id, flat = f"{source.name}/{range.file.name}", []
    if not (is_parquet(range.file.name) or is_lines(range.file.name)):
        yield Rejected(id, "dropped", "file_type", range.file.name)
        return
    for place, row in _rows(range, max_record_bytes, watch):
        if isinstance(row, dict) and is_flat(row):
            flat.append(FlatMessage(place, row))
        else:
            yield from _of_row(row, source, id=f"{id}@{place}", max_bytes=max_record_bytes)
    for path, error in flat_paths(flat, source.tree):
        watch.pulse()
        turns = error or path_of_tree([message.row for message in path], source)
        yield _record(turns, path[-1].row, source, id=f"{id}@{path[-1].place}", max_bytes=max_record_bytes)


def _rows(part: FileRange, max_bytes: int, watch: Watch) -> Iterator[tuple[int, dict[str, Any] | Unreadable]]:
    """Rows with texts decoded, as JSON has them, too."""
    found = (
        parquet_rows(part, watch=watch)
        if is_parquet(part.file.name)
        else read_rows(part, max_bytes=max_bytes, watch=watch)
    )
    for place, row in found:
        try:
            yield place, row if isinstance(row, Unreadable) else {name: _text(value) for name, value in row.items()}
        except UnicodeError as error:
            yield place, Unreadable("encoding", str(error))


def _text(value: Any) -> Any:
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _of_row(
    row: dict[str, Any] | Unreadable, source: Source, *, id: str, max_bytes: int
) -> Iterator[Record | Rejected]:
    if isinstance(row, Unreadable):
        yield Rejected(id, "quarantined", row.reason, row.detail)
        return
    found = list(conversations_of(row, source))
    for number, turns in enumerate(found, start=1):
        name = f"{id}#path-{number}" if len(found) > 1 else id
        yield _record(turns, row, source, id=name, max_bytes=max_bytes)


def _record(
    turns: list[Turn] | BadConversation, row: Mapping[str, Any], source: Source, *, id: str, max_bytes: int
) -> Record | Rejected:
    """With all other columns of the row, as tables have them, and the id that the row has itself."""
    if isinstance(turns, BadConversation):
        return Rejected(id, turns.outcome, turns.reason, turns.detail)
    original = next((row[name] for name in IDS if isinstance(row.get(name), str | int)), None)
    consumed = CHAT_COLUMNS | {column for name, column in source.columns.items() if name in CHAT_COLUMNS}
    others = {name: value for name, value in row.items() if name not in consumed}
    names = column_names({name: column for name, column in source.columns.items() if name not in CHAT_COLUMNS})
    known = {**others, "text": marked_text(turns), names["id"]: row.get(names["id"]) or original}
    record = row_record(known, names, source, id=id, max_bytes=max_bytes)
    if isinstance(record, Rejected):
        return record
    return replace(record, columns={**record.columns, "roles": roles_of(turns)})


def _first_row(file: InputFile) -> Mapping[str, Any]:
    part = FileRange(file, 0, max(file.size, 1))
    rows = (
        parquet_rows(replace(part, end=1), watch=UNWATCHED)
        if is_parquet(file.name)
        else read_rows(part, max_bytes=HEAD_BYTES, head=HEAD_BYTES)
    )
    return next((row for _, row in rows if isinstance(row, dict)), {})
