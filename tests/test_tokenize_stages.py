"""A mixture in stages: shares to the row in each, one count of epochs over all, drawn, traced and materialized."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.errors import RecipeError
from curate.recipe import Mix, MixStage
from curate.recipe_file import load
from curate.tokenize.mix import Draw
from curate.tokenize.plan_mix import plan_mix
from curate.tokenize.shards import open_shards

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
FIVE = {"web": 10**10, "books": 10**9, "code": 10**9, "wiki": 10**8, "maps": 10**8}
MAIN = {"web": 0.6, "books": 0.25, "code": 0.1, "wiki": 0.0496, "maps": 0.0004}
ANNEAL = {"wiki": 0.5, "books": 0.4996, "maps": 0.0004}


def two_stages(main: int, anneal: int) -> Mix:
    return Mix(max_epochs=1000, stage=(MixStage("main", main, MAIN), MixStage("anneal", anneal, ANNEAL)))


@pytest.mark.parametrize("rows", [10**3, 10**5, 10**7])
def test_every_source_has_its_share_of_each_stage_to_the_row(rows: int) -> None:
    main = rows * 4 // 5
    mixture = plan_mix(FIVE, two_stages(main * 64, (rows - main) * 64))
    draw = Draw(mixture, seed=3, row_length=64, held=FIVE)
    assert draw.rows == rows
    for first, last, weights in ((0, main, MAIN), (main, rows, ANNEAL)):
        counts = np.zeros(5, dtype=np.int64)
        for at in range(first, last, 1 << 20):
            found = draw.locate(np.arange(at, min(at + (1 << 20), last), dtype=np.int64))
            counts += np.bincount(found.source, minlength=5)
        for number, name in enumerate(draw.sources):
            assert abs(counts[number] - weights.get(name, 0) * (last - first)) <= 1, name


HELD = {"a": 5_003, "b": 640}


def small() -> Draw:
    first, last = MixStage("main", 6_000, {"a": 0.9, "b": 0.1}), MixStage("anneal", 2_000, {"b": 1.0})
    return Draw(plan_mix(HELD, Mix(max_epochs=5, stage=(first, last))), seed=1, row_length=16, held=HELD)


def test_a_source_goes_on_where_the_stage_before_has_stopped() -> None:
    """Every row of an epoch is drawn once, whichever stage it falls into."""
    draw = small()
    source, epoch, row = draw.locate(np.arange(draw.rows, dtype=np.int64))
    mine = source == draw.sources.index("b")
    rows = pl.DataFrame({"epoch": epoch[mine], "row": row[mine]})
    assert rows.n_unique() == rows.height
    whole = rows.filter(pl.col("epoch") < rows["epoch"].max()).group_by("epoch").len()
    assert set(whole["len"]) == {640 // 16}
    assert rows["epoch"].to_list()[:30].count(0) == 30  # the first stage, of which b has a tenth, is in its first epoch


def test_positions_beyond_the_plan_go_through_it_again_with_new_rows() -> None:
    draw = small()
    once, twice = (draw.locate(np.arange(turn * draw.rows, (turn + 1) * draw.rows)) for turn in (0, 1))
    assert np.array_equal(np.bincount(once.source), np.bincount(twice.source))
    both = {(int(s), int(e), int(t)) for found in (once, twice) for s, e, t in zip(*found, strict=True)}
    assert len(both) == 2 * draw.rows


def test_rows_are_found_in_all_stages_that_draw_them_and_others_nowhere() -> None:
    draw = small()
    source, epoch, row = draw.locate(np.arange(draw.rows, dtype=np.int64))
    for number in range(len(draw.sources)):
        mine = np.flatnonzero(source == number)
        some = mine[:: max(len(mine) // 50, 1)]
        assert draw.find(number, epoch[some], row[some]).tolist() == some.tolist()
        beyond = np.array([draw.epochs(number) + 1])
        assert draw.find(number, beyond, np.array([0])).tolist() == []


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_no_source_gives_more_than_its_epochs_in_all_stages_together(stages: list[tuple[int, int, int]]) -> None:
    wanted = tuple(MixStage(str(n), tokens, {"a": a, "b": b}) for n, (tokens, a, b) in enumerate(stages))
    mixture = plan_mix(HELD, Mix(max_epochs=1.5, stage=wanted))
    for share in mixture.shares:
        assert share.tokens == sum(stage.tokens[share.name] for stage in mixture.stages) <= 1.5 * HELD[share.name]
    assert mixture.tokens <= sum(stage.tokens for stage in wanted)
    told = " ".join(mixture.notes)
    for stage in wanted:
        drawn = next((sum(each.tokens.values()) for each in mixture.stages if each.name == stage.name), 0)
        assert drawn == stage.tokens or f"{stage.name} draws {drawn:,} tokens, not {stage.tokens:,}" in told


RECIPE = """\
name = "staged"
seed = 3
[[source]]
name = "a"
read = "tables"
paths = ["a"]
[[source]]
name = "b"
read = "tables"
paths = ["b"]
[mix]
materialize = true
max_epochs = 8
{more}
[[mix.stage]]
name = "main"
tokens = 9_000
weights = {{ a = 0.75, b = 0.25 }}
[[mix.stage]]
name = "anneal"
tokens = 3_000
weights = {{ {late} }}
[tokenize]
tokenizer = {{ train = {{ vocab_size = 300 }} }}
validation = 0.1
"""


def write(folder: Path, *, more: str = "", late: str = "b = 1.0") -> Path:
    for name, size in (("a", 30), ("b", 60)):
        (folder / name).mkdir(exist_ok=True)
        texts = [" ".join(WORDS[at * 11 : at * 11 + size]) for at in range(30)]
        lines = [json.dumps({"id": f"{name}-{at}", "text": text}) for at, text in enumerate(texts)]
        (folder / name / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "r.toml").write_text(RECIPE.format(more=more, late=late), encoding="utf-8")
    return folder / "r.toml"


def test_a_temperature_makes_small_sources_larger() -> None:
    held = {"en": 1_000_000, "is": 1_000}
    for temperature, share in ((1.0, 1 / 1001), (3.0, 10 / 110), (1000.0, 0.5)):
        mixture = plan_mix(held, Mix(max_epochs=1e6, tokens=100_000, temperature=temperature))
        assert mixture.shares[1].drawn == pytest.approx(share, abs=2e-3)
    equal = plan_mix(held, Mix(max_epochs=2, tokens=100_000, weights={"en": 1, "is": 1}))
    assert [each.tokens for each in equal.shares] == [98_000, 2_000]  # UniMax: alike, and none over its epochs


def test_a_run_in_stages_draws_and_writes_what_its_recipe_asks_for(tmp_path: Path) -> None:
    run = curate.run(write(tmp_path), out=tmp_path / "run", workers=0)
    mixture = run.mixture["mixture"]
    assert [stage["tokens"] for stage in mixture["stages"]] == [{"a": 6750, "b": 2250}, {"a": 0, "b": 3000}]
    mixed = open_shards(run.folder / "tokens" / "train" / "mixed")
    assert len(mixed) == 12_000 == mixture["tokens"]
    table = mixed.documents().with_columns(end=pl.col("tokens").cum_sum())
    main, anneal = table.filter(pl.col("end") <= 9_000), table.filter(pl.col("end") > 9_000)
    assert abs(main["tokens"].sum() - 9_000) <= 1  # where a half would be no text, a stage ends a token away
    assert set(main["source"]) == {"a", "b"}
    assert set(anneal["source"]) == {"b"}
    shares = dict(main.group_by("source").agg(pl.col("tokens").sum()).iter_rows())
    assert abs(shares["a"] - 6_750) <= 1
    stop = run.mixture["vocabulary"]["end_of_text"]
    tokens = np.concatenate([shard.tokens for shard in mixed.shards])
    assert (tokens[mixed.ends - 1] == stop).all()
    assert np.count_nonzero(tokens == stop) == len(mixed.ends)
    assert not curate.verify(run.folder).differences
    assert curate.plan(tmp_path / "r.toml").mixture.stages[1].tokens == {"a": 0, "b": 3000}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"more": "tokens = 5"}, "each .*mix.stage.* has its own tokens and weights"),
        ({"more": "temperature = 2"}, "each .*mix.stage.* has its own"),
        ({"late": "c = 1.0"}, 'a weight for the unknown source "c"'),
        ({"late": "b = 0.0"}, "the weights are all zero"),
        ({"late": ""}, 'the stage "anneal" has no weights'),
        ({"late": 'b = 1.0 }\n[[mix.stage]]\nname = "main"\ntokens = 3\nweights = { a = 1'}, "a name of its own"),
    ],
)
def test_stages_that_make_no_sense_are_refused_with_their_line(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    with pytest.raises(RecipeError, match=told) as refused:
        load(write(tmp_path, **changes))
    assert refused.value.line is not None
