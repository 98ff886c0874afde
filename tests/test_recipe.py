"""Recipes: what is understood, what is refused and with which words, and what the digest depends on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import RecipeError
from curate.recipe import Recipe, Step, TokenizerChoice, TrainTokenizer
from curate.recipe_file import load, shipped_recipes
from curate.recipe_form import digest, to_toml
from curate.steps.bind import resolve
from curate.toml_lines import value_lines

MINI = """\
name = "mini"
seed = 17

[[source]]
name = "web"
read = "warc"
paths = ["crawl/*.warc.gz"]                # a comment with "quotes" and [brackets]
steps = [
  "gopher_repetition",
  { use = "language", keep = ["en"], min_score = 0.65 },
  { where = "digit_ratio < 0.2" },
]

[[source]]
name = "books"
read = "tables"
paths = "books/**/*"

[source.columns]
text = "content"

[dedup]
method = "minhash"
prefer = ["books", "web"]

[mix]
tokens = 10_000_000
weights = { web = 0.60, books = 0.40 }

[tokenize]
tokenizer = { train = { vocab_size = 32_768 } }
"""


def write(folder: Path, text: str, name: str = "mini.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_becomes_typed_models(tmp_path: Path) -> None:
    recipe = load(write(tmp_path, MINI))
    web, books = recipe.sources
    assert web.steps[1] == Step("language", {"keep": ["en"], "min_score": 0.65})
    assert web.steps[2] == Step("where", {"expression": "digit_ratio < 0.2"})
    assert books.paths == ("books/**/*",)
    assert books.columns == {"text": "content"}
    assert recipe.dedup is not None
    assert recipe.dedup.method == ("minhash",)
    assert recipe.tokenize.tokenizer == TokenizerChoice(TrainTokenizer(vocab_size=32_768))
    assert recipe.base == tmp_path.resolve()


@pytest.mark.parametrize(
    ("right", "wrong", "line", "words"),
    [
        ('read = "warc"', 'read = "wark"', 6, 'did you mean "warc"'),
        ("prefer =", "prefre =", 24, 'unknown key "prefre"; did you mean "prefer"'),
        ("10_000_000", '"many"', 27, "expected a whole number, found a string"),
        ("vocab_size = 32_768", "vocab_size = 2", 31, "must lie between 257"),
        ("web = 0.60", "wep = 0.60", 28, 'unknown source "wep"; did you mean "web"'),
        ('"books", "web"]', '"books", "wob"]', 24, 'did you mean "web"'),
        ("seed = 17", "sed = 17", 2, 'did you mean "seed"'),
        ("seed = 17", "seed = 1.5", 2, "expected a whole number"),
        ('  "gopher_repetition"', '  "gopher_repetitoin"', 9, 'did you mean "gopher_repetition"'),
        ("min_score = 0.65", "min_scor = 0.65", 10, 'did you mean "min_score"'),
        ("min_score = 0.65", 'min_score = "high"', 10, "expected a number"),
        ('{ where = "digit_ratio < 0.2" }', "{ wher = 1 }", 11, "a step is a name"),
        ('name = "books"', 'name = "web"', 15, "stands twice"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_what_was_meant(
    tmp_path: Path, right: str, wrong: str, line: int, words: str
) -> None:
    assert right in MINI
    path = write(tmp_path, MINI.replace(right, wrong, 1))
    with pytest.raises(RecipeError) as caught:
        resolve(load(path))
    assert str(caught.value).startswith(f"{path}:{line}: "), str(caught.value)
    assert words in str(caught.value)


def test_what_is_not_toml_is_refused_with_the_parsers_place(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"not TOML: .*line 3"):
        load(write(tmp_path, 'name = "x"\n\n[[source\n'))


def test_a_text_without_quotes_is_told_of_them(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="texts stand in quotes"):
        load(write(tmp_path, "name = mine\n"))


def test_a_mistyped_file_is_told_of_the_one_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path, MINI)
    with pytest.raises(RecipeError, match=re.escape(f'did you mean "{path}"')):
        load(path.with_name(f"x{path.name}"))
    with pytest.raises(RecipeError, match=r"ships$"):
        load(tmp_path / "nowhere" / path.name)


def test_a_missing_recipe_says_which_ones_ship() -> None:
    with pytest.raises(RecipeError, match='did you mean "quickstart"'):
        load("quickstrat")


def test_the_normal_form_loads_to_the_same_recipe_and_digest(tmp_path: Path) -> None:
    recipe = resolve(load(write(tmp_path, MINI)))
    again = resolve(load(write(tmp_path, to_toml(recipe), "again.toml")))
    assert again == recipe
    assert digest(again) == digest(recipe)


def test_the_digest_knows_every_threshold_but_not_where_the_recipe_lies(tmp_path: Path) -> None:
    first = digest(resolve(load(write(tmp_path, MINI))))
    (tmp_path / "elsewhere").mkdir()
    assert digest(resolve(load(write(tmp_path / "elsewhere", "# a comment\n" + MINI)))) == first
    assert digest(resolve(load(write(tmp_path, MINI.replace("0.65", "0.66"))))) != first
    assert digest(resolve(load(write(tmp_path, MINI.replace("seed = 17", "seed = 18"))))) != first


def test_a_default_written_out_gives_the_same_digest(tmp_path: Path) -> None:
    plain = digest(resolve(load(write(tmp_path, MINI))))
    written = MINI.replace('"gopher_repetition"', '{ use = "gopher_repetition", max_duplicate_line_ratio = 0.3 }')
    assert digest(resolve(load(write(tmp_path, written)))) == plain


def test_a_recipe_extends_another_key_by_key_and_sources_by_name(tmp_path: Path) -> None:
    write(tmp_path, MINI)
    child = 'extends = "mini.toml"\nseed = 3\n[mix]\nmax_epochs = 2\n[[source]]\nname = "books"\npaths = ["other"]\n'
    recipe = load(write(tmp_path, child, "child.toml"))
    assert recipe.seed == 3
    assert (recipe.mix.tokens, recipe.mix.max_epochs) == (10_000_000, 2.0)
    assert [source.name for source in recipe.sources] == ["web", "books"]
    assert recipe.source("books").paths == ("other",)
    assert recipe.source("books").read == "tables"


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ('paths = ["other"]', "paths = 3", "child.toml:5"),
        ('name = "books"', 'name = "books"\nread = "boks"', "child.toml:5"),
        ("max_epochs = 2", 'max_epochs = "two"', "child.toml:7"),
        ("min_score = 0.65", "min_score = true", "mini.toml:10"),
        ('prefer = ["books", "web"]', 'prefer = ["bocks"]', "mini.toml:24"),
    ],
)
def test_a_mistake_in_a_recipe_that_extends_another_has_the_file_it_stands_in(
    tmp_path: Path, right: str, wrong: str, place: str
) -> None:
    child = 'extends = "mini.toml"\nseed = 3\n[[source]]\nname = "books"\npaths = ["other"]\n[mix]\nmax_epochs = 2\n'
    assert right in child + MINI
    write(tmp_path, MINI.replace(right, wrong, 1) if right not in child else MINI)
    path = write(tmp_path, child.replace(right, wrong, 1), "child.toml")
    with pytest.raises(RecipeError) as caught:
        resolve(load(path))
    assert str(caught.value).startswith(f"{tmp_path / place}: "), str(caught.value)


@pytest.mark.parametrize("value", ["5", '"web"', "[1]", '{ name = "web" }', '[{ name = "web" }]'])
@pytest.mark.parametrize("table", ["[mix]", '[[source]]\nname = "books"', "[mix.weights]", "[unknown]"])
def test_a_key_called_source_further_down_is_a_mistake_with_its_line(tmp_path: Path, table: str, value: str) -> None:
    write(tmp_path, MINI)
    child = f'extends = "mini.toml"\n{table}\nsource = {value}\n'
    with pytest.raises(RecipeError, match=r"child\.toml:\d"):
        resolve(load(write(tmp_path, child, "child.toml")))


def test_every_recipe_that_ships_can_be_resolved() -> None:
    assert isinstance(resolve(load("quickstart")), Recipe)
    for name in set(shipped_recipes()) - {"quickstart"}:
        with pytest.raises(RecipeError, match=f'"{name}" has no inputs of its own'):
            load(name)


def test_every_value_of_a_toml_text_is_found_on_its_line() -> None:
    lines = value_lines(MINI)
    assert lines["source", 0, "steps", 1, "min_score"] == 10
    assert lines["source", 1, "columns", "text"] == 20
    assert lines["tokenize", "tokenizer", "train", "vocab_size"] == 31


KEYS = st.text("abcdefgh_-", min_size=1, max_size=8)
VALUES = st.recursive(
    st.integers(-1000, 1000)
    | st.booleans()
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
@settings(deadline=None, max_examples=100)
def test_line_numbers_are_right_for_any_table_written_one_key_a_line(table: dict[str, object]) -> None:
    from curate.recipe_form import _toml, _toml_key

    text = "\n".join(f"{_toml_key(key)} = {_toml(value)}".replace("\n", " ") for key, value in table.items())
    assert tomllib.loads(text) == table
    lines = value_lines(text)
    assert [lines[(key,)] for key in table] == list(range(1, len(table) + 1))
