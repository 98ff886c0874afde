"""What one message of a conversation says, in the many ways in which files write it.

{"role": "user", "content": "Hi"}           {"from": "human", "value": "Hi"}          {"author": "Ann", "text": "Hi"}
{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url", …}]}  ─▶ Turn | BadConversation
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from curate.readers.turns import MARK, Turn

NAMES: Mapping[str, str] = {
    **dict.fromkeys(("user", "human", "prompter", "instruction"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "model", "ai", "bing", "bard"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation", "function_response", "ipython"), "tool"),
}
"""Roles as files call them, in lower case."""
ROLE_KEYS = ("role", "from", "speaker")
CONTENT_KEYS = ("content", "value", "text", "body", "message")
CALLS = ("tool_calls", "function_call")
"""Beside a message without words."""
SHOWN = 60
"""Characters of a name that a reason shows."""


class BadConversation(Exception):
    """Why a conversation becomes no document, as the ledger has it."""

    def __init__(self, reason: str, detail: str, outcome: Literal["dropped", "quarantined"] = "quarantined") -> None:
        super().__init__(detail)
        # JSON can spell halves of characters, and no table can hold them.
        self.reason, self.detail, self.outcome = reason, detail.encode("utf-8", "replace").decode(), outcome


def read_turn(message: Any, place: int, roles: Mapping[str, str]) -> Turn | None:
    """The turn of a message, the `place`-th of its conversation; None for a system prompt without a word. `roles` are
    names that files give to roles, besides those that are known.

    Raises:
        BadConversation: it has no known role, no words, or something else than words.
    """
    if not isinstance(message, Mapping):
        raise BadConversation("bad_turn", f"turn {place} is no object, but {type(message).__name__}")
    role = role_of(_value(message, ROLE_KEYS), place, roles)
    text = content_of(message, place)
    if not text.strip():
        if role == "system":
            return None
        raise BadConversation("empty_turn", f"turn {place}, of {role}, says nothing")
    return Turn(role, text)


def role_of(name: Any, place: int, roles: Mapping[str, str]) -> str:
    """The role that a name stands for."""
    if not isinstance(name, str):
        raise BadConversation("bad_turn", f"turn {place} has no role")
    known = roles.get(name) or NAMES.get(name.lower())
    if known is None:
        said = name[:SHOWN]
        told = f'turn {place} is of "{said}"; roles = {{ "{said}" = "user" }} in the recipe would say who that is'
        raise BadConversation("unknown_role", told)
    return known


def content_of(message: Mapping[str, Any], place: int) -> str:
    """The words of a message: a text, or the texts of its parts, a line each.

    Raises:
        BadConversation: there are none, or there is something else, too: dropped as "not_text", with its name.
    """
    content = _value(message, CONTENT_KEYS)
    calls = [name for name in CALLS if message.get(name)]
    if calls and not content:
        raise BadConversation("not_text", f"turn {place} has {calls[0]}", "dropped")
    parts = content if isinstance(content, list) else [content]
    return "\n".join(text for part in parts if (text := _part_text(part, place)))


def text_of(value: Any, place: int) -> str:
    """A text without marks, "" where there is none.

    Raises:
        BadConversation: it is no text, or no valid Unicode.
    """
    if value is None:
        return ""
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            raise BadConversation("bad_turn", f"turn {place} says no text, but {type(value).__name__}")
        text.encode()
    except UnicodeError as error:
        raise BadConversation("encoding", f"turn {place}: {error}") from None
    if found := MARK.search(text):
        raise BadConversation("control_character", f"turn {place} holds U+{ord(found[0]):04X}")
    return text


def _part_text(part: Any, place: int) -> str:
    if not isinstance(part, Mapping):
        return text_of(part, place)
    kind = part.get("type") or next((name for name in part if name != "text"), "text")
    if kind not in ("text", "input_text", "output_text") or "text" not in part:
        raise BadConversation("not_text", f"turn {place} has {str(kind)[:SHOWN]}", "dropped")
    return text_of(part["text"], place)


def _value(message: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((message[key] for key in keys if message.get(key) is not None), None)
