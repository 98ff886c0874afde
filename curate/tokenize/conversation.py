"""Conversations as tokens: the turns that are left of a text, written by a template, each token a target or not.

text with marks, roles ─▶ turns ─▶ "<|im_start|>" "user\\n" "Hi" "<|im_end|>" "\\n" … ─▶ sections: texts, control ids
                          └─ a mark was cut out, or no answer is left ─▶ why not

Targets are what the assistant says and what ends it, nothing else: a model learns to answer and to stop, and not to
ask. Where a turn of the assistant begins, a new section begins: the model is asked with all before it. Other texts that
stand side by side are one, and encoded as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from curate.readers.turns import ROLES, Turn, find_turns
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


@dataclass(frozen=True, slots=True)
class TemplateWriter:
    """A template with the ids of a vocabulary, what it says itself cut at control tokens once."""

    begin: Sequence[TemplatePiece]
    around: Mapping[str, tuple[Sequence[TemplatePiece], Sequence[TemplatePiece]]]
    """By role, what stands before a turn and behind it."""
    control: Mapping[str, int]
    end_of_text: int
    ends_by_control: bool
    """Whether a control token ends a turn."""


def writer_of(template: Template, tokenizer: Tokenizer) -> TemplateWriter:
    """The vocabulary has all control tokens of the template (`marks.check_control`)."""
    around = {role: (_before(template, role), _behind(template, role)) for role in ROLES}
    ends_by_control = template.end in template.control
    return TemplateWriter(
        _cut(template.begin, template), around, tokenizer.control, tokenizer.end_of_text, ends_by_control
    )


def write_conversation(text: str, roles: str, writer: TemplateWriter) -> WrittenTurns:
    """A document of a source that reads conversations, `roles` its column of that name; turns of which nothing is left
    are left out."""
    found = find_turns(text, roles)
    if found is None:
        return WrittenTurns(lost="lost_turn")
    turns = [turn for turn in found if turn.text.strip()]
    if all(turn.role != LEARNED for turn in turns):
        return WrittenTurns(lost="no_answer")
    pieces = [*writer.begin]
    for role, said in turns:
        before, behind = writer.around[role]
        pieces += [*before, TemplatePiece(said, False, role == LEARNED), *behind]
    pieces = _joined(pieces)
    size = sum(len(piece.text.encode()) for piece in pieces if not piece.is_control)
    sections = [Section(writer.control[text] if is_mark else text, target) for text, is_mark, target in pieces]
    # End-of-text is a target where it ends what the assistant says, as no control token does.
    last = Section(writer.end_of_text, turns[-1].role == LEARNED and not writer.ends_by_control)
    return WrittenTurns([*sections, last], "".join(piece.text for piece in pieces), size)


def write_question(turns: Sequence[Turn], writer: TemplateWriter) -> Sequence[Section]:
    """What a model is asked with: turns as they are trained on, and behind them what stands before an answer."""
    pieces = [*writer.begin]
    for role, said in turns:
        before, behind = writer.around[role]
        pieces += [*before, TemplatePiece(said, False, role == LEARNED), *behind]
    pieces += writer.around[LEARNED][0]
    return [Section(writer.control[text] if is_mark else text, target) for text, is_mark, target in _joined(pieces)]


def _before(template: Template, role: str) -> list[TemplatePiece]:
    before = template.turn.partition("{text}")[0]
    return _cut(before.replace("{role}", template.roles.get(role, role)), template)


def _behind(template: Template, role: str) -> list[TemplatePiece]:
    behind = template.turn.partition("{text}")[2].removeprefix("{end}")
    return [*_cut(template.end, template, is_target=role == LEARNED), *_cut(behind, template)]


def _cut(text: str, template: Template, *, is_target: bool = False) -> list[TemplatePiece]:
    """What the template itself says, cut at control tokens."""
    longest_first = sorted(template.control, key=len, reverse=True)
    parts = re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if longest_first else [text]
    return [TemplatePiece(part, part in template.control, is_target) for part in parts if part]


def _joined(pieces: Sequence[TemplatePiece]) -> list[TemplatePiece]:
    joined: list[TemplatePiece] = []
    for piece in pieces:
        if joined and not piece.is_control and joined[-1][1:] == piece[1:]:
            joined[-1] = piece._replace(text=joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return joined
