"""Mutated recipes end as recipes with a plan, or as one sentence: never as a traceback, never without an end.

shipped recipes with inputs ─▶ lines and keys dropped, doubled, renamed, values of other kinds, bytes flipped, nestings
  ─▶ load ─▶ resolve ─▶ check ─▶ plan ─▶ "planned" | "refused"
"""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from curate.errors import CurateError
from curate.pipeline.check import check_recipe
from curate.pipeline.planning import make_plan
from curate.recipe_file import load, shipped_recipes
from curate.steps.bind import resolve

COUNT = 2000

ODD = [
    *("true", "-1", "0", "1", "1e308", "nan", "inf", "-inf", "9" * 20, "9" * 5000, "0xffffffffffffffffffff", "0.5"),
    *('""', r'"\u0000"', '"' + "x" * 5000 + '"', r'"a\nb"', r'"\u202e"', "[]", "{}", "[[]]", "[1, 'a', {}]", "[{}]"),
    *("{a = {b = {c = 1}}}", "1979-05-27", "07:32:00", "1979-05-27 07:32:00Z", "[" * 60 + "]" * 60, "[" * 3000),
    *(
        '"../../../etc/passwd"',
        '"/proc/self/mem"',
        '"/proc/**"',
        '"/**"',
        '"/"',
        '"s3://"',
        '"s3://b/*"',
        '"http://x/y"',
    ),
    *('"@missing"', '"@."', '"@recipe.toml"', '"*"', '"**"', '"["', '"[z-a]"', '"."', '".."', '"folder"', '"empty"'),
    *('{use = "x"}', "{use = 5}", '{where = "1 = 1"}', '{where = "text"}', "{where = 5}", '{where = "word_count > ("}'),
    *(
        '["gopher_quality", 5]',
        '["gopher_quality"]',
        '"own:missing"',
        '"own:kept"',
        '"os:system"',
        '":"',
        '"a:"',
        '":b"',
    ),
    *('"..:x"', '"own.py:kept"', '"own:exits"', '"bytes"', '"warc"', '"tables"', '"highest:"', '"highest:nothing"'),
    *(
        '["exact"]',
        '["url", "url"]',
        '["semantic"]',
        '["ngrams", "lines"]',
        "[[2, 3], [1]]",
        "{train = {vocab_size = 1}}",
    ),
]
INPUTS = {"warc": "web.warc", "books": "book.txt", "code": "code.py", "tables": "table.jsonl"}
KEYS = [
    "name",
    "use",
    "where",
    "paths",
    "steps",
    "read",
    "",
    "a.b",
    '"a\\u0000"',
    "source",
    "dedup",
    "extends",
    "mix",
    "x",
]
FIRST = [
    *('extends = "recipe.toml"', 'extends = "circle.toml"', "extends = 5", 'extends = ""', 'extends = "quickstart"'),
    *('extends = "missing"', 'extends = "fineweb"', f'extends = "{"x" * 5000}"', 'extends = "folder"', "source = 5"),
    *(
        'extends = "bytes.toml"',
        'extends = "sourceless.toml"',
        "source = []",
        "source = [5]",
        'source = [{name = "web"}]',
    ),
]


def originals() -> list[str]:
    """The shipped recipes, each source with an input."""
    texts = []
    for path in shipped_recipes().values():
        text = path.read_text(encoding="utf-8")
        if not re.search(r"^paths = ", text, re.MULTILINE):
            text = re.sub(
                r'^read = "(\w+)"$', lambda m: f'{m[0]}\npaths = ["{INPUTS[m[1]]}"]', text, flags=re.MULTILINE
            )
        else:
            text = re.sub(r"^paths = .*$", 'paths = ["folder"]', text, flags=re.MULTILINE)
        texts.append(text)
    return texts


def mutants(count: int, seed: int) -> Iterator[bytes]:
    draw = random.Random(seed)
    texts = originals()
    for _ in range(count):
        content = draw.choice(texts)
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            content = draw.choice([_line, _value, _value, _key, _structure, _structure, _first])(content, draw)
        yield _bytes(content, draw) if draw.random() < 0.15 else content.encode("utf-8", "surrogatepass")


