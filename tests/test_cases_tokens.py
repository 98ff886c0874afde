"""The handed-out cases about tokens: each recipe as it stands, and the outcome that its README states."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import curate
from curate.errors import RecipeError
from curate.tokenize.mix import read_mixture
from curate.tokenize.shards import open_shards

CASES = Path(__file__).resolve().parents[2] / "shared" / "data" / "cases"


def case(name: str, folder: Path, more: str = "") -> Path:
    """A copy of a case's folder, with more lines at the end of its recipe, which is that of `[tokenize]`."""
    if not (CASES / name).is_dir():
        pytest.skip(f"needs ../shared/data/cases/{name}")
    shutil.copytree(CASES / name, folder / name)
    recipe = folder / name / "recipe.toml"
    recipe.write_text(recipe.read_text() + more + "\n")
    return recipe


def documents(run: curate.Run) -> list[list[int]]:
    tokens = open_shards(run.folder / "tokens" / "train" / "s")
    return [tokens.document(number).tolist() for number in range(len(tokens.ends))]


def test_a_tokenizer_that_does_not_say_what_ends_a_text_is_refused_before_anything_runs(tmp_path: Path) -> None:
    recipe = case("end-of-text-by-name", tmp_path)
    tokenizer = recipe.parent / "gemma-like.json"
    tokenizer.write_text(tokenizer.read_text().replace("<bos>", "<turn>"))
    with pytest.raises(RecipeError, match=r"recipe.toml:8: .*\(<eos>, <turn>\); name it .* end_of_text = "):
        curate.run(recipe, out=tmp_path / "run", workers=0)
    for command in ("plan", "check", "run"):
        words = [sys.executable, "-m", "curate", command, str(recipe)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert "<eos>, <turn>" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("more", ["", 'end_of_text = "<eos>"'])
def test_documents_end_with_the_only_special_token_that_can_or_with_the_one_that_is_named(
    tmp_path: Path, more: str
) -> None:
    run = curate.run(case("end-of-text-by-name", tmp_path, more), out=tmp_path / "run", workers=0)
    first, second = documents(run)
    assert (first[-1], second[-1]) == (1, 1)
    assert (first.count(1), first.count(7), second.count(7)) == (1, 1, 0)
    vocabulary = read_mixture(run.folder / "tokens" / "mixture.json").vocabulary
    assert (vocabulary.end_of_text, vocabulary.end_of_text_token) == (1, "<eos>")
    assert run.manifest["tokenizer"]["end_of_text"] == "<eos>"


def test_a_config_beside_the_tokenizer_names_it_as_well(tmp_path: Path) -> None:
    recipe = case("end-of-text-by-name", tmp_path)
    recipe.write_text(recipe.read_text().replace("gemma-like", "deepseek-like"))
    (recipe.parent / "tokenizer_config.json").write_text('{"eos_token": {"content": "<｜end▁of▁sentence｜>"}}')
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    assert {document[-1] for document in documents(run)} == {1}
    assert run.manifest["tokenizer"]["end_of_text"] == "<｜end▁of▁sentence｜>"


def test_a_control_token_that_a_text_spells_is_text_to_a_unigram_model(tmp_path: Path) -> None:
    run = curate.run(case("unigram-control-spelling", tmp_path), out=tmp_path / "run", workers=0)
    [document] = documents(run)
    assert (document[-1], document.count(1)) == (1, 1)
