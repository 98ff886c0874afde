"""A row of a file of chat data as the conversations that it holds, in whichever of the usual forms.

{"messages": [{role, content}, …]}   {"conversations": [{from, value}, …]}       ─▶ their turns
{"instruction", "input", "output"}   {"prompt", "response"} {"question", "answer"} ─▶ two turns
{"posts": [{author, text}, …]}                                                   ─▶ a thread
{"prompt": {text, role, "replies": […]}}                                         ─▶ a tree (chat_trees.py)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curate.readers.chat_trees import nested_paths
from curate.readers.messages import BadConversation, content_of, read_turn, role_of, text_of
from curate.readers.turns import Turn
from curate.recipe import Source

LISTS = ("messages", "conversations", "conversation")
ASKED = ("instruction", "prompt", "question", "query", "input")
ANSWERED = ("output", "response", "completion", "answer")
THREAD = "posts"
OF_TREES = ("replies", "message_id", "parent_id", "role", "text", "deleted")
CHAT_COLUMNS = frozenset({*LISTS, *ASKED, *ANSWERED, THREAD, *OF_TREES, "system", "title"})
"""What conversations are made of; other columns of their files go with them."""
SHOWN = 12
"""Columns that a reason lists."""


def conversations_of(row: Mapping[str, Any], source: Source) -> Iterator[list[Turn] | BadConversation]:
    """The conversations of a row, or why it is none that can be trained on: one, but of a tree of which all paths are
    wanted."""
    try:
        yield from _conversations(row, source)
    except BadConversation as error:
        yield error


def path_of_tree(messages: Sequence[Any], source: Source) -> list[Turn] | BadConversation:
    """One path, or what is wrong with it; the others are as they are."""
    try:
        return _checked(_turns(messages, source))
    except BadConversation as error:
        return error


def _conversations(row: Mapping[str, Any], source: Source) -> Iterator[list[Turn] | BadConversation]:
    row = {**row, **{name: row.get(column) for name, column in source.columns.items()}}
    if tree := _tree(row):
        yield from (path_of_tree(path, source) for path in nested_paths(tree, source.tree))
    elif isinstance(row.get(THREAD), list):
        yield _checked([*_system(row), *_thread(row, source)])
    else:
        yield _checked([*_system(row), *_listed(row, source)])


def _listed(row: Mapping[str, Any], source: Source) -> list[Turn]:
    for name in LISTS:
        if isinstance(row.get(name), list):
            return _turns(row[name], source)
    asked = next((name for name in ASKED if row.get(name) is not None), None)
    answered = next((name for name in ANSWERED if row.get(name) is not None), None)
    if asked is None or answered is None:
        there = ", ".join([*map(str, row)][:SHOWN])
        raise BadConversation("no_conversation", f"no conversation in a row with the columns {there}")
    if isinstance(row[asked], list) and isinstance(row[answered], list):  # messages before, and those that answer
        return _turns([*row[asked], *row[answered]], source)
    return list(_pair(row, asked, answered))


def _pair(row: Mapping[str, Any], asked: str, answered: str) -> Iterator[Turn]:
    """Alpaca's input is what its instruction is about."""
    words = [text_of(row[asked], 1)]
    if asked == "instruction":
        words.append(text_of(row.get("input"), 1))
    for place, (role, text) in enumerate(
        (("user", "\n\n".join(filter(str.strip, words))), ("assistant", text_of(row[answered], 2))), start=1
    ):
        if not text.strip():
            raise BadConversation("empty_turn", f"turn {place}, of {role}, says nothing")
        yield Turn(role, text)


def _turns(messages: Sequence[Any], source: Source) -> list[Turn]:
    turns = (read_turn(message, place, source.roles) for place, message in enumerate(messages, start=1))
    return [turn for turn in turns if turn is not None]


def _system(row: Mapping[str, Any]) -> list[Turn]:
    """A system prompt beside the conversation."""
    text = text_of(row.get("system"), 0)
    return [Turn("system", text)] if text.strip() else []


def _thread(row: Mapping[str, Any], source: Source) -> Iterator[Turn]:
    """Whoever opens a thread asks, and all others answer, unless `roles` says who an author is. A title stands before
    the first post."""
    posts = row[THREAD]
    opener = posts[0].get("author") if posts and isinstance(posts[0], Mapping) else None
    for place, post in enumerate(posts, start=1):
        if not isinstance(post, Mapping) or not isinstance(author := post.get("author"), str | int):
            raise BadConversation("bad_turn", f"post {place} has no author")
        text = content_of(post, place)
        if not text.strip():
            raise BadConversation("empty_turn", f"post {place} says nothing")
        title = text_of(row.get("title"), 1).strip() if place == 1 else ""
        role = "user" if author == opener else "assistant"
        if source.roles.get(str(author)):
            role = role_of(str(author), place, source.roles)
        yield Turn(role, f"{title}\n\n{text}" if title else text)


def _tree(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    root = row["prompt"] if isinstance(row.get("prompt"), Mapping) else row
    return root if isinstance(root.get("replies"), list) else None


def _checked(turns: list[Turn]) -> list[Turn]:
    """The same; raises BadConversation where nothing in them can be learned."""
    if not turns:
        raise BadConversation("empty", "no turn", "dropped")
    if all(turn.role != "assistant" for turn in turns):
        raise BadConversation("no_answer", f"{len(turns)} turns, none of the assistant", "dropped")
    return turns
