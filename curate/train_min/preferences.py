"""Pairs of answers of which one was preferred, from JSON Lines, JSON or Parquet.

{"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}                         ─┐
{"prompt": [messages], "chosen": [messages], "rejected": [messages]}              ─┤
{"chosen": [all messages], "rejected": …}, as UltraFeedback has them              ─┼▶ Pair(turns, chosen, rejected)
{"chosen": "\\n\\nHuman: Hi\\n\\nAssistant: Hello!", "rejected": …}, as HH-RLHF has ─┘
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.engine.files import find_inputs
from curate.engine.plan import FileRange
from curate.errors import UsageError
from curate.readers.inflate import Unreadable
from curate.readers.jsonl import is_lines, read_rows
from curate.readers.messages import BadConversation, read_turn, text_of
from curate.readers.parquet import is_parquet, parquet_rows
from curate.readers.tables import split_file
from curate.readers.turns import Turn
from curate.readers.watch import UNWATCHED
from curate.train_min.left_out import LeftOut

MAX_ROW_BYTES = 16 << 20
HUMAN = re.compile(r"(?:^|\n\n)(Human|Assistant):[ \n]?")
SHOWN = 12
"""Columns that a reason lists."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to the same turns."""

    turns: Sequence[Turn]
    chosen: str
    rejected: str


def read_pairs(path: Path) -> tuple[list[Pair], LeftOut]:
    """All pairs of a file, and what of it is none.

    Raises:
        UsageError: there is no such file, it is of another kind, or most of its rows are no pairs.
    """
    pairs, left = [], LeftOut()
    for number, row in enumerate(_rows(path), start=1):
        left.rows += 1
        try:
            pairs.append(_pair(row))
        except BadConversation as error:
            left.add(error.reason, f"row {number}: {error.detail}")
    left.check(path)
    return pairs, left


def _rows(path: Path) -> Iterator[Any]:
    [file] = find_inputs([str(path)], base=Path.cwd())
    if not (is_parquet(file.name) or is_lines(file.name)):
        raise UsageError(f"{path} is no file of preferences: they are .jsonl, .json (also .gz, .zst) or .parquet")
    for start, end in split_file(file, target_bytes=max(file.size, 1)):
        part = FileRange(file, start, end)
        found = (
            parquet_rows(part, watch=UNWATCHED) if is_parquet(file.name) else read_rows(part, max_bytes=MAX_ROW_BYTES)
        )
        yield from (row for _, row in found)


def _pair(row: Any) -> Pair:
    if isinstance(row, Unreadable):
        raise BadConversation(row.reason, row.detail)
    for name in ("chosen", "rejected"):
        if row.get(name) is None:
            there = ", ".join([*map(str, row)][:SHOWN])
            raise BadConversation("no_column", f'there is no "{name}" among the columns {there}')
    before = [*_system(row), *_asked(row.get("prompt"))]
    (*turns, chosen), (*others, rejected) = (_whole(row[name], before, name) for name in ("chosen", "rejected"))
    if turns != others:
        raise BadConversation("other_prompt", "chosen and rejected answer different turns")
    if not turns:
        raise BadConversation("no_prompt", "there is no turn before the answers")
    if chosen == rejected:
        raise BadConversation("same_answers", "chosen and rejected are the same")
    return Pair(turns, chosen.text, rejected.text)


def _system(row: Mapping[str, Any]) -> list[Turn]:
    text = text_of(row.get("system"), 0)
    return [Turn("system", text)] if text.strip() else []


def _asked(prompt: Any) -> list[Turn]:
    """The turns of a prompt: messages, a text, or a dialogue of Human and Assistant in one text."""
    if isinstance(prompt, list):
        return _messages(prompt)
    text = text_of(prompt, 1)
    if not text.strip():
        return []
    return _dialogue(text) or [Turn("user", text)]


def _whole(side: Any, before: Sequence[Turn], name: str) -> list[Turn]:
    """All turns up to an answer, which is the last; messages with a turn of the user are all of them."""
    if isinstance(side, list):
        turns = _messages(side)
        turns = turns if any(turn.role == "user" for turn in turns) else [*before, *turns]
    else:
        text = text_of(side, 2)
        if not text.strip():
            raise BadConversation("empty_answer", f"{name} says nothing")
        turns = (_dialogue(text) if not before else None) or [*before, Turn("assistant", text)]
    if not turns or turns[-1].role != "assistant":
        raise BadConversation("no_answer", f"{name} does not end with a turn of the assistant")
    if not turns[-1].text.strip():
        raise BadConversation("empty_answer", f"{name} says nothing")
    return turns


def _messages(messages: Sequence[Any]) -> list[Turn]:
    found = (read_turn(message, place, {}) for place, message in enumerate(messages, start=1))
    return [turn for turn in found if turn is not None]


def _dialogue(text: str) -> list[Turn] | None:
    """Of a text that begins as HH-RLHF's do; None of another."""
    begin, *parts = HUMAN.split(text)
    if begin.strip() or not parts or not text.lstrip().startswith("Human:"):
        return None
    roles = ("user" if name == "Human" else "assistant" for name in parts[::2])
    return [Turn(role, said.strip()) for role, said in zip(roles, parts[1::2], strict=True)]
