"""The turns of a conversation, and the text that carries them through a run.

[Turn("user", "Hi"), Turn("assistant", "Hello.")] ─▶ "\\ufdd1 Hi\\n\\n\\ufdd2 Hello." and the roles "user assistant"
                    └──────────────────────────── filters, copies, scrubbing change the text ─┘ ─▶ turns again

Before each turn stands a character that tells its role: one of the noncharacters that Unicode keeps for such a use
inside of programs. Nothing strips it or takes it for a letter, a sign or white space; and a conversation that holds one
is refused, so it comes from here alone. A step may cut and replace what it likes: what stands behind a mark is of that
role as long as all marks are there, in their order. Where one was cut out, nobody can say whose the words around it
are, and the document is none any more; but for a first turn that is gone as a whole, as a system prompt is that stands
before many conversations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

MARKS: Mapping[str, str] = {"system": "\ufdd0", "user": "\ufdd1", "assistant": "\ufdd2", "tool": "\ufdd3"}
"""By role."""
ROLES = tuple(MARKS)
MARK = re.compile(f"[{''.join(MARKS.values())}]")
BEHIND, BETWEEN = " ", "\n\n"
"""What stands behind a mark, so that it is no part of a word; and between turns, which are paragraphs."""


class Turn(NamedTuple):
    """What one of `ROLES` says."""

    role: str
    text: str


def marked_text(turns: Sequence[Turn]) -> str:
    """The text of a document. No turn may hold a mark."""
    return BETWEEN.join(MARKS[turn.role] + BEHIND + turn.text for turn in turns)


def roles_of(turns: Sequence[Turn]) -> str:
    """The roles in their order, with spaces between them: a column of the document."""
    return " ".join(turn.role for turn in turns)


def find_turns(text: str, roles: str) -> list[Turn] | None:
    """The turns of a text that steps may have changed; None where a mark was lost, and they cannot be told apart."""
    begin, *parts = re.split(f"({MARK.pattern})", text)
    found, names = parts[::2], roles.split()
    # No other mark can be the missing one, if the second is another than the first.
    if names[1:] and names[0] != names[1] and len(found) == len(names) - 1:
        names = names[1:]
    if begin.strip() or not names or found != [MARKS[name] for name in names]:
        return None
    *before, last = (words.removeprefix(BEHIND) for words in parts[1::2])
    return [*map(Turn, names, [*map(_without_break, before), last])]


def _without_break(words: str) -> str:
    """Where a step has changed the white space between turns, none of it is anybody's."""
    return words.removesuffix(BETWEEN) if words.endswith(BETWEEN) else words.rstrip()
