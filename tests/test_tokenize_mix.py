"""The mixture: published tables come out, limits hold and say so, and the draw is exact, shuffled and stateless."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import CheckFailed, UsageError
from curate.tokenize.mix import (
    Draw,
    Held,
    MixtureRecord,
    Vocabulary,
    mixture_json,
    plan_mixture,
    read_mixture,
    read_token_bytes,
)

BILLION = 10**9
GPT3_SIZES = {"crawl": 410, "webtext2": 19, "books1": 12, "books2": 55, "wikipedia": 3}
GPT3_WEIGHTS = {"crawl": 0.60, "webtext2": 0.22, "books1": 0.08, "books2": 0.08, "wikipedia": 0.03}
GPT3_EPOCHS = {"crawl": 0.44, "webtext2": 2.9, "books1": 1.9, "books2": 0.43, "wikipedia": 3.4}


def gpt3_sizes() -> dict[str, int]:
    return {name: size * BILLION for name, size in GPT3_SIZES.items()}


def shares_of(**parameters: object) -> dict[str, object]:
    return {share.name: share for share in plan_mixture(**parameters).shares}  # type: ignore[arg-type]


def test_gpt3_weights_sum_to_101_per_cent_and_the_plan_says_so() -> None:
    """Brown et al. 2020, table 2.2: at 300 B tokens these weights give 3.4 epochs of WebText2, where it prints 2.9."""
    plan = plan_mixture(gpt3_sizes(), weights=GPT3_WEIGHTS, tokens=303 * BILLION, max_epochs=4)
    epochs = {share.name: round(share.epochs, 2) for share in plan.shares}
    assert epochs == {"crawl": 0.44, "webtext2": 3.47, "books1": 2.0, "books2": 0.44, "wikipedia": 3.0}
    assert plan.notes == ("the weights sum to 1.01; each was divided by that",)
    assert sum(share.tokens for share in plan.shares) == plan.tokens == 303 * BILLION


def test_gpt3_epochs_give_the_shares_that_they_imply() -> None:
    drawn = {name: GPT3_EPOCHS[name] * GPT3_SIZES[name] for name in GPT3_SIZES}
    total = sum(drawn.values())
    weights = {name: amount / total for name, amount in drawn.items()}
    plan = plan_mixture(gpt3_sizes(), weights=weights, tokens=round(total * BILLION), max_epochs=4)
    assert [round(share.drawn, 3) for share in plan.shares] == [0.617, 0.189, 0.078, 0.081, 0.035]
    assert {share.name: round(share.epochs, 2) for share in plan.shares} == GPT3_EPOCHS
    assert plan.notes == ()
    assert round(plan.tokens / BILLION) == 292


def test_massive_text_repeats_wikipedia_and_a_limit_gives_its_rest_to_the_others() -> None:
    """Hoffmann et al. 2022, table A1: at 1.4 T tokens Wikipedia, 1 % of the mixture, is seen 3.40 times."""
    weights = {"web": 0.45, "books": 0.30, "c4": 0.10, "news": 0.10, "github": 0.04, "wikipedia": 0.01}
    epochs = {"web": 1.24, "books": 0.75, "c4": 0.77, "news": 0.21, "github": 0.13, "wikipedia": 3.40}
    sizes = {name: round(weights[name] * 1_400 * BILLION / epochs[name]) for name in weights}
    limited = plan_mixture(sizes, weights=weights, tokens=1_400 * BILLION, max_epochs=3)
    shares = {share.name: share for share in limited.shares}
    assert shares["wikipedia"].tokens == 3 * sizes["wikipedia"]
    assert limited.tokens == 1_400 * BILLION
    assert shares["web"].tokens / shares["books"].tokens == pytest.approx(1.5, abs=1e-9)
    assert limited.notes == (
        "wikipedia was to give 1.0% and gives 0.9%: 3 epochs of its 4,117,647,059 tokens; the rest goes to the others",
    )


def test_when_all_are_at_their_limit_the_total_is_lowered_and_said() -> None:
    plan = plan_mixture({"a": 100, "b": 50}, weights={"a": 0.5, "b": 0.5}, tokens=1000, max_epochs=2)
    assert (plan.tokens, [share.tokens for share in plan.shares]) == (300, [200, 100])
    assert plan.notes[-1] == "every source is at 2 epochs: 300 tokens are drawn, not 1,000"


def test_overflow_runs_on_through_several_limits() -> None:
    plan = plan_mixture(
        {"a": 10, "b": 100, "c": 10_000}, weights={"a": 0.5, "b": 0.4, "c": 0.1}, tokens=1000, max_epochs=1
    )
    assert [share.tokens for share in plan.shares] == [10, 100, 890]


def test_without_weights_or_tokens_everything_is_drawn_once() -> None:
    plan = plan_mixture({"a": 123, "b": 77}, weights={}, tokens=None, max_epochs=4)
    assert [(share.tokens, share.epochs) for share in plan.shares] == [(123, 1.0), (77, 1.0)]
    assert plan.notes == ()


def test_sources_without_weight_or_tokens_give_nothing_and_it_is_said() -> None:
    plan = plan_mixture({"a": 10, "b": 10, "c": 0}, weights={"a": 0.5, "c": 0.5}, tokens=20, max_epochs=4)
    assert [share.tokens for share in plan.shares] == [20, 0, 0]
    assert plan.notes == (
        "b has no weight and gives nothing",
        "c holds no tokens; its share of 50.0% goes to the others",
    )


@pytest.mark.parametrize(
    ("available", "weights", "message"),
    [
        ({"web": 10}, {"wbe": 1.0}, 'did you mean "web"'),
        ({"web": 10}, {"web": -0.1}, "at least 0"),
        ({"web": 10}, {"web": float("nan")}, "at least 0"),
    ],
)
def test_impossible_mixtures_are_refused(available: dict[str, int], weights: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_mixture(available, weights=weights, tokens=100, max_epochs=4)


@settings(deadline=None, max_examples=100)
@given(
    sizes=st.lists(st.integers(0, 10**6), min_size=1, max_size=5),
    weights=st.lists(st.integers(0, 100), min_size=5, max_size=5),
    tokens=st.integers(1, 10**7),
    max_epochs=st.sampled_from([0.5, 1.0, 4.0]),
)
def test_no_limit_is_ever_passed_and_nothing_is_lost(
    sizes: list[int], weights: list[int], tokens: int, max_epochs: float
) -> None:
    available = {f"s{i}": size for i, size in enumerate(sizes)}
    asked = {name: weights[i] / 100 for i, name in enumerate(available)}
    limits = {name: int(size * max_epochs) if asked[name] else 0 for name, size in available.items()}
    if not sum(limits.values()):
        return
    plan = plan_mixture(available, weights=asked, tokens=tokens, max_epochs=max_epochs)
    assert all(0 <= share.tokens <= limits[share.name] for share in plan.shares)
    assert abs(plan.tokens - min(tokens, sum(limits.values()))) <= len(sizes)


def draw(*, seed: int = 17, tokens: int = 1_000_000) -> Draw:
    held = {"web": 2_000_000, "books": 300_000, "code": 40_000}
    mixture = plan_mixture(held, weights={"web": 0.6, "books": 0.3, "code": 0.1}, tokens=tokens, max_epochs=4)
    return Draw(mixture, seed=seed, row_length=64, held=held)


def test_shares_hold_at_any_prefix_after_a_few_blocks() -> None:
    plan = draw()
    source = plan.locate(np.arange(plan.rows)).source
    counts = np.cumsum(source[:, None] == np.arange(3), axis=0)
    shares = counts / np.arange(1, plan.rows + 1)[:, None]
    assert np.abs(shares[1024:] - [0.6, 0.3, 0.1]).max() < 0.005
    assert np.abs(counts[-1] - np.array([0.6, 0.3, 0.1]) * plan.rows).max() < 1


def test_a_tiny_source_gets_its_rows_to_the_row() -> None:
    held = {"big": 10**8, "tiny": 10**6}
    mixture = plan_mixture(held, weights={"big": 0.9996, "tiny": 0.0004}, tokens=6_400_000, max_epochs=4)
    plan = Draw(mixture, seed=1, row_length=64, held=held)
    assert np.bincount(plan.locate(np.arange(plan.rows)).source).tolist() == [99_960, 40]


def test_every_row_of_a_source_is_drawn_once_an_epoch_and_in_another_order_each_time() -> None:
    plan = draw()
    located = plan.locate(np.arange(plan.rows))
    is_code = located.source == 2
    orders = []
    for epoch in range(2):
        rows = located.row[is_code & (located.epoch == epoch)]
        assert np.array_equal(np.sort(rows), np.arange(40_000 // 64))
        orders.append(np.argsort(rows))
    assert abs(np.corrcoef(*orders)[0, 1]) < 0.15
    assert set(located.epoch[located.source == 0]) == {0}


def test_published_epochs_come_out_of_the_draw() -> None:
    held = {"crawl": 410_000, "wikipedia": 30_000}
    tokens = {"crawl": 180_400, "wikipedia": 102_000}
    weights = {name: amount / 282_400 for name, amount in tokens.items()}
    plan = Draw(plan_mixture(held, weights=weights, tokens=282_400, max_epochs=4), seed=3, row_length=100, held=held)
    source = plan.locate(np.arange(plan.rows)).source
    drawn = np.bincount(source) * 100
    assert drawn / [410_000, 30_000] == pytest.approx([0.44, 3.4], abs=0.005)


def test_any_part_of_the_sequence_is_the_same_as_in_the_whole() -> None:
    plan = draw()
    whole = plan.locate(np.arange(plan.rows))
    some = np.random.default_rng(5).permutation(plan.rows)[:500]
    for part, all_of_it in zip(plan.locate(some), whole, strict=True):
        assert np.array_equal(part, all_of_it[some])
    assert [column.dtype for column in whole] == [np.int32, np.int64, np.int64]


def test_another_seed_is_another_sequence_and_the_same_seed_the_same() -> None:
    positions = np.arange(2000)
    one, same, other = (draw(seed=seed).locate(positions).row for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert (one == other).mean() < 0.05


def test_beyond_its_end_the_plan_goes_on_with_later_epochs() -> None:
    plan = draw()
    located = plan.locate(np.arange(2 * plan.rows))
    for source, held in enumerate((2_000_000, 300_000, 40_000)):
        mine = located.source == source
        key = located.epoch[mine] * held + located.row[mine]
        assert len(np.unique(key)) == mine.sum()
    first, second = located.source[: plan.rows], located.source[plan.rows :]
    assert np.bincount(first).tolist() == np.bincount(second).tolist()
    assert not np.array_equal(first, second)


def test_a_source_shorter_than_a_row_is_still_drawn() -> None:
    mixture = plan_mixture({"a": 10}, weights={}, tokens=30, max_epochs=4)
    located = Draw(mixture, seed=1, row_length=64, held={"a": 10}).locate(np.arange(3))
    assert located.epoch.tolist() == [0, 1, 2]
    assert located.row.tolist() == [0, 0, 0]


def test_a_source_without_shards_is_refused() -> None:
    mixture = plan_mixture({"a": 10, "b": 10}, weights={}, tokens=None, max_epochs=4)
    with pytest.raises(UsageError, match="without tokens: b"):
        Draw(mixture, seed=1, row_length=8, held={"a": 10})


def test_the_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    mixture = plan_mixture(gpt3_sizes(), weights=GPT3_WEIGHTS, tokens=10**9, max_epochs=4)
    held = {name: Held(documents=3, tokens=size) for name, size in gpt3_sizes().items()}
    record = MixtureRecord(
        mixture, 17, Vocabulary(32_768, 0, "<|endoftext|>", "uint16", "ab" * 32, "tokenizer.json"), held
    )
    path = tmp_path / "mixture.json"
    path.write_text(mixture_json(record), encoding="utf-8")
    assert read_mixture(path) == record


@pytest.mark.parametrize("content", ["", "{}", '{"mixture": {"shares": [{}]}}'])
def test_what_is_no_record_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mixture.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CheckFailed, match=r"mixture\.json is not a record"):
        read_mixture(path)


def test_token_bytes_are_little_endian_uint32(tmp_path: Path) -> None:
    path = tmp_path / "token_bytes.bin"
    path.write_bytes(b"\x00\x00\x00\x00\x01\x02\x00\x00")
    assert read_token_bytes(path).tolist() == [0, 513]
