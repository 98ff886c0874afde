"""Conversations as tokens: the turns that are left of a text, written by a template, each token a target or not.

text with marks, roles ─▶ turns ─▶ "<|im_start|>" "user\\n" "Hi" "<|im_end|>" "\\n" … ─▶ sections: texts, control ids
                          └─ a mark was cut out, or no answer is left ─▶ why not

Targets are what the assistant says and what ends it, nothing else: a model learns to answer and to stop, and not to
ask. Where a turn of the assistant begins, a new section begins: the model is asked with all before it. Other texts that
stand side by side are one, and encoded as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from curate.readers.turns import Turn, find_turns
from curate.tokenize.arranged import Section
from curate.tokenize.encode import Tokenizer
from curate.tokenize.templates import Template

LEARNED = "assistant"
"""Whose turns are targets."""


@dataclass(frozen=True, slots=True)
class WrittenTurns:
    """A conversation, or why it is none any more. `text` is for people: control tokens as they are spelled; `bytes` are
    those of its texts alone."""

    sections: Sequence[Section] = ()
    text: str = ""
    bytes: int = 0
    lost: str | None = None


class TemplatePiece(NamedTuple):
    """A text, or the spelling of a control token."""

    text: str
    is_control: bool
    is_target: bool


def write_conversation(text: str, roles: str, template: Template, tokenizer: Tokenizer) -> WrittenTurns:
    """A document of a source that reads conversations, `roles` its column of that name; turns of which nothing is left
    are left out."""
    found = find_turns(text, roles)
    if found is None:
        return WrittenTurns(lost="lost_turn")
    turns = [turn for turn in found if turn.text.strip()]
    if all(turn.role != LEARNED for turn in turns):
        return WrittenTurns(lost="no_answer")
    pieces = _joined(
        [*_cut(template.begin, template), *(piece for turn in turns for piece in _of_turn(turn, template))]
    )
    size = sum(len(piece.text.encode()) for piece in pieces if not piece.is_control)
    sections = [*_sections(pieces, tokenizer.control), _last(turns[-1], template, tokenizer.end_of_text)]
    return WrittenTurns(sections, "".join(piece.text for piece in pieces), size)


def _of_turn(turn: Turn, template: Template) -> Iterator[TemplatePiece]:
    before, _, after = template.turn.partition("{text}")
    is_target = turn.role == LEARNED
    yield from _cut(before.replace("{role}", template.roles.get(turn.role, turn.role)), template)
    yield TemplatePiece(turn.text, False, is_target)
    yield from _cut(template.end, template, is_target=is_target)
    yield from _cut(after.removeprefix("{end}"), template)


def _cut(text: str, template: Template, *, is_target: bool = False) -> Iterator[TemplatePiece]:
    """What the template itself says, cut at control tokens."""
    longest_first = sorted(template.control, key=len, reverse=True)
    parts = re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if longest_first else [text]
    return (TemplatePiece(part, part in template.control, is_target) for part in parts if part)


def _joined(pieces: Sequence[TemplatePiece]) -> list[TemplatePiece]:
    joined: list[TemplatePiece] = []
    for piece in pieces:
        if joined and not piece.is_control and joined[-1][1:] == piece[1:]:
            joined[-1] = piece._replace(text=joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return joined


def _sections(pieces: Sequence[TemplatePiece], control: Mapping[str, int]) -> list[Section]:
    return [Section(control[text] if is_control else text, is_target) for text, is_control, is_target in pieces]


def _last(turn: Turn, template: Template, end_of_text: int) -> Section:
    """End-of-text: a target where it ends what the assistant says, as the template has no control token for that."""
    return Section(end_of_text, turn.role == LEARNED and template.end not in template.control)
