"""Line numbers of TOML values, against `tomllib` for what there is and against `tomlkit` for how it may be written."""

from __future__ import annotations

import datetime
import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.toml_lines import value_lines
from curate.toml_text import NotToml, parse_toml

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
scalars = st.one_of(
    texts,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.dates(),
    st.times(),
    st.datetimes(min_value=datetime.datetime(1, 1, 2), timezones=st.none() | st.just(datetime.UTC)),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
tables = st.dictionaries(texts, values, max_size=5)


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path} | {each for key, item in inner for each in paths_of(item, (*path, key))}


@settings(max_examples=300, deadline=None)
@given(tables)
def test_every_value_has_a_line_however_it_is_written(table: dict[str, Any]) -> None:
    text = tomlkit.dumps(table)
    assert set(value_lines(text)) | {()} == paths_of(tomllib.loads(text))


WRITTEN = r'''# a comment = "with a pair"
title = 'literal \'
when = 1979-05-27 07:32:00.5-07:00
then = [ 1979-05-27 07:32:00Z, # one
  1979-05-27T07:32:00, 07:32:00,
]
"quoted \u00e9.key" . sub = 1
text = """
many = "lines"\"" of
text ]"""""
raw = "''two' quotes\\"
inline = { a = { "b c" = [1, {d = 2}] }, e.f = "}" }
empty = [ ]
nothing = {}

[table."x.y"]   # comment
n = 0xff
[[ list . of ]]
a = 1
[list.of.inner]
b = -inf
[[list.of]]
a = 2
'''


def test_the_lines_are_those_where_the_values_stand() -> None:
    lines = value_lines(WRITTEN)
    assert set(lines) | {()} == paths_of(tomllib.loads(WRITTEN))
    assert lines["when",] == 3
    assert lines["then", 2] == 5
    assert lines["quoted é.key", "sub"] == 7
    assert lines["raw",] == 11
    assert lines["inline", "a", "b c", 1, "d"] == 12
    assert lines["list", "of", 1, "a"] == 23


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_the_scanner_never_raises_on_what_tomllib_takes(data: st.DataObject) -> None:
    """Mutations of the text above: a character cut, doubled, or replaced."""
    text = WRITTEN
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text = text[:at] + data.draw(st.sampled_from(["", *"\"'[]{}=.,# \n\t\\1a", text[at] * 2])) + text[at + 1 :]
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(value_lines(text)) | {()} == paths_of(table)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a = [1\n", "not TOML"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"\xff\xfea\x00=\x001\x00", "not UTF-8"),
        (b"a = " + b"[" * 5000, "nested too deep"),
        (b"a = " + b"[" * 60 + b"]" * 60, "nested more than"),
        (b"x." * 300 + b"y = 1", "nested more than"),
        (b"a = " + b"9" * 5000, "digits"),
        (b"a = 2024-02-31", "date"),
        (b"a = 'x\x00'", "not TOML"),
        (b"#" * (9 << 20), "bytes are too many"),
        (b"a = 1\na = 2\n", "at line 2"),
    ],
    ids=lambda value: str(value[:16]),
)
def test_what_is_no_toml_is_one_sentence(content: bytes, told: str) -> None:
    with pytest.raises(NotToml) as error:
        parse_toml(content)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistake() -> None:
    assert parse_toml("\ufeffa = 1\r\nb = 2\r\n".encode()) == {"a": 1, "b": 2}
