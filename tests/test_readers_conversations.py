"""Chat data in its usual forms: which turns a row has, which paths a tree, and what becomes of rows that are broken."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.readers import conversations
from curate.readers.turns import BEHIND, BETWEEN, MARK, MARKS, Turn, find_turns, marked_text, roles_of
from curate.recipe import Source

U, A, S, T = ("user", "assistant", "system", "tool")
HELLO = [(U, "Hi there"), (A, "Hello.")]


def source(**given: Any) -> Source:
    return Source("chat", "conversations", ("rows.jsonl",), **given)


def input_of(path: Path) -> InputFile:
    return InputFile(path.name, str(path), path.stat().st_size, "")


def read(path: Path, *, target: int = 1 << 30, **given: Any) -> list[Record | Rejected]:
    file = input_of(path)
    ranges = conversations.split_file(file, target_bytes=target)
    return [
        item
        for start, end in ranges
        for item in conversations.read(FileRange(file, start, end), source=source(**given), max_record_bytes=1 << 20)
    ]


def write(folder: Path, rows: Sequence[Any], name: str = "rows.jsonl") -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def turns(record: Record | Rejected) -> list[tuple[str, str]]:
    assert isinstance(record, Record), record
    found = find_turns(str(record.payload), record.columns["roles"])
    assert found is not None
    return [tuple(turn) for turn in found]


def told(item: Record | Rejected) -> tuple[str, str]:
    assert isinstance(item, Rejected), item
    return item.outcome, item.reason


SAYS = [{"role": "user", "content": "Hi there"}, {"role": "assistant", "content": "Hello."}]
SHARED = [{"from": "human", "value": "Hi there"}, {"from": "gpt", "value": "Hello."}]
IN_PARTS = [
    {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "input_text", "text": "there"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]},
]
PICTURE = {"type": "image_url", "image_url": {"url": "data:"}}
POSTS = [
    {"author": "Ann", "text": "It hums."},
    {"author": "Bo", "body": "Oil it."},
    {"author": "Ann", "content": "Thanks!"},
]
ROWS: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"conversations": SHARED}, HELLO),
    ({"system": "Be kind.", "conversations": SHARED}, [(S, "Be kind."), *HELLO]),
    ({"messages": SAYS}, HELLO),
    ({"messages": [{"role": "developer", "content": "Be kind."}, *SAYS]}, [(S, "Be kind."), *HELLO]),
    ({"messages": [{"role": "system", "content": " "}, *SAYS]}, HELLO),
    ({"messages": IN_PARTS}, [(U, "Hi\nthere"), HELLO[1]]),
    ({"messages": [SAYS[0], {"role": "tool", "content": "42"}, SAYS[1]]}, [HELLO[0], (T, "42"), HELLO[1]]),
    ({"prompt": [SAYS[0]], "completion": [SAYS[1]]}, HELLO),
    ({"instruction": "Translate.", "input": "Moin", "output": "Hello."}, [(U, "Translate.\n\nMoin"), HELLO[1]]),
    ({"instruction": "Say hello.", "input": "", "output": "Hello."}, [(U, "Say hello."), HELLO[1]]),
    ({"prompt": "Hi there", "response": "Hello."}, HELLO),
    ({"question": "Hi there", "answer": "Hello."}, HELLO),
    ({"input": "Hi there", "output": "Hello."}, HELLO),
    ({"title": "Noise", "posts": POSTS}, [(U, "Noise\n\nIt hums."), (A, "Oil it."), (U, "Thanks!")]),
]
BROKEN: list[tuple[Any, tuple[str, str]]] = [
    ({"text": "no conversation"}, ("quarantined", "no_conversation")),
    ({"messages": ["Hi"]}, ("quarantined", "bad_turn")),
    ({"messages": [{"content": "Hi"}]}, ("quarantined", "bad_turn")),
    ({"messages": [{"role": "user", "content": 7}]}, ("quarantined", "bad_turn")),
    ({"messages": [{"role": "narrator", "content": "Hi"}]}, ("quarantined", "unknown_role")),
    ({"messages": [SAYS[0], {"role": "assistant", "content": "  "}]}, ("quarantined", "empty_turn")),
    ({"messages": [SAYS[0], {"role": "assistant", "content": None}]}, ("quarantined", "empty_turn")),
    ({"messages": [SAYS[0], {"role": "assistant", "content": None, "tool_calls": [{}]}]}, ("dropped", "not_text")),
    ({"messages": [{"role": "user", "content": [PICTURE]}, SAYS[1]]}, ("dropped", "not_text")),
    ({"messages": [SAYS[0]]}, ("dropped", "no_answer")),
    ({"messages": []}, ("dropped", "empty")),
    ({"messages": [{"role": "user", "content": f"Hi {MARKS[A]}"}, SAYS[1]]}, ("quarantined", "control_character")),
    ('{"prompt": "\\ud800", "response": "Hello."}', ("quarantined", "encoding")),
    ('{"messages": [{"role": "\\ud800", "content": "Hi"}]}', ("quarantined", "unknown_role")),
    ('{"messages": [', ("quarantined", "bad_json")),
    ({"prompt": "x" * 400_000, "response": "y" * 700_000}, ("quarantined", "too_big")),
    ({"prompt": "Hi", "response": ""}, ("quarantined", "empty_turn")),
    ({"posts": [{"text": "by nobody"}]}, ("quarantined", "bad_turn")),
    ({"prompt": {"text": "Hi", "role": "prompter", "replies": ["Hello."]}}, ("quarantined", "bad_tree")),
]


@pytest.mark.parametrize(("row", "expected"), ROWS, ids=lambda value: str(value)[:40])
def test_a_row_has_its_turns(tmp_path: Path, row: Any, expected: list[tuple[str, str]]) -> None:
    [record] = read(write(tmp_path, [row]))
    assert turns(record) == expected
    pl.DataFrame([row]).write_parquet(tmp_path / "rows.parquet")
    [record] = read(tmp_path / "rows.parquet")
    assert turns(record) == expected
    (tmp_path / "rows.json").write_text(json.dumps([row], indent=1))
    [record] = read(tmp_path / "rows.json")
    assert turns(record) == expected


@pytest.mark.parametrize(("row", "expected"), BROKEN, ids=lambda value: str(value)[:60])
def test_a_broken_row_costs_itself(tmp_path: Path, row: Any, expected: tuple[str, str]) -> None:
    before, item, after = read(write(tmp_path, [{"messages": SAYS}, row, {"messages": SAYS}]))
    assert told(item) == expected
    assert isinstance(item, Rejected)
    assert item.detail.encode()
    assert turns(before) == turns(after) == HELLO


def test_what_is_not_text_is_named_and_so_is_a_role_that_nobody_knows(tmp_path: Path) -> None:
    rows = [BROKEN[8][0], BROKEN[7][0], BROKEN[4][0]]
    details = [item.detail for item in read(write(tmp_path, rows)) if isinstance(item, Rejected)]
    assert details[0] == "turn 1 has image_url"
    assert details[1] == "turn 2 has tool_calls"
    assert 'turn 1 is of "narrator"; roles = { "narrator" = "user" }' in details[2]


def test_a_recipe_names_roles_columns_and_authors(tmp_path: Path) -> None:
    row = {"dialog": [{"speaker": "Kunde", "text": "Hi there"}, {"speaker": "Berater", "text": "Hello."}]}
    [record] = read(write(tmp_path, [row]), roles={"Kunde": U, "Berater": A}, columns={"messages": "dialog"})
    assert turns(record) == HELLO
    thread = {"posts": [{"author": "support", "text": "Welcome."}, {"author": "Ann", "text": "Hi there"}]}
    [record] = read(write(tmp_path, [thread]), roles={"support": A, "Ann": U})
    assert turns(record) == [(A, "Welcome."), (U, "Hi there")]


def test_what_a_row_knows_besides_goes_with_it(tmp_path: Path) -> None:
    row = {"messages": SAYS, "conversation_id": "c7", "language": "en", "license": "cc0", "url": "http://a.b/c"}
    [record] = read(write(tmp_path, [row]))
    assert isinstance(record, Record)
    assert (record.url, record.id) == ("http://a.b/c", "chat/rows.jsonl@0")
    assert record.columns == {"original_id": "c7", "language": "en", "license": "cc0", "roles": "user assistant"}


def message(id: str, parent: str | None, role: str, text: str, rank: int | None = None) -> dict[str, Any]:
    return {"message_id": id, "parent_id": parent, "role": role, "text": text, "rank": rank}


FLAT = [
    message("1", None, "prompter", "Hi there"),
    message("2", "1", "assistant", "Hm?", 1),
    message("3", "1", "assistant", "Hello.", 0),
    message("4", "2", "prompter", "What?"),
    message("5", "3", "prompter", "How are you?", None),
    message("6", "5", "assistant", "Fine."),
    message("7", None, "prompter", "Nobody answers"),
    message("8", "99", "assistant", "An orphan"),
]
BEST = [*HELLO, (U, "How are you?"), (A, "Fine.")]
OTHER = [HELLO[0], (A, "Hm?"), (U, "What?")]


def nested(id: str) -> dict[str, Any]:
    [root] = [row for row in FLAT if row["message_id"] == id]
    return root | {"replies": [nested(row["message_id"]) for row in FLAT if row["parent_id"] == id]}


def test_of_a_tree_the_best_path_or_all_become_conversations(tmp_path: Path) -> None:
    for row in ({"message_tree_id": "1", "prompt": nested("1")}, nested("1")):
        [best] = read(write(tmp_path, [row]))
        assert turns(best) == BEST
        assert best.id == "chat/rows.jsonl@0"
        several = read(write(tmp_path, [row]), tree="all")
        assert [turns(path) for path in several] == [OTHER, BEST]
        assert [path.id for path in several] == ["chat/rows.jsonl@0#path-1", "chat/rows.jsonl@0#path-2"]


def test_a_broken_path_of_a_tree_costs_itself(tmp_path: Path) -> None:
    row = nested("1")
    row["replies"][0]["replies"].append(message("9", "2", "narrator", "\ud800"))
    said, broken, other = read(write(tmp_path, [row]), tree="all")
    assert [turns(said), turns(other)] == [OTHER, BEST]
    assert told(broken) == ("quarantined", "unknown_role")


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "parquet"])
def test_rows_that_are_messages_become_the_paths_of_their_trees(tmp_path: Path, kind: str) -> None:
    rows = FLAT[::-1]  # in any order
    path = tmp_path / f"rows.{kind}"
    if kind == "parquet":
        pl.DataFrame(rows).write_parquet(path, row_group_size=2)
    else:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(data) if kind.endswith("gz") else data)
    items = read(path, target=10)  # however small the pieces that are wanted
    assert [turns(item) for item in items if isinstance(item, Record)] == [BEST]
    assert Counter(told(item) for item in items if isinstance(item, Rejected)) == {
        ("dropped", "no_answer"): 1,
        ("quarantined", "no_parent"): 1,
    }
    both = [turns(item) for item in read(path, tree="all") if isinstance(item, Record)]
    assert sorted(both) == sorted([BEST, OTHER])


def test_circles_and_endless_trees_are_told(tmp_path: Path) -> None:
    circle = [message("1", "2", "prompter", "Hi"), message("2", "1", "assistant", "Ha")]
    own = [message("1", None, "prompter", "Hi"), message("1", "1", "assistant", "Ha")]
    assert [told(item) for item in read(write(tmp_path, circle))] == [("quarantined", "no_parent")] * 2
    assert [told(item) for item in read(write(tmp_path, own))] == [("quarantined", "bad_tree")]


def test_however_a_file_is_split_its_conversations_are_the_same(tmp_path: Path) -> None:
    rows = [{"prompt": f"What is {n}?", "response": f"{n} is a number."} for n in range(200)]
    path = write(tmp_path, rows)
    whole, pieces = read(path), read(path, target=1000)
    assert len(conversations.split_file(input_of(path), target_bytes=1000)) > 5
    assert [(item.id, turns(item)) for item in whole] == [(item.id, turns(item)) for item in pieces]


words = st.text(
    st.sampled_from("ab \n日é.😀") | st.characters(codec="utf-8", exclude_characters="".join(MARKS.values()))
)
some_turns = st.lists(st.tuples(st.sampled_from([*MARKS]), words).map(Turn._make), min_size=1, max_size=6)


@given(said=some_turns)
def test_turns_come_back_from_the_text(said: list[Turn]) -> None:
    assert find_turns(marked_text(said), roles_of(said)) == said


def test_white_space_that_a_step_has_changed_is_nobodys() -> None:
    text = " ".join(marked_text([Turn(*turn) for turn in BEST]).split())
    assert find_turns(text, "user assistant user assistant") == BEST
    assert find_turns(text.replace(" \ufdd2 ", "\n\ufdd2"), "user assistant user assistant") == BEST


def test_a_first_turn_may_go_as_a_whole() -> None:
    said = [Turn("system", "Be kind."), *(Turn(*turn) for turn in BEST)]
    whole = marked_text(said)
    assert find_turns(whole.partition("\n\n")[2], roles_of(said)) == said[1:]
    assert find_turns(whole.replace(MARKS["system"] + " Be", ""), roles_of(said)) is None
    assert find_turns(marked_text([Turn("user", "b"), Turn("assistant", "c")]), "user user assistant") is None


@given(said=some_turns, data=st.data())
def test_what_steps_leave_of_a_text_is_of_whom_it_was_or_nobodys(said: list[Turn], data: st.DataObject) -> None:
    """Any parts are cut out of it, as steps do; every character is still of its own turn, or the text is refused."""
    unique = [Turn(role, chr(0x4E00 + number) * len(text)) for number, (role, text) in enumerate(said)]
    text = marked_text(unique)
    kept = data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    left = "".join(character for character, is_kept in zip(text, kept, strict=True) if is_kept)
    found = find_turns(left, roles_of(unique))
    if found is None:
        assert len(MARK.findall(left)) < len(unique)
        return
    lost = len(unique) - len(found)
    assert lost == 0 or (lost == 1 and chr(0x4E00) not in left and unique[0].role != unique[1].role)
    for number, turn in enumerate(found, start=lost):
        assert turn.role == unique[number].role
        assert {*turn.text} <= {chr(0x4E00 + number), *BETWEEN, BEHIND}


leaves = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["user", "gpt", "1", "Hi", " ", ""])
)
NAMES = """messages conversations role from content value text type prompt response instruction input output replies
rank posts author title system message_id parent_id deleted tool_calls speaker image_url"""
keys = st.sampled_from(NAMES.split())
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
)
messages = st.lists(
    st.fixed_dictionaries({"message_id": anything, "parent_id": anything, "role": leaves, "text": leaves})
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.dictionaries(keys, anything, max_size=6), max_size=4) | messages,
    tree=st.sampled_from(["best", "all"]),
)
def test_whatever_a_file_says_each_row_is_answered_for(tmp_path: Path, rows: list[dict[str, Any]], tree: Any) -> None:
    items = read(write(tmp_path, rows), tree=tree)
    assert all(isinstance(item, Rejected) or turns(item) for item in items)
    held = [row for row in rows if not ("message_id" in row and "parent_id" in row and "replies" not in row)]
    assert len({item.id.partition("#")[0] for item in items}) >= len(held)
