"""The step `perplexity`: what prose predicts well stays, bucket by bucket and language by language."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.errors import UsageError
from curate.filters.ngram.model import load_ngram_model
from curate.filters.perplexity import perplexity
from curate.steps.retune import parse_change, retune

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"


@pytest.fixture(scope="module")
def paragraphs() -> list[str]:
    texts = [book.read_text(encoding="utf-8").split("\n\n") for book in sorted(BOOKS.glob("*.txt"))]
    return [text for book in texts for text in book if len(text) > 200]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, paragraphs: list[str]) -> Path:
    """A model of two thirds of two novels' paragraphs, its borders by the others, a third of them called German."""
    folder = tmp_path_factory.mktemp("perplexity")
    rows = [{"text": text, "language": "de" if at % 9 == 2 else "en"} for at, text in enumerate(paragraphs)]
    pl.DataFrame([row for at, row in enumerate(rows) if at % 3 != 2]).write_parquet(folder / "train.parquet")
    pl.DataFrame(rows[2::3]).write_parquet(folder / "sample.parquet")
    made = curate.train_perplexity(
        [folder / "train.parquet"],
        out=folder / "novels.clm",
        terciles=[folder / "sample.parquet"],
        language="language",
    )
    assert made.card["borders"].keys() == {"", "de", "en"}
    return folder


def shuffled(text: str) -> str:
    words = text.split()
    random.Random(5).shuffle(words)
    return " ".join(words)


def test_a_text_in_order_has_a_lower_perplexity_than_its_words_shuffled(folder: Path, paragraphs: list[str]) -> None:
    step = perplexity(model=str(folder / "novels.clm"), max_perplexity=400)
    assert step.measure is not None
    texts = [text.replace("\n", " ") for text in paragraphs[2:90:3]]
    batch = step.measure(pl.DataFrame({"text": [*texts, *map(shuffled, texts), "", " \n", None]}))
    values = batch["perplexity"]
    half = len(texts)
    assert (values[:half] < values[half : 2 * half]).all()
    assert values[2 * half :].null_count() == 3
    kept = batch.select(step.rules[0].keep).to_series()
    assert kept[:half].mean() > 0.9 > 0.1 > kept[half : 2 * half].mean()  # type: ignore[operator]
    assert batch.schema["perplexity"] == pl.Float32
    assert step.files[0].sha256 == load_ngram_model(str(folder / "novels.clm")).file.sha256


def test_each_bucket_has_a_third_of_the_sample(folder: Path) -> None:
    step = perplexity(model=str(folder / "novels.clm"), keep=("head", "middle"))
    assert step.measure is not None
    batch = step.measure(pl.read_parquet(folder / "sample.parquet"))
    for _, rows in batch.group_by("language"):
        counts = dict(rows["perplexity_bucket"].value_counts().iter_rows())
        assert counts.keys() == {"head", "middle", "tail"}
        assert max(counts.values()) - min(counts.values()) <= 1
    means = dict(batch.group_by("perplexity_bucket").agg(pl.col("perplexity").mean()).iter_rows())
    assert means["head"] < means["middle"] < means["tail"]
    anywhere = step.measure(batch.select("text"))["perplexity_bucket"].value_counts().sort("count")["count"]
    assert anywhere[-1] - anywhere[0] <= 1
    assert step.measure(batch.head(0)).schema == batch.schema


def test_each_language_is_asked_of_its_own_model(folder: Path) -> None:
    curate.train_perplexity([folder / "sample.parquet"], out=folder / "other.clm", validation=0, force=True)
    own, other = str(folder / "novels.clm"), str(folder / "other.clm")
    batch = (
        pl.read_parquet(folder / "sample.parquet").head(30).with_columns(language=pl.Series(["en", "de", None] * 10))
    )

    def values(language: str | None = None, **models: object) -> pl.Series:
        step = perplexity(**models)  # type: ignore[arg-type]
        assert step.measure is not None
        rows = step.measure(batch).filter(pl.col("language").eq_missing(pl.lit(language)))
        return rows["perplexity"]

    assert values("en", models={"en": own}).equals(values("en", model=own))
    assert values("de", models={"en": own}).null_count() == 10
    assert values("de", models={"en": own}, model=other).equals(values("de", model=other))
    assert values(None, models={"en": own}, model=other).equals(values(None, model=other))
    files = perplexity(models={"en": own, "de": own}, model=other).files
    assert [file.name for file in files] == ["novels.clm", "other.clm"]


