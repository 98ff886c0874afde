"""Weights that cannot be meant are refused before a run begins, with what would be right: by `run`, `plan`, `mix`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import curate
from curate.errors import RecipeError, UsageError
from curate.run_files import MIXTURE
from curate.tokenize.mix import Share, read_mixture

RECIPE = """
name = "weighted"
[tokenize]
tokenizer = "bytes"
validation = 0.0
[[source]]
name = "tales"
read = "tables"
paths = ["tales.jsonl"]
[[source]]
name = "news"
read = "tables"
paths = ["news.jsonl"]
steps = [{{ where = "word_count < {most}" }}]
{mix}
"""
HALVES = "[mix]\nweights = { tales = 0.5, news = 0.5 }"
TALE = json.dumps({"text": "It was the best of times, it was the worst of times."}) + "\n"


def write(folder: Path, mix: str = HALVES, *, news: str = TALE, most: int = 1000) -> Path:
    (folder / "tales.jsonl").write_text(TALE * 3)
    (folder / "news.jsonl").write_text(news)
    (folder / "recipe.toml").write_text(RECIPE.format(mix=mix, most=most))
    return folder / "recipe.toml"


def shares_of(run: curate.Run) -> tuple[Share, ...]:
    return read_mixture(run.folder / MIXTURE).mixture.shares


def stage(weights: str) -> str:
    return f'[[mix.stage]]\nname = "main"\ntokens = 100\nweights = {weights}\n'


@pytest.mark.parametrize(
    ("mix", "shares"),
    [
        ("[mix]\nweights = { tales = 0.5, news = 0.9 }", "sum to 1.4, not to 1: tales = 0.3571, news = 0.6429?"),
        ("[mix]\nweights = { tales = 60, news = 40 }", "sum to 100, not to 1: tales = 0.6, news = 0.4?"),
        ("[mix]\nweights = { tales = 0.3 }", "sum to 0.3, not to 1: tales = 1?"),
        (stage("{ tales = 0.6, news = 0.6 }"), "sum to 1.2, not to 1: tales = 0.5, news = 0.5?"),
    ],
)
def test_weights_that_do_not_sum_to_one_are_refused_with_shares_that_do(tmp_path: Path, mix: str, shares: str) -> None:
    recipe = write(tmp_path, mix)
    for begin in (curate.plan, lambda path: curate.run(path, out=tmp_path / "run", workers=0)):
        with pytest.raises(RecipeError) as refused:
            begin(recipe)
        assert shares in str(refused.value)
        assert refused.value.line is not None
    assert not (tmp_path / "run").exists()


def test_rounded_weights_as_papers_print_them_are_taken(tmp_path: Path) -> None:
    run = curate.run(write(tmp_path, "[mix]\nweights = { tales = 0.67, news = 0.34 }"), out=tmp_path / "run", workers=0)
    assert [share.requested for share in shares_of(run)] == pytest.approx([0.67 / 1.01, 0.34 / 1.01])


@pytest.mark.parametrize("mix", [HALVES, stage("{ tales = 0.5, news = 0.5 }")])
@pytest.mark.parametrize(
    ("news", "told"),
    [
        ("", "no record at all"),
        ('{}\n{"text": "  "}\n', "no document: 1 dropped (no_text), 1 empty"),
        ("no JSON\n" * 3, "no document: 3 quarantined (bad_json)"),
    ],
)
def test_a_source_with_a_weight_and_no_document_is_refused(tmp_path: Path, mix: str, news: str, told: str) -> None:
    recipe = write(tmp_path, mix, news=news)
    for begin in (curate.plan, lambda path: curate.run(path, out=tmp_path / "run", workers=0)):
        with pytest.raises(RecipeError, match="mend its paths, or take its weight away") as refused:
            begin(recipe)
        assert told in str(refused.value)


def test_without_a_weight_an_empty_source_is_none_to_refuse(tmp_path: Path) -> None:
    run = curate.run(write(tmp_path, "", news=""), out=tmp_path / "run", workers=0)
    assert [share.tokens > 0 for share in shares_of(run)] == [True, False]


def test_a_new_mixture_draws_from_no_source_that_has_kept_nothing(tmp_path: Path) -> None:
    run = curate.run(write(tmp_path, "[mix]\nweights = { tales = 1.0 }", most=3), out=tmp_path / "run", workers=0)
    with pytest.raises(UsageError, match='has kept no document of "news"; take its weight away'):
        run.mix({"weights": {"tales": 0.5, "news": 0.5}})
    with pytest.raises(UsageError, match=r"sum to 0\.9, not to 1"):
        run.mix({"weights": {"tales": 0.4, "news": 0.5}})
