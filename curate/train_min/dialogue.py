"""The template that a checkpoint was tuned with: kept in its state.json, bound to its tokenizer, asked for an answer.

Template ⇄ state.json's tuning["template"];   turns ─▶ ids that a model is asked with;   conversations ─▶ ids, targets
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from curate.errors import UsageError
from curate.readers.turns import Turn, marked_text, roles_of
from curate.tokenize.arranged import ArrangedTokens, encode_arranged
from curate.tokenize.conversation import TemplateWriter, write_conversation, write_question, writer_of
from curate.tokenize.encode import Tokenizer
from curate.tokenize.templates import Template


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A template, written with the ids of a vocabulary."""

    template: Template
    tokenizer: Tokenizer
    writer: TemplateWriter

    def question(self, turns: Sequence[Turn]) -> list[int]:
        """The ids of turns and of what stands before an answer."""
        found: list[int] = encode_arranged(self.tokenizer, [write_question(turns, self.writer)]).tokens.tolist()
        return found

    def conversations(self, all_turns: Sequence[Sequence[Turn]]) -> ArrangedTokens:
        """Whole conversations, with which tokens the assistant says; each has an answer."""
        written = [write_conversation(marked_text(turns), roles_of(turns), self.writer) for turns in all_turns]
        return encode_arranged(self.tokenizer, [each.sections for each in written])

    @property
    def ends(self) -> list[int]:
        """Control tokens that end an answer."""
        marks = [self.template.end] if self.template.end in self.template.control else []
        return [self.tokenizer.end_of_text, *(self.tokenizer.control[mark] for mark in marks)]

    @property
    def next_question(self) -> str:
        """What a model that is not ended by a control token writes behind its answer: how the user goes on."""
        if self.template.end in self.template.control:
            return ""
        name = self.template.roles.get("user", "user")
        return self.template.end + self.template.turn.partition("{text}")[0].replace("{role}", name)


def bind_template(template: Template, tokenizer: Tokenizer) -> Dialogue:
    """
    Raises:
        UsageError: the vocabulary lacks a control token of the template, or ends texts with one.
    """
    if missing := [mark for mark in template.control if mark not in tokenizer.control]:
        told = f"{tokenizer.name} has no control token {' and '.join(missing)}, which the template needs"
        raise UsageError(f"{told}; the template plain needs none")
    if tokenizer.end_of_text_token in template.control:
        raise UsageError(f"{tokenizer.end_of_text_token} ends a text for {tokenizer.name}, and a turn for the template")
    return Dialogue(template, tokenizer, writer_of(template, tokenizer))


def template_record(template: Template) -> dict[str, Any]:
    return {**asdict(template), "control": list(template.control), "roles": dict(template.roles)}


def template_of(record: Mapping[str, Any]) -> Template:
    """Of a checkpoint's state.json."""
    return Template(**{**record, "control": tuple(record["control"])})
