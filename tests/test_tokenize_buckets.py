"""Weights by a column: buckets of a source within its share, exact to the row, and all that reads a run knows them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.cli import main
from curate.errors import RecipeError, UsageError
from curate.recipe import Mix, MixBy, MixStage
from curate.recipe_file import load
from curate.tokenize.buckets import buckets_of
from curate.tokenize.mix import Draw, read_mixture
from curate.tokenize.plan_mix import plan_mix
from curate.tokenize.shards import open_shards

QUALITY = MixBy("quality", {"high": 3, "middle": 1, "low": 0.2})
HELD = {"web@high": 1_000, "web@middle": 5_000, "web@low": 10_000, "web@other": 0, "books": 4_000}


def shares(mix: Mix, held: dict[str, int] = HELD) -> dict[str, int]:
    return {share.name: share.tokens for share in plan_mix(held, mix).shares}


def test_a_source_gives_its_share_and_its_buckets_by_weight_and_size() -> None:
    found = shares(Mix(tokens=10_000, weights={"web": 0.8, "books": 0.2}, by={"web": QUALITY}))
    # 3 x 1,000 : 1 x 5,000 : 0.2 x 10,000 = 3 : 5 : 2 of 8,000
    assert found == {"web@high": 2_400, "web@middle": 4_000, "web@low": 1_600, "web@other": 0, "books": 2_000}


def test_epochs_of_buckets_are_to_one_another_as_their_weights() -> None:
    mixture = plan_mix(HELD, Mix(tokens=10_000, weights={"web": 0.8, "books": 0.2}, by={"web": QUALITY}))
    epochs = {share.name: share.epochs for share in mixture.shares}
    assert epochs["web@high"] / epochs["web@middle"] == pytest.approx(3)
    assert epochs["web@low"] / epochs["web@middle"] == pytest.approx(0.2)
    assert sum(share.requested for share in mixture.shares) == pytest.approx(1)


def test_what_a_bucket_cannot_give_the_others_of_its_source_give() -> None:
    mix = Mix(tokens=10_000, weights={"web": 0.8, "books": 0.2}, max_epochs=2, by={"web": QUALITY})
    mixture = plan_mix(HELD, mix)
    assert shares(mix)["web@high"] == 2_000
    assert shares(mix)["books"] == 2_000
    assert mixture.tokens == 10_000
    [note] = mixture.notes
    assert note == "web@high was to give 30.0% of web and gives 25.0%: 2 epochs; the rest goes to the other buckets"


def test_a_weight_of_zero_leaves_a_bucket_out_and_the_source_has_so_much_less_to_give() -> None:
    by = {"web": MixBy("quality", {"high": 1, "middle": 1, "low": 0})}
    mixture = plan_mix(HELD, Mix(tokens=40_000, weights={"web": 0.9, "books": 0.1}, max_epochs=2, by=by))
    found = {share.name: share.tokens for share in mixture.shares}
    assert found == {"web@high": 2_000, "web@middle": 10_000, "web@low": 0, "web@other": 0, "books": 8_000}
    assert "web@low weighs nothing and gives nothing of its 10,000 tokens" in mixture.notes


@settings(deadline=None, max_examples=100)
@given(
    held=st.lists(st.integers(0, 10**6), min_size=5, max_size=5),
    weights=st.lists(st.integers(0, 30), min_size=4, max_size=4),
    tokens=st.integers(1, 10**7),
    max_epochs=st.sampled_from([0.3, 1.0, 4.0]),
    cut=st.floats(0.1, 0.9),
)
def test_shares_are_exact_and_no_bucket_is_seen_too_often(
    held: list[int], weights: list[int], tokens: int, max_epochs: float, cut: float
) -> None:
    """Also in stages, in which a bucket goes on where it has stopped."""
    by = {"web": MixBy("quality", {name: w / 10 for name, w in zip("abc", weights, strict=False)}, (), weights[3])}
    available = dict(zip(("web@a", "web@b", "web@c", "web@other", "books"), held, strict=True))
    asked = {"web": 0.7, "books": 0.3}
    first = max(int(tokens * cut), 1)
    stages = (MixStage("main", first, asked), MixStage("anneal", max(tokens - first, 1), {"web": 1.0}))
    for mix in (
        Mix(tokens=tokens, weights=asked, max_epochs=max_epochs, by=by),
        Mix(max_epochs=max_epochs, stage=stages, by=by),
    ):
        mixture = plan_mix(available, mix)
        factors = {"books": 1.0, **{f"web@{name}": weight for name, weight in by["web"].buckets.items()}}
        limits = {
            name: int(Fraction(str(max_epochs)) * held) if factors[name] else 0 for name, held in available.items()
        }
        for share in mixture.shares:
            assert 0 <= share.tokens <= limits[share.name]
            assert mixture.stages == () or share.tokens == sum(stage.tokens[share.name] for stage in mixture.stages)
        assert mixture.tokens == sum(share.tokens for share in mixture.shares)
        wanted = tokens if not mix.stage else sum(stage.tokens for stage in stages)
        room = sum(limits.values()) if not mix.stage else None
        assert mixture.tokens <= wanted
        if room is not None:
            assert mixture.tokens == min(wanted, room)


def test_the_draw_has_every_bucket_to_the_row() -> None:
    held = {name: tokens * 1_000 for name, tokens in HELD.items()}
    mix = Mix(tokens=64 * 100_000, weights={"web": 0.8, "books": 0.2}, by={"web": QUALITY})
    mixture = plan_mix(held, mix)
    draw = Draw(mixture, seed=3, row_length=64, held=held)
    counts = np.bincount(draw.locate(np.arange(draw.rows, dtype=np.int64)).source)
    assert dict(zip(draw.sources, counts.tolist(), strict=True)) == {
        "web@high": 24_000, "web@middle": 40_000, "web@low": 16_000, "books": 20_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "by", "expected"),
    [
        (pl.Series(["high", "low", None, "?"]), QUALITY, ["high", "low", "other", "other"]),
        (pl.Series([True, False, None]), MixBy("x", {"true": 2, "false": 1}), ["true", "false", "other"]),
        (pl.Series([3, 10, None]), MixBy("x", {"3": 2, "4": 1}), ["3", "other", "other"]),
        (
            pl.Series([0.1, 0.2, 0.49, 0.5, 7.0, None, float("nan"), float("-inf")]),
            MixBy("x", (0.2, 1, 3), (0.2, 0.5)),
            ["below_0.2", "0.2_to_0.5", "0.2_to_0.5", "from_0.5", "from_0.5", "other", "other", "below_0.2"],
        ),
        (pl.Series([1, 5, 9]), MixBy("x", (1, 2), (5.0,)), ["below_5.0", "from_5.0", "from_5.0"]),
        (pl.Series([], dtype=pl.Float64), MixBy("x", (1, 2), (5.0,)), []),
        (pl.Series([], dtype=pl.String), QUALITY, []),
        (pl.Series(["low"]), QUALITY, ["low"]),
        (pl.Series([None, None], dtype=pl.Null), QUALITY, ["other", "other"]),
    ],
)
def test_the_value_of_a_document_names_its_bucket(values: pl.Series, by: MixBy, expected: list[str]) -> None:
    assert buckets_of(values, by).to_list() == expected


@pytest.mark.parametrize(
    ("values", "by", "message"),
    [
        (pl.Series([0.5]), QUALITY, "edges = "),
        (pl.Series(["a"]), MixBy("quality", (1, 2), (5.0,)), "edges part numbers"),
        (pl.Series([["a"]]), QUALITY, "buckets go by text"),
    ],
)
def test_values_that_make_no_buckets_are_refused(values: pl.Series, by: MixBy, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        buckets_of(values, by)


TEXTS = [text.strip() for text in topics.topics.values()]
KINDS = ("high", "middle", "low", None)
RECIPE = """\
name = "buckets"
seed = 3
[[source]]
name = "web"
read = "tables"
paths = ["web.jsonl"]
[[source]]
name = "books"
read = "tables"
paths = ["books.jsonl"]
{rest}
[tokenize]
tokenizer = "bytes"
validation = 0.05
[mix]
tokens = 200_000
weights = {{ web = 0.8, books = 0.2 }}
{mix}
"""
BY_QUALITY = '[mix.by.web]\ncolumn = "quality"\nweights = { high = 3, middle = 1, low = 0.2 }\n'
BY_SIGNAL = '[mix.by.books]\ncolumn = "word_count"\nedges = [500]\nweights = [1, 2]\n'


def write(folder: Path, mix: str, rest: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    web = [{"text": text, "quality": KINDS[number % 4]} for number, text in enumerate(TEXTS[:64])]
    for name, rows in (("web", web), ("books", [{"text": text} for text in TEXTS[64:]])):
        if not (path := folder / f"{name}.jsonl").exists():  # a file that is written again is another input
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE.format(mix=mix, rest=rest), encoding="utf-8")
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("buckets")


@pytest.fixture(scope="module")
def ran(folder: Path) -> curate.Run:
    path = write(folder, "materialize = true\n" + BY_QUALITY + BY_SIGNAL)
    return curate.run(path, out=folder / "run", workers=0, keep_intermediate=True)


def train(run: curate.Run, pool: str) -> Any:
    return open_shards(run.folder / "tokens" / "train" / pool)


def test_documents_go_to_the_buckets_of_their_values(ran: curate.Run) -> None:
    documents = ran.documents("web").collect()
    assert documents["mix_bucket"].to_list() == documents["quality"].fill_null("other").to_list()
    held = read_mixture(ran.folder / "tokens" / "mixture.json").held
    for pool in ("web@high", "web@middle", "web@low", "web@other"):
        ids = set(train(ran, pool).documents()["id"])
        bucket = documents.filter(pl.col("mix_bucket") == pool.removeprefix("web@"))
        assert ids <= set(bucket["id"])
        assert len(ids) == held[pool].documents
        assert (ran.folder / "tokens" / "validation" / pool).is_dir()
    assert curate.verify(ran).is_sound


def test_buckets_go_by_signals_of_the_ledger(ran: curate.Run) -> None:
    counts = ran.ledger("books").select("id", "word_count").collect()
    joined = ran.documents("books").select("id", "mix_bucket").collect().join(counts, on="id")
    assert set(joined.filter(pl.col("word_count") < 500)["mix_bucket"]) == {"below_500.0"}
    assert set(joined.filter(pl.col("word_count") >= 500)["mix_bucket"]) == {"from_500.0"}


def test_shares_of_sources_stay_and_epochs_follow_the_weights(ran: curate.Run, capsys: Any) -> None:
    mixture = ran.mix().mixture
    tokens = {share.name: share.tokens for share in mixture.shares}
    assert sum(count for name, count in tokens.items() if name.startswith("web@")) == 160_000
    assert sum(count for name, count in tokens.items() if name.startswith("books@")) == 40_000
    epochs = {share.name: share.epochs for share in mixture.shares}
    assert epochs["web@middle"] / epochs["web@low"] == pytest.approx(5, rel=1e-3)
    assert epochs["books@from_500.0"] / epochs["books@below_500.0"] == pytest.approx(2, rel=1e-3)
    with pytest.raises(SystemExit):
        main(["mix", str(ran.folder)])
    shown = capsys.readouterr().out
    assert "web@high" in shown
    assert "books@other" not in shown


def test_the_account_of_a_source_is_of_all_of_its_buckets(ran: curate.Run) -> None:
    for source in ("web", "books"):
        held = {
            part: sum(
                len(open_shards(path))
                for path in (ran.folder / "tokens" / part).glob(f"{source}@*")
            )
            for part in ("train", "validation")
        }  # fmt: skip
        counts = ran.manifest["counts"][source]["tokens"]
        assert counts["validation"] == held["validation"]
        [row] = [row for row in ran.show().tokens if row.source == source]
        assert row.share is not None
        assert row.train == counts["train"] == row.share.available


def test_the_mixed_sequence_has_the_shares_of_buckets(ran: curate.Run) -> None:
    table = train(ran, "mixed").documents()
    found = dict(table.group_by("source").agg(pl.col("tokens").sum()).iter_rows())
    assert found == {share.name: share.tokens for share in ran.mix().mixture.shares if share.tokens}


def test_samples_are_traced_to_documents_in_buckets_and_back(ran: curate.Run) -> None:
    there = ran.tokens(position=range(40), row_length=100)
    ids = {part.id for part in there.parts}
    assert {part.source for part in there.parts} >= {"web@high", "books@from_500.0"}
    for id in sorted(ids)[:6]:
        back = ran.tokens(document=id, row_length=100)
        shown = {part.position for part in there.parts if part.id == id}
        assert shown <= {part.position for part in back.parts}
    story = ran.why(sorted(ids)[0])[0]
    assert story.tokens
    assert story.tokens["train"] > 0


def test_exports_are_of_buckets_and_a_source_stands_for_all_of_its_own(ran: curate.Run, tmp_path: Path) -> None:
    every = curate.export(ran, "nanogpt", out=tmp_path / "all")
    assert set(every.tokens) == {f"web@{kind or 'other'}" for kind in KINDS} | {"books@below_500.0", "books@from_500.0"}
    assert set(curate.export(ran, "nanogpt", out=tmp_path / "web", sources=["web"]).tokens) == {
        f"web@{kind or 'other'}" for kind in KINDS
    }
    assert set(curate.export(ran, "nanogpt", out=tmp_path / "one", sources=["web@low"]).tokens) == {"web@low"}
    with pytest.raises(UsageError, match='no source "web@hihg"; did you mean "web@high"'):
        curate.export(ran, "nanogpt", out=tmp_path / "none", sources=["web@hihg"])


def files(run: curate.Run) -> dict[str, bytes]:
    found = {path.relative_to(run.folder): path for path in run.folder.rglob("*") if path.is_file()}
    undecided = ("timing.json", ".lock")
    return {
        str(name): path.read_bytes()
        for name, path in found.items()
        if name.parts[0] != "work" and str(name) not in undecided
    }


def test_the_weights_of_buckets_change_without_tokenizing_again(folder: Path, tmp_path: Path) -> None:
    run = curate.run(write(folder, BY_QUALITY), out=tmp_path / "run", workers=0, keep_intermediate=False)
    by = {"web": {"column": "quality", "weights": {"high": 1, "middle": 2, "low": 2}, "other": 0}}
    run.mix({"by": by, "tokens": 150_000}, apply=True, encode=True, workers=0)
    toml = '[mix.by.web]\ncolumn = "quality"\nweights = { high = 1, middle = 2, low = 2 }\nother = 0\n'
    path = write(folder, toml)
    path.write_text(path.read_text().replace("200_000", "150_000"))
    assert files(run) == files(curate.run(path, out=tmp_path / "fresh", workers=2))
    run.mix({"tokens": 90_000}, apply=True, workers=0)
    path.write_text(path.read_text().replace("150_000", "90_000"))
    assert files(run) == files(curate.run(path, out=tmp_path / "less", workers=0))
    assert curate.verify(run).is_sound
    with pytest.raises(UsageError, match=r"mix.by.web: the run has other buckets.*need a new run"):
        run.mix({"by": {}})


BY = '[mix.by.web]\ncolumn = "{}"\nweights = {}\n{}'


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        (BY.replace("web", "wbe").format("quality", "{ a = 1 }", ""), 'unknown source "wbe"; did you mean "web"'),
        (BY.format("quality", "[1, 2]", ""), "edges go with a list"),
        (BY.format("quality", "{ a = 1 }", "edges = [1]"), "edges go with a list"),
        (BY.format("quality", "[1, 2]", "edges = [1, 2]"), "part 3 buckets, found 2 weights"),
        (BY.format("quality", "[1, 2, 3]", "edges = [2, 2]"), "numbers that rise"),
        (BY.format("quality", "{ a = -1 }", ""), "at least 0"),
        (BY.format("quality", "{ a = 0 }", "other = 0"), "all zero"),
        (BY.format("quality", '{ "a/b" = 1 }', ""), "names a folder"),
        (BY.format("quality", "{ A = 1, a = 2 }", ""), "capitals only"),
        (BY.format("quality", "{ other = 1 }", ""), "that are not named"),
        (BY.format("quality", '{ a = "much" }', ""), "expected a number"),
    ],
)
def test_a_recipe_with_wrong_buckets_is_refused_with_its_line(tmp_path: Path, mix: str, message: str) -> None:
    path = write(tmp_path, mix)
    with pytest.raises(RecipeError, match=rf"recipe\.toml:\d+: .*{message}"):
        load(path)


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        (BY.format("qualty", "{ high = 2 }", ""), 'web has no column "qualty".*did you mean "quality"'),
        (BY.format("quality", "[1, 2]", "edges = [0.5]"), "edges part numbers"),
        (BY.format("digit_ratio", "{ high = 2 }", ""), "edges = "),
    ],
)
def test_a_column_that_is_not_there_is_refused_before_work_starts(tmp_path: Path, mix: str, message: str) -> None:
    path = write(tmp_path, mix)
    with pytest.raises(RecipeError, match=message):
        curate.run(path, out=tmp_path / "run", workers=0)
    with pytest.raises(RecipeError, match=message):
        curate.plan(path)
    assert not (tmp_path / "run" / "plan.json").exists()


def test_a_plan_says_that_buckets_are_counted_in_the_run(folder: Path) -> None:
    planned = curate.plan(write(folder, BY_QUALITY))
    assert "web: what quality puts into each bucket is counted in the run" in planned.mixture.notes
    assert [share.name for share in planned.mixture.shares] == ["web", "books"]
