"""Values of a recipe as their type hints want them, within their ranges; all else is one sentence."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import RecipeError, UsageError
from curate.filters.custom import resolve_custom
from curate.recipe_file import load
from curate.recipe_path import RecipePath, place_paths
from curate.steps.bind import BUILT_IN, factory, resolve
from curate.typed import Amount, Count, Mismatch, Positive, Range, Share, convert, fill

RECIPE = """
name = "ranges"
[[source]]
name = "notes"
read = "tables"
paths = ["notes.jsonl"]
steps = [
  "c4",
  {{ use = "{use}", {parameter} }},
]
"""


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Share, 65),
        (Share, -0.1),
        (Share, math.nan),
        (Share, math.inf),
        (Share | None, 1.01),
        (tuple[Share, ...], [0.1, 2]),
        (Count, -1),
        (Count, 10**30),
        (Count, 1.0),
        (Positive, 0),
        (Amount, -math.inf),
        (Annotated[int, "a note", Range(1, 3)], 4),
        (float, 10**400),
    ],
)
def test_a_number_out_of_its_range_is_refused(hint: Any, value: Any) -> None:
    with pytest.raises(Mismatch):
        convert(value, hint, ("x",))


@pytest.mark.parametrize(
    ("hint", "value"), [(Share, 0), (Share, 1), (Share | None, None), (Count, 10**12), (Amount, math.inf), (Amount, 0)]
)
def test_the_bounds_themselves_switch_a_rule_off_and_are_allowed(hint: Any, value: Any) -> None:
    assert convert(value, hint, ("x",)) == value


@given(st.floats(), st.floats(), st.floats())
def test_a_range_holds_what_lies_between_its_bounds_and_nothing_else(low: float, high: float, value: float) -> None:
    hint = Annotated[float, Range(low, high)]
    if low <= value <= high:
        assert convert(value, hint, ("x",)) == value
    else:
        with pytest.raises(Mismatch, match="x must"):
            convert(value, hint, ("x",))


@pytest.mark.parametrize(
    ("use", "parameter", "told"),
    [
        ("language", 'keep = ["en"], min_score = 65', "min_score must lie between 0 and 1, found 65"),
        ("gopher_quality", "min_words = -5", "min_words must be at least 0, found -5"),
        ("gopher_quality", "max_bullet_line_ratio = 90", "max_bullet_line_ratio must lie between 0 and 1"),
        ("fineweb", "max_short_line_ratio = 1.5", "max_short_line_ratio must lie between 0 and 1"),
        ("refinedweb", "max_newlines = 0", "max_newlines must be at least 1"),
        ("toxicity", "max_score = -1", "max_score must lie between 0 and 1"),
        ("code", "max_mean_line_length = nan", "max_mean_line_length must be at least 0, found nan"),
        ("c4", "min_sentences = 99999999999999999999", "expected a whole number of 64 bits"),
    ],
)
def test_a_recipe_says_the_range_and_the_line(tmp_path: Path, use: str, parameter: str, told: str) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.format(use=use, parameter=parameter))
    with pytest.raises(RecipeError) as error:
        resolve(load(tmp_path / "recipe.toml"))
    assert str(error.value).startswith(f'{tmp_path / "recipe.toml"}:9: step "{use}"')
    assert told in str(error.value)


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - {"where"}))
def test_every_number_of_a_built_in_step_knows_its_range_and_its_default_lies_there(name: str) -> None:
    hints = inspect.get_annotations(factory(name), eval_str=True)
    parameters = inspect.signature(factory(name)).parameters
    bare = [key for key, hint in hints.items() if hint in (int, float) and key != "return"]
    assert not bare
    given = {key: ["en"] if key == "keep" else "x" for key, each in parameters.items() if each.default is each.empty}
    fill(
        factory(name),
        {**given, **{key: p.default for key, p in parameters.items() if type(p.default) in (int, float)}},
        (),
    )


def test_a_users_own_parameter_may_have_a_range_too(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from __future__ import annotations\nfrom typing import Annotated\nimport curate\n\n@curate.filter\n"
        "def long_enough(document: curate.Document, share: Annotated[float, curate.Range(0, 1)] = 0.5) -> bool:\n"
        "    return True\n"
    )
    assert resolve_custom("own:long_enough", {"share": 0.25}, base=tmp_path)
    with pytest.raises(UsageError, match='step "own:long_enough", share: share must lie between 0 and 1, found 2'):
        resolve_custom("own:long_enough", {"share": 2}, base=tmp_path)


@pytest.mark.parametrize(
    ("hint", "value", "placed"),
    [
        (RecipePath, "a.bin", "/recipes/a.bin"),
        (RecipePath, "/models/a.bin", "/models/a.bin"),
        (RecipePath, "", ""),
        (RecipePath | None, None, None),
        (RecipePath | None, "a.bin", "/recipes/a.bin"),
        (tuple[RecipePath, ...], ("a", "lists/b"), ("/recipes/a", "/recipes/lists/b")),
        (RecipePath | tuple[RecipePath, ...], ("a",), ("/recipes/a",)),
        (dict[str, RecipePath], {"en": "en.txt"}, {"en": "/recipes/en.txt"}),
        (str, "a.bin", "a.bin"),
        (tuple[str, ...], ("a",), ("a",)),
    ],
)
def test_a_path_is_known_by_its_type_and_starts_from_the_recipes_folder(hint: Any, value: Any, placed: Any) -> None:
    assert place_paths({"x": value}, {"x": hint}, Path("/recipes")) == {"x": placed}


def test_a_users_own_parameter_may_be_a_path_from_the_recipes_folder(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("spam\n")
    (tmp_path / "own.py").write_text(
        "from pathlib import Path\nimport curate\n\n@curate.filter\n"
        "def clean(document: curate.Document, words: curate.RecipePath = 'bad.txt') -> bool:\n"
        "    return document.text not in Path(words).read_text().split()\n"
    )
    for parameters in ({}, {"words": "bad.txt"}):
        step = resolve_custom("own:clean", parameters, base=tmp_path)
        assert "bad.txt" in {file.name for file in step.files}
        assert step.measure is not None
        measured = step.measure(pl.DataFrame({"id": ["a", "b"], "text": ["spam", "news"]}))
        assert measured["clean"].to_list() == [False, True]