def _line(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    at, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    draw.choice(
        [lambda: lines.pop(at), lambda: lines.insert(other, lines[at]), lambda: lines.insert(at, draw.choice(FIRST))]
    )()
    return "\n".join(lines)


def _value(text: str, draw: random.Random) -> str:
    """A value in the text replaced: of a line, or within an inline table."""
    places = list(re.finditer(r"(?<== )(\"[^\"\n]*\"|[\w.+-]+|\[[^\]\n]*\])", text))
    if not places:
        return text
    place = draw.choice(places)
    return text[: place.start()] + draw.choice(ODD) + text[place.end() :]


def _key(text: str, draw: random.Random) -> str:
    places = list(re.finditer(r"\b[a-z_]+(?= = )|(?<=\[)[a-z_.]+(?=\])", text))
    if not places:
        return text
    place = draw.choice(places)
    return text[: place.start()] + draw.choice(KEYS) + text[place.end() :]


def _first(text: str, draw: random.Random) -> str:
    return draw.choice(FIRST) + "\n" + text


def _structure(text: str, draw: random.Random) -> str:
    """The tables themselves: a value anywhere taken out, replaced, moved or doubled."""
    try:
        table = tomllib.loads(text)
        path = draw.choice(list(_paths(table)))
        where = _at(table, path[:-1])
        action = draw.choice(["drop", "odd", "odd", "wrap", "twice"])
        if action == "drop":
            del where[path[-1]]
        elif action == "odd":
            where[path[-1]] = tomllib.loads(f"x = {draw.choice(ODD)}")["x"]
        elif action == "wrap":
            where[path[-1]] = draw.choice([[where[path[-1]]], {"x": where[path[-1]]}])
        elif isinstance(where, list):
            where.append(where[path[-1]])
        return str(tomlkit.dumps(table))
    except (ValueError, RecursionError, IndexError, TypeError, AttributeError):
        return text


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from _paths(item, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _bytes(text: str, draw: random.Random) -> bytes:
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(max(len(content), 1))
        draw.choice(
            [
                lambda at=at: content.__setitem__(slice(at, at + 1), bytes([draw.randrange(256)])),
                lambda at=at: content.__setitem__(slice(at, at + draw.randint(1, 200)), b""),
                lambda at=at: content.__setitem__(slice(at, at), bytes(draw.randrange(256) for _ in range(3))),
            ]
        )()
    return bytes(content)


def write_inputs(folder: Path) -> None:
    """Something for every reader, and what the odd values point at."""
    (folder / "folder").mkdir()
    (folder / "empty").mkdir()
    row = json.dumps({"id": "1", "text": "It was the best of times, it was the worst of times."})
    for name in ("table.jsonl", "folder/table.jsonl"):
        (folder / name).write_text(row + "\n")
    (folder / "book.txt").write_text("It was the best of times.\n")
    (folder / "code.py").write_text("print('it was')\n")
    (folder / "web.warc").write_bytes(b"")
    (folder / "own.py").write_text(
        "def kept(document):\n    return True\n\ndef exits(document):\n    raise SystemExit\n"
    )
    (folder / "circle.toml").write_text('extends = "recipe.toml"\n')
    (folder / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    (folder / "sourceless.toml").write_text("source = 5\n")


def outcome(path: Path) -> str:
    """How a recipe ends; a bug raises."""
    try:
        recipe = resolve(load(path))
        check_recipe(recipe)
        make_plan(recipe)
    except CurateError as error:
        return told(error)
    return "planned"


def told(error: CurateError) -> str:
    """ "refused" for one sentence of a reasonable length, about something that the user can mend."""
    assert error.exit_code == 2, repr(error)
    assert "\n" not in str(error), str(error)
    assert len(str(error)) < 3000, str(error)[:300]
    return "refused"


def test_two_thousand_mutated_recipes_are_planned_or_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("CURATE_HTTP_TRIES", "1")
    write_inputs(tmp_path)
    ends: Counter[str] = Counter()
    for number, content in enumerate(mutants(COUNT, seed=12)):
        (tmp_path / "recipe.toml").write_bytes(content)
        try:
            ends[outcome(tmp_path / "recipe.toml")] += 1
        except Exception as error:
            error.add_note(f"mutant {number}: {content[:2000]!r}")
            raise
    assert ends["planned"] > COUNT // 20
    assert ends["refused"] > COUNT // 4
