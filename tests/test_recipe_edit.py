"""An edited recipe says what was asked for, and everything else as it said it before."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.recipe_edit import Edit, edited
from curate.recipe_file import load

HEAD = 'name = "x"  # mine\n[[source]]\nname = "a"\nread = "tables"\npaths = ["a.jsonl"]\n'


def change(folder: Path, text: str, *edits: Edit) -> str:
    (folder / "x.toml").write_text(text, encoding="utf-8")
    return edited(load(folder / "x.toml"), edits, name="y")


@pytest.mark.parametrize(
    ("steps", "edit", "expected"),
    [
        ('steps = ["c4"] # s\n', Edit("a", 0, "min_sentences", 2), 'steps = [{ use = "c4", min_sentences = 2 }] # s\n'),
        (
            "steps = [\n  'url',  # first\n  # between\n  { where = \"a < 3\" },\n]\n",
            Edit("a", 1, "expression", 'b = "x"'),
            'steps = [\n  \'url\',  # first\n  # between\n  { where = "b = \\"x\\"" },\n]\n',
        ),
        (
            'steps = [{ use = "language", keep = [\n  "en",  # English\n], min_score = 0.50 }]\n',
            Edit("a", 0, "min_score", 0.3),
            'steps = [{ use = "language", keep = [\n  "en",  # English\n], min_score = 0.3 }]\n',
        ),
        (
            '[[source.steps]]\nuse = "url" # u\n[[source.steps]]\nuse = "c4"\n',
            Edit("a", 0, "words", ["one", "two"]),
            '[[source.steps]]\nuse = "url" # u\nwords = ["one", "two"]\n[[source.steps]]\nuse = "c4"\n',
        ),
    ],
)
def test_only_what_was_changed_is_written_anew(tmp_path: Path, steps: str, edit: Edit, expected: str) -> None:
    assert change(tmp_path, HEAD + steps, edit) == HEAD.replace('"x"', '"y"') + expected


def test_a_file_with_the_line_ends_of_windows_keeps_them(tmp_path: Path) -> None:
    text = (HEAD + 'steps = ["url"]\n').replace("\n", "\r\n")
    (tmp_path / "x.toml").write_bytes(text.encode())
    told = edited(load(tmp_path / "x.toml"), [Edit("a", 0, "words", ["one"])], name="y")
    assert told == text.replace('"x"', '"y"').replace('["url"]', '[{ use = "url", words = ["one"] }]')


def test_sources_in_one_line_are_edited_where_they_stand(tmp_path: Path) -> None:
    text = 'name = "x"\nsource = [{ name = "a", read = "tables", paths = ["a"], steps = ["url", "c4"] }]\n'
    assert change(tmp_path, text, Edit("a", 1, "min_sentences", 1)) == (
        'name = "y"\nsource = [{ name = "a", read = "tables", paths = ["a"], '
        'steps = ["url", { use = "c4", min_sentences = 1 }] }]\n'
    )


def test_what_a_recipe_extends_is_written_out_with_the_change(tmp_path: Path) -> None:
    (tmp_path / "below.toml").write_text(
        HEAD + 'steps = ["url", { use = "c4", min_sentences = 4 }, { where = "a < 3" }]\n'
    )
    written = change(tmp_path, 'extends = "below.toml"\nname = "x"\nseed = 3 # odd\n', Edit("a", 1, "min_sentences", 5))
    assert written.startswith('extends = "below.toml"\nname = "y"\nseed = 3 # odd\n')
    (tmp_path / "y.toml").write_text(written, encoding="utf-8")
    steps = load(tmp_path / "y.toml").source("a").steps
    assert [(step.use, dict(step.parameters)) for step in steps] == [
        ("url", {}),
        ("c4", {"min_sentences": 5}),
        ("where", {"expression": "a < 3"}),
    ]


scalars = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = scalars | st.lists(st.text(), max_size=3) | st.lists(st.integers(0, 9), max_size=3)


@given(first=values, second=values, is_table=st.booleans())
@settings(deadline=None)
def test_every_value_comes_back_as_it_was(first: Any, second: Any, is_table: bool) -> None:
    steps = 'steps = ["url", { use = "c4", other = 1 }]\n' if is_table else 'steps = ["url", "c4"]\n'
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        text = change(place, HEAD + steps, Edit("a", 1, "first", first), Edit("a", 1, "second", second))
        (place / "y.toml").write_text(text, encoding="utf-8", newline="")
        found = dict(load(place / "y.toml").source("a").steps[1].parameters)
    assert found == ({"other": 1} if is_table else {}) | {"first": first, "second": second}
