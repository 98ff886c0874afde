"""A recipe from a dict is the recipe from the file that says the same, and its errors name the place in the dict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.errors import RecipeError, UsageError
from curate.given.recipe import shown_path
from curate.recipe_file import load as load_file
from curate.recipe_form import digest, to_toml
from curate.steps.bind import resolve

NAMES = st.sampled_from(["web", "books", "code"])
STEPS = st.sampled_from(
    [
        "gopher_quality",
        {"use": "gopher_quality", "min_words": 30, "max_mean_word_length": 9.5},
        {"where": "digit_ratio < 0.2"},
        {"use": "language", "keep": ["en", "de"], "min_score": 0.65},
    ]
)
PATHS = st.one_of(st.text(min_size=1, max_size=8), st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3))


def optional(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


SOURCES = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "read": st.sampled_from(["tables", "warc"]), "paths": PATHS},
        optional={"columns": st.dictionaries(st.text(max_size=4), st.text(max_size=4)), "steps": st.lists(STEPS)},
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda source: source["name"],
)
RECIPES = st.fixed_dictionaries(
    {"name": st.sampled_from(["toy", "Übung 1"]), "source": SOURCES},
    optional={
        "seed": st.integers(0, 2**63 - 1),
        "mix": optional(tokens=st.integers(1, 10**12), max_epochs=st.floats(0.001, 100), materialize=st.booleans()),
        "dedup": optional(method=st.sampled_from(["exact", ["exact", "minhash"]])),
        "scrub": optional(entities=st.lists(st.sampled_from(["EMAIL_ADDRESS", "IP_ADDRESS"]))),
        "limits": optional(max_drop=st.one_of(st.integers(0, 1), st.floats(0, 1))),
    },
)


@settings(max_examples=60, deadline=None)
@given(RECIPES)
def test_a_dict_and_the_file_that_says_the_same_are_one_recipe(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("toml")
    (folder / "written.toml").write_text(tomlkit.dumps(table), encoding="utf-8")
    of_dict, of_file = curate.load(table), curate.load(folder / "written.toml")
    assert of_dict == of_file
    assert digest(of_dict) == digest(of_file)
    (folder / "again.toml").write_text(to_toml(of_dict), encoding="utf-8")
    assert curate.load(folder / "again.toml") == of_dict
    assert curate.load(of_dict) is of_dict


def toy(**changes: Any) -> dict[str, Any]:
    return {"name": "toy", "source": [{"name": "web", "read": "tables", "paths": ["rows.jsonl"]}], **changes}


def with_source(**changes: Any) -> dict[str, Any]:
    return toy(source=[{"name": "web", "read": "tables", "paths": ["rows.jsonl"], **changes}])


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (with_source(paths=3), "source[0].paths: expected a list, found a whole number (3)"),
        (with_source(paths=None), 'source[0]: the source "web" has no paths'),
        (with_source(path=["x"]), 'source[0].path: unknown key "path"; did you mean "paths"?'),
        (with_source(steps=["gopher_qualty"]), 'source[0].steps[0]: unknown step "gopher_qualty"; did you mean'),
        (with_source(steps=[{"use": "url"}, 3]), "source[0].steps[1]: a step is a name"),
        (toy(mix={"tokens": -1}), "mix.tokens: tokens must be at least 1, found -1"),
        (toy(mix={"weights": {"web": 0.5}}), "mix.weights: weights are shares of the tokens"),
        (toy(mix={"a b": 1}), 'mix."a b": unknown key "a b"'),
        (toy(seed={1}), "seed: a recipe has strings, numbers, true and false, lists and dicts; found set ({1})"),
        (toy(source={}), "source: a source is written as [[source]], found a table"),
        (toy(source=[{"read": "tables"}]), 'source[0]: the key "name" is missing'),
        ({"name": "toy"}, "recipe: a recipe needs at least one [[source]]"),
        ({3: "toy"}, "recipe: a key is a string, found a whole number (3)"),
        (toy(extends="finweb"), 'extends: extends: there is no recipe "finweb"'),
    ],
)
def test_a_mistake_is_named_by_its_place_in_the_dict(table: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError) as raised:
        resolve(curate.load(table))
    assert str(raised.value).startswith(told)


def test_a_dict_that_holds_itself_is_refused() -> None:
    table: dict[str, Any] = toy()
    table["mix"] = table
    with pytest.raises(RecipeError, match="more than 50 deep"):
        curate.load(table)


def test_pythons_own_values_are_understood(tmp_path: Path) -> None:
    table = toy(seed=np.int64(5), dedup=None, source=({"name": "web", "read": "tables", "paths": (tmp_path,)},))
    recipe = curate.load(table | {"limits": {"max_drop": np.float32(0.5)}})
    assert (recipe.seed, recipe.dedup, recipe.limits.max_drop) == (5, None, 0.5)
    assert recipe.sources[0].paths == (str(tmp_path),)


def test_a_dict_extends_a_recipe_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text('extends = "fineweb"\n[[source]]\nname = "web"\npaths = ["crawl"]\n')
    table = {"extends": "fineweb", "source": [{"name": "web", "paths": ["crawl"]}]}
    assert curate.load(table) == load_file("own.toml")
    table["source"] = [{"name": "notes", "read": "tables", "paths": []}, {"name": "web", "paths": ["crawl"]}]
    with pytest.raises(RecipeError) as raised:
        curate.load(table)
    assert str(raised.value).startswith("source[0].paths: ")  # though it is the second after the merge


def test_relative_paths_start_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"text": "A few words."}\n')
    assert curate.plan(toy()).sources[0].files == 1
    with pytest.raises(RecipeError, match=r'^source\[0\]: source "web": no file matches "nix"'):
        curate.plan(with_source(paths="nix"))


def test_a_path_is_shown_as_it_would_be_written() -> None:
    assert shown_path(("source", 0, "steps", 1, "min_words")) == "source[0].steps[1].min_words"
    assert shown_path(("mix", "weights", 'a "b"')) == 'mix.weights."a \\"b\\""'


def test_progress_is_shown_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"text": "A few words."}\n' * 3)
    table = toy(tokenize={"tokenizer": "bytes"})
    curate.run(table, workers=0, out="silent")
    assert capsys.readouterr() == ("", "")
    curate.run(table, workers=0, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "filter: 1/1  3 documents" in shown.err
    with pytest.raises(UsageError, match="not both"):
        curate.run(table, progress=True, show=print)
