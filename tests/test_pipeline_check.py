"""Files that a recipe names and that cannot be what they should be: one line, with the recipe's file and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from curate.errors import RecipeError
from curate.pipeline.check import check_recipe
from curate.recipe_file import load
from curate.steps.bind import resolve

SOURCE = '[[source]]\nname = "notes"\nread = "tables"\npaths = ["notes.jsonl"]\n'
STEPS = {
    "model": '{{ use = "language", keep = ["en"], model = "{}" }}',
    "classifier": '{{ use = "fasttext", label = "__label__x", model = "{}" }}',
    "perplexity": '{{ use = "perplexity", model = "{}" }}',
    "blocklists": '{{ use = "url", blocklists = ["{}"] }}',
    "patterns": '{{ use = "madlad", patterns = "{}" }}',
    "table": '{{ use = "fineweb2", table = "{}" }}',
    "own": '"{}:f"',
}
BYTES = '[tokenize]\ntokenizer = "bytes"\n'
NAMED = {
    "tokenizer": '[tokenize]\ntokenizer = "{}"\n',
    "evaluation": BYTES + '[decontaminate]\nagainst = ["{}"]\n',
    "index": BYTES + '[dedup]\nagainst = ["{}"]\n',
    **{name: f"{BYTES}{SOURCE}steps = [{step}]\n" for name, step in STEPS.items()},
}
PLACES = [
    "folder",
    "pipe",
    "loop",
    "missing",
    "missing/x",
    "a" * 300,
    "y/" * 2500 + "x",
    "\\u0000",
    "garbage.json",
    "/dev/zero",
]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "garbage.json").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "notes.jsonl").write_text('{"text": "It was."}\n')
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize("place", [*PLACES, "empty.json"], ids=lambda place: place[:12])
@pytest.mark.parametrize("what", NAMED)
def test_a_file_that_cannot_be_what_it_should_be_is_one_line(base: Path, what: str, place: str) -> None:
    text = 'name = "paths"\n' + NAMED[what].format(place)
    (base / "recipe.toml").write_text(text if "[[source]]" in text else text + SOURCE)
    with pytest.raises(RecipeError) as error:
        check_recipe(resolve(load(base / "recipe.toml")))
    told = str(error.value)
    assert told.startswith(f"{base / 'recipe.toml'}:")
    assert "\n" not in told
    assert len(told) < 2500


def test_a_step_that_misses_a_column_is_named_by_its_line(base: Path) -> None:
    (base / "tale.txt").write_text("It was.\n")
    source = '[[source]]\nname = "tales"\nread = "books"\npaths = ["tale.txt"]\nsteps = [\n  "c4",\n  "fineweb2",\n]\n'
    (base / "recipe.toml").write_text(f'name = "tales"\n{source}{BYTES}')
    with pytest.raises(RecipeError, match='needs the column "language"') as error:
        check_recipe(resolve(load(base / "recipe.toml")))
    assert str(error.value).startswith(f"{base / 'recipe.toml'}:8: ")