def test_what_a_model_cannot_tell_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no language model is named"):
        perplexity()
    curate.train_perplexity([folder / "sample.parquet"], out=tmp_path / "plain.clm")
    with pytest.raises(UsageError, match="no borders of head, middle and tail"):
        perplexity(model=str(tmp_path / "plain.clm"), keep=("head",))
    with pytest.raises(UsageError, match="No such file"):
        perplexity(model=str(tmp_path / "none.clm"))
    whole = (tmp_path / "plain.clm").read_bytes()
    (tmp_path / "plain.clm").write_bytes(whole[:-1000])
    with pytest.raises(UsageError, match="damaged"):
        perplexity(model=str(tmp_path / "plain.clm"))


RECIPE = """\
name = "novels"
[[source]]
name = "rows"
read = "tables"
paths = ["rows.jsonl"]
steps = [{ use = "perplexity", model = "novels.clm", keep = ["head", "middle"], max_perplexity = 700 }]
[tokenize]
tokenizer = "bytes"
validation = 0.0
"""


def test_a_run_keeps_head_and_middle_and_can_say_why_and_be_retuned(folder: Path, paragraphs: list[str]) -> None:
    texts = [*paragraphs[2:120:3], *map(shuffled, paragraphs[2:20:3])]
    lines = [json.dumps({"id": f"row{at}", "text": text}) for at, text in enumerate(texts)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    run = curate.run(folder / "recipe.toml", out=folder / "run", workers=0)
    ledger = run.ledger().collect()
    kept = ledger.filter(pl.col("outcome") == "kept")
    assert 0 < kept.height < ledger.height
    assert kept["perplexity_bucket"].is_in(["head", "middle"]).all()
    assert (kept["perplexity"] <= 700).all()
    dropped = ledger.filter(pl.col("reason") == "max_perplexity")
    assert dropped.height
    assert "max_perplexity" in str(run.why(dropped["id"][0]))
    assert load_ngram_model(str(folder / "novels.clm")).file.sha256 in json.dumps(run.manifest)

    foretold = retune(run, [parse_change("perplexity.max_perplexity=100")]).rows
    (folder / "again.toml").write_text(RECIPE.replace("700", "100"), encoding="utf-8")
    again = curate.run(folder / "again.toml", out=folder / "again", workers=0).ledger().collect()
    is_kept = dict(zip(again["id"], again["step"].is_null(), strict=True))
    assert dict(zip(foretold["id"], foretold["new_step"].is_null(), strict=True)) == is_kept
    assert 0 < sum(is_kept.values()) < kept.height


def test_a_recipe_names_a_model_for_each_language_in_its_own_folder(folder: Path) -> None:
    step = '{ use = "perplexity", models = { en = "novels.clm", de = "novels.clm" }, min_perplexity = 150 }'
    lines = RECIPE.replace("rows.jsonl", "sample.parquet").splitlines()
    text = "\n".join(f"steps = [{step}]" if line.startswith("steps") else line for line in lines)
    (folder / "languages.toml").write_text(text, encoding="utf-8")
    ledger = curate.run(folder / "languages.toml", out=folder / "languages", workers=0).ledger().collect()
    assert ledger["perplexity"].null_count() == 0
    is_kept = ledger["outcome"] == "kept"
    assert (is_kept == (ledger["perplexity"] >= 150)).all()
    assert set(ledger["reason"].drop_nulls()) == {"min_perplexity"}
    assert 0 < is_kept.sum() < ledger.height


def test_a_check_of_a_recipe_shows_what_the_step_takes(folder: Path) -> None:
    found = curate.check(folder / "recipe.toml")
    assert "perplexity" in str(found)
