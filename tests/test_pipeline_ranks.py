"""curate.pipeline.rank and steps.ranks: `top = 0.1`, the best share of all documents, whoever does the work."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.batch import Ranking
from curate.cli import main
from curate.engine.posix import PosixStore
from curate.engine.records import committed
from curate.errors import RecipeError
from curate.recipe import Recipe, Source, Step
from curate.steps.ranks import check_ranks, rank_rows
from curate.steps.retune import parse_change, retune
from curate.tokenize.choose import hash_ids

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"
UNDECIDED = ("timing.json", ".lock")
RECIPE = """\
name = "ranked"
[[source]]
name = "web"
read = "tables"
paths = ["web*.jsonl"]
columns = {{ language = "language" }}
steps = [{steps}]
[[source]]
name = "plain"
read = "tables"
paths = ["plain.jsonl"]
[dedup]
method = "exact"
[tokenize]
tokenizer = {tokenizer}
validation = 0.0
"""
TOP = '{ where = "character_count > 100" }, { use = "quality", min_score = 0.0, top = 0.1 }'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paragraphs, and lists of their words, some of them twice, in two files; one is too short for the classifier."""
    folder = tmp_path_factory.mktemp("ranked")
    text = (BOOKS / "persuasion.txt").read_text(encoding="utf-8")
    paragraphs = [part for part in text.split("\n\n") if len(part) > 200][:80]
    lists = ["\n".join(sorted(part.split())) for part in paragraphs[:40]]
    rows = [
        {"text": part, "language": ("en", "fr", None)[n % 3]}
        for n, part in enumerate([*paragraphs, "short", *lists, *paragraphs[:9]])
    ]
    for name, part in (("web-a", rows[:70]), ("web-b", rows[70:]), ("plain", rows[:5])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    return folder


@pytest.fixture(autouse=True)
def several_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.engine.plan.MIN_SPLIT_BYTES", 10_000)


@pytest.fixture
def go(folder: Path, tmp_path: Path) -> Callable[..., curate.Run]:
    """Runs of the recipe with these steps."""

    def run(steps: str, name: str, *, workers: int = 0, fresh: bool = True, **more: Any) -> curate.Run:
        path = folder / f"{tmp_path.name}-{name}.toml"
        tokenizer = more.pop("tokenizer", '"bytes"')
        path.write_text(RECIPE.format(steps=steps, tokenizer=tokenizer))
        return curate.run(path, out=tmp_path / "runs" / name, workers=workers, fresh=fresh, **more)

    return run


@pytest.fixture(scope="module")
def one(folder: Path) -> curate.Run:
    """The run of `TOP`, made once, to be looked at."""
    (folder / "one.toml").write_text(RECIPE.format(steps=TOP, tokenizer='"bytes"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("curate.engine.plan.MIN_SPLIT_BYTES", 10_000)
        return curate.run(folder / "one.toml", out=folder / "made" / "one", workers=0, fresh=True)


@pytest.fixture
def copy(one: curate.Run, tmp_path: Path) -> curate.Run:
    """The same run to be changed."""
    shutil.copytree(one.folder, tmp_path / "runs" / "first", copy_function=shutil.copy2)
    return curate.Run(tmp_path / "runs" / "first")


def ledger(run: curate.Run) -> pl.DataFrame:
    return run.ledger("web").collect().sort("id")


def best(rows: pl.DataFrame, share: float, name: str = "quality") -> set[str]:
    """By sorting alone: those with the highest scores, of one score those of the least hash."""
    luck = pl.Series("luck", hash_ids(rows["id"], seed=0, purpose=f"{name}_rank"))
    order = rows.with_columns(luck).sort(f"{name}_score", "luck", descending=[True, False])
    return set(order["id"].head(math.ceil(share * rows.height)))


def let_in(run: curate.Run) -> pl.DataFrame:
    """What came to the step `quality`."""
    return ledger(run).filter(pl.col("step").ne_missing("where"))


def passed(run: curate.Run) -> set[str]:
    """What the steps let pass, before copies were looked for."""
    return set(ledger(run).filter(pl.col("step").is_null() | (pl.col("step") == "dedup"))["id"])


def files(run: curate.Run) -> dict[str, bytes]:
    found = {path.relative_to(run.folder).as_posix(): path for path in run.folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in UNDECIDED}


def test_the_best_share_of_all_splits_together_stays(one: curate.Run) -> None:
    run = one
    assert len(run.plan.of("web")) > 3
    came = let_in(run)
    assert came.height == 129
    assert passed(run) == best(came, 0.1)
    scores = came.filter(pl.col("id").is_in(passed(run)))["quality_score"]
    assert scores.min() >= came["quality_score"].quantile(0.9, "lower")
    dropped = came.filter(step="quality")
    assert dropped["reason"].unique().to_list() == ["top"]
    assert dropped["value"].cast(pl.Float64).min() >= 0.1
    assert set(run.documents("web").collect()["id"]) <= passed(run)
    assert run.documents("plain").collect().height == 5
    (told,) = run.manifest["ranks"]["web"]["quality"]
    assert told == {"group": None, "documents": 129, "kept": 13, "least": pytest.approx(scores.min())}
    assert curate.verify(run).is_sound


def test_each_language_has_its_own_best(go: Callable[..., curate.Run]) -> None:
    run = go(TOP.replace("top = 0.1", 'top = 0.2, top_by = "language"'), "by")
    came = let_in(run)
    expected = set().union(*(best(part, 0.2) for part in came.partition_by("language")))
    assert passed(run) == expected
    assert [each["group"] for each in run.manifest["ranks"]["web"]["quality"]] == ["en", "fr", None]


def test_neither_workers_nor_cuts_nor_ranks_change_a_byte(
    one: curate.Run, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = folder / "one.toml"
    two = curate.run(recipe, out=tmp_path / "two", workers=2, fresh=True)
    shared = curate.run(recipe, out=tmp_path / "shared", workers=0, rank=1, world=2)
    assert files(one) == files(two) == files(shared)
    monkeypatch.setattr("curate.engine.plan.MIN_SPLIT_BYTES", 10_000_000)
    whole = curate.run(recipe, out=tmp_path / "whole", workers=0, fresh=True)
    assert len(whole.plan.of("web")) < len(one.plan.of("web"))
    assert ledger(whole).equals(ledger(one))


def test_a_run_that_was_killed_after_the_ranks_goes_on_to_the_same_bytes(copy: curate.Run, folder: Path) -> None:
    run, before = copy, files(copy)
    for name in ("manifest.json", "done/choose/web-00001.json", "done/rank/all.json", "work/rank/web-00000.parquet"):
        (run.folder / name).unlink()
    (run.folder / "work" / "choose" / "web-00002.ledger.parquet").write_bytes(b"damaged")
    assert files(curate.run(folder / "one.toml", out=run.folder, workers=0)) == before


def test_another_share_builds_on_what_was_measured(go: Callable[..., curate.Run], copy: curate.Run) -> None:
    other = TOP.replace("top = 0.1", "top = 0.3")
    second = go(other, "second", fresh=False)
    assert "filter" not in second.timing["stages"]
    assert {"rank", "choose", "dedup"} <= second.timing["stages"].keys()
    assert files(second) == files(go(other, "fresh"))


def test_a_tokenizer_is_trained_on_what_stays(go: Callable[..., curate.Run]) -> None:
    run = go(TOP, "trained", tokenizer="{ train = { vocab_size = 300, sample_bytes = 1_000_000 } }")
    held = committed(PosixStore(run.folder), "sizes", "all").counts["kept_bytes"]
    assert held["web"] == ledger(run).filter(pl.col("id").is_in(passed(run)))["byte_count"].sum()


def test_retune_foretells_what_another_share_keeps(one: curate.Run, go: Callable[..., curate.Run]) -> None:
    run = one
    rows = retune(run, [parse_change("quality.top=0.35")]).rows.filter(source="web")
    then = set(rows.filter(new_outcome="kept")["id"])
    assert then == passed(go(TOP.replace("top = 0.1", "top = 0.35"), "more"))
    assert set(rows.filter(old_outcome="kept")["id"]) == passed(run)
    back = retune(run, [parse_change('where.expression="character_count > 1"')]).rows.filter(source="web")
    assert set(back.filter(new_outcome="unknown")["new_step"]) == {"quality"}


def test_why_shows_the_rank(one: curate.Run, capsys: pytest.CaptureFixture[str]) -> None:
    run = one
    id = ledger(run).filter(step="quality")["id"][0]
    with pytest.raises(SystemExit) as ended:
        main(["why", str(run.folder), id, "--json"])
    assert ended.value.code == 0
    (story,) = json.loads(capsys.readouterr().out)
    (check,) = [each for each in story["checks"] if each["rule"] == "top"]
    assert check["result"] == "dropped"
    assert check["value"] >= check["threshold"] == 0.1


def test_check_ranks_its_sample(one: curate.Run, folder: Path) -> None:
    checked = curate.check(folder / "one.toml", documents=60)
    (rate,) = [each for each in checked.rates if each.rule == "top"]
    assert rate.reached > 50
    assert rate.dropped == rate.reached - math.ceil(0.1 * rate.reached)


def test_steps_behind_see_what_the_share_leaves_and_a_second_share_is_of_that(go: Callable[..., curate.Run]) -> None:
    first = '{ use = "quality", min_score = 0.0, top = 0.5 }'
    second = '{ use = "quality", name = "again", min_score = 0.0, top = 0.5 }'
    run = go(f'{first}, {{ where = "word_count > 100" }}, {second}', "two")
    rows = ledger(run)
    half = best(rows, 0.5)
    assert set(rows.filter(step="quality")["id"]) == set(rows["id"]) - half
    left = rows.filter(pl.col("id").is_in(half), pl.col("word_count") > 100)
    assert 0 < left.height < len(half)
    assert passed(run) == best(left, 0.5, "again")
    assert run.manifest["ranks"]["web"]["quality#2"][0]["documents"] == left.height


def test_forgotten_documents_leave_the_ranks_of_others(copy: curate.Run) -> None:
    run = copy
    before = ledger(run)
    id = run.documents("web").collect()["id"][0]
    with pytest.raises(SystemExit) as ended:
        main(["forget", str(run.folder), "--id", id])
    assert ended.value.code == 0
    after = curate.Run(run.folder)
    assert curate.verify(after).is_sound
    kept = before.filter(pl.col("id") != id).select("id", "quality_rank", "outcome")
    assert kept.join(ledger(after), on=["id", "quality_rank", "outcome"], how="anti").height == 1  # the one of no rank


def test_a_run_without_its_intermediate_files_is_whole_and_can_be_mixed_anew(folder: Path, tmp_path: Path) -> None:
    run = curate.run(folder / "one.toml", out=tmp_path / "bare", workers=0, fresh=True, keep_intermediate=False)
    ranked = run.manifest["ranks"]
    assert curate.verify(run).is_sound
    run.mix({"tokens": 5_000}, apply=True, encode=True, workers=0)
    assert curate.verify(run).is_sound
    assert run.manifest["ranks"] == ranked


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ('{ use = "quality", top = 0.1 }, "c4"', 'the step "c4" behind it changes texts'),
        ('{ use = "quality", top = 0.1 }, { where = "quality_rank < 0.05" }', 'no column "quality_rank"'),
        ('{ use = "quality", top = 0.0 }', "top is 0"),
        ('{ use = "quality", top = 1.5 }', "lie between 0 and 1"),
        ('{ use = "quality", top = 0.1, top_by = "host" }', "host"),
    ],
)
def test_what_cannot_be_ranked_is_said_before_anything_is_read(
    go: Callable[..., curate.Run], steps: str, told: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        go(steps, "wrong")


@pytest.mark.parametrize(
    ("parameters", "extract", "told"),
    [
        ({"top": 0.1, "top_by": "language"}, "curate", 'gives "language"'),
        ({"top": 0.1}, ("curate", "trafilatura"), "name one extractor"),
    ],
)
def test_a_source_that_cannot_rank_says_why(parameters: Any, extract: Any, told: str, tmp_path: Path) -> None:
    steps = (Step("quality", parameters),)
    source = Source("web", read="warc", paths=("a.warc.gz",), steps=steps, extract=extract)
    with pytest.raises(RecipeError, match=told):
        check_ranks(source, Recipe("x", sources=(source,), base=tmp_path, file="x.toml"))


@given(
    scores=st.lists(st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=40),
    share=st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.99, 1.0]),
    groups=st.integers(1, 3),
    order=st.randoms(use_true_random=False),
)
def test_ranks_are_of_the_documents_and_not_of_their_order(
    scores: list[float | None], share: float, groups: int, order: Any
) -> None:
    numbers = range(len(scores))
    columns = {"id": pl.String, "quality_score": pl.Float32, "language": pl.String}
    rows = pl.DataFrame([[f"web/{n}" for n in numbers], scores, [str(n % groups) for n in numbers]], schema=columns)
    came = pl.Series([True] * rows.height, dtype=pl.Boolean)
    ranking = Ranking("quality_score", "quality_rank", "language")
    ranked = rows.with_columns(rank_rows(rows, ranking, came))
    for part in ranked.partition_by("language"):
        scored = part.filter(pl.col("quality_score").is_not_null())
        assert set(scored.filter(pl.col("quality_rank") < share)["id"]) == best(scored, share)
        assert part.filter(pl.col("quality_score").is_null())["quality_rank"].is_null().all()
    places = [*range(rows.height)]
    order.shuffle(places)
    mixed = rows[places] if places else rows
    again = mixed.with_columns(rank_rows(mixed, ranking, came)).sort("id")
    assert again.equals(ranked.sort("id"))
