"""Conversations that fork, as Open Assistant's do: paths from the first message to a last one.

nested   {text, role, "replies": [{text, role, rank, "replies": …}, …]} ─┐
flat     rows of {message_id, parent_id, role, text, rank}, of one file ─┴▶ "best": at every fork the reply of the best
                                                                            rank; "all": a conversation for each leaf
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from curate.readers.messages import BadConversation

MAX_DEPTH = 1000
"""Messages of a path; files of people have some twenty."""
MAX_PATHS = 10_000
"""Of a tree."""
SHOWN = 60
"""Characters of an id that a reason shows."""
Paths = Literal["best", "all"]
Message = Mapping[str, Any]


class FlatMessage(NamedTuple):
    """A row of a file of messages; `place` is what stands for it in ids."""

    place: int
    row: Message


Node = TypeVar("Node")


def nested_paths(root: Message, wanted: Paths) -> Iterator[list[Message]]:
    """The paths of a tree whose messages hold their replies.

    Raises:
        BadConversation: a reply is no message, or the tree is too deep or too wide.
    """
    yield from _paths(root, _replies, _rank, wanted)


def flat_paths(
    messages: Sequence[FlatMessage], wanted: Paths
) -> Iterator[tuple[list[FlatMessage], BadConversation | None]]:
    """The paths of all trees of a file; and, with what is wrong with it, each message that no tree reaches."""
    below: dict[Any, list[FlatMessage]] = {}
    for message in messages:
        below.setdefault(_key(message, "parent_id"), []).append(message)
    for root in below.get(None, []):
        paths = _paths(root, lambda node: _below(node, below), lambda node: _rank(node.row), wanted)
        try:
            yield from ((path, None) for path in paths)
        except BadConversation as error:
            yield [root], error
    reached = _reached(below)
    for message in messages:
        if message.place not in reached:
            told = f"its parent {str(message.row.get('parent_id'))[:SHOWN]} is in no tree of this file"
            yield [message], BadConversation("no_parent", told)


def is_flat(row: Mapping[str, Any]) -> bool:
    """Whether a row is one message of a tree, and does not hold its replies."""
    return "parent_id" in row and "message_id" in row and "replies" not in row


def _paths(
    root: Node, replies: Callable[[Node], list[Node]], rank: Callable[[Node], float], wanted: Paths
) -> Iterator[list[Node]]:
    """Depth first, so that paths come in the order of the file."""
    waiting, path, count = [(0, root)], [root], 0
    while waiting:
        depth, node = waiting.pop()
        path = [*path[:depth], node]
        below = replies(node)
        if not below:
            yield path
            count += 1
        if depth == MAX_DEPTH or count == MAX_PATHS:
            raise BadConversation("bad_tree", f"over {MAX_DEPTH} messages deep, or over {MAX_PATHS} paths")
        chosen = [min(below, key=rank)] if below and wanted == "best" else below
        waiting += [(depth + 1, reply) for reply in reversed(chosen)]


def _replies(message: Message) -> list[Message]:
    found = message.get("replies") or []
    if not isinstance(found, list) or not all(isinstance(reply, Mapping) for reply in found):
        raise BadConversation("bad_tree", "replies are no list of messages")
    return [reply for reply in found if not reply.get("deleted")]


def _below(message: FlatMessage, below: Mapping[Any, list[FlatMessage]]) -> list[FlatMessage]:
    id = _key(message, "message_id")
    found = below.get(id, []) if id is not None else []
    return [reply for reply in found if not reply.row.get("deleted")]


def _key(message: FlatMessage, name: str) -> str | int | None:
    """An id; what JSON allows besides stands for itself, too."""
    value = message.row.get(name)
    return value if value is None or isinstance(value, str | int) else repr(value)


def _rank(message: Message) -> float:
    """0 is best; what nobody has ranked comes last, in the order of the file."""
    rank = message.get("rank")
    return float(rank) if isinstance(rank, int | float) else float("inf")


def _reached(below: Mapping[Any, list[FlatMessage]]) -> set[int]:
    waiting, reached = [*below.get(None, [])], set[int]()
    while waiting:
        message = waiting.pop()
        if message.place not in reached:
            reached.add(message.place)
            id = _key(message, "message_id")
            waiting += below.get(id, []) if id is not None else []
    return reached
