"""Trees in whole numbers say what LightGBM says of the same rows, and their file gives them back as they were."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from curate.extract.judge.fit import Boosting, fit_trees, thin, trees_of
from curate.extract.judge.trees import BUCKET, ONE, logit_steps, per_mille, sums_of

ROWS, WIDTH = 700, 9


def rows_of(seed: int) -> npt.NDArray[np.int16]:
    random = np.random.default_rng(seed)
    return random.integers(-32767, 32768, (ROWS, WIDTH)).astype(np.int16) // random.integers(1, 900, WIDTH).astype(
        np.int16
    )


@pytest.mark.parametrize(("seed", "leaves", "depth"), [(1, 31, 8), (2, 7, 3), (3, 63, -1), (4, 2, 1)])
def test_sums_are_what_lightgbm_predicts(seed: int, leaves: int, depth: int) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="needs the extra `extractor`")
    rows = rows_of(seed)
    labels = (rows[:, 0] > rows[:, 1]).astype(np.float64)
    options = {"objective": "binary", "num_leaves": leaves, "max_depth": depth, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(options, lightgbm.Dataset(rows.astype(np.float32), labels), 40)
    others = rows_of(seed + 100)[: ROWS - 3]  # no multiple of the rows that walk side by side
    expected = model.predict(others.astype(np.float32), raw_score=True)
    found = sums_of(trees_of(model.dump_model()), others) / ONE
    np.testing.assert_allclose(found, expected, atol=40 / ONE)  # half a unit a tree, for rounding


def test_a_tree_of_one_leaf_adds_its_value() -> None:
    tree = {"tree_info": [{"tree_structure": {"leaf_value": -0.5}}, {"tree_structure": {"leaf_value": 0.25}}]}
    assert sums_of(trees_of(tree), rows_of(5)).tolist() == [-ONE // 4] * ROWS


def test_a_probability_is_rounded_to_the_nearest_per_mille() -> None:
    sums = np.linspace(-12 * ONE, 12 * ONE, 5001).astype(np.int32)
    exact = 1000 / (1 + np.exp(-sums / ONE))
    assert np.abs(per_mille(sums) - exact).max() <= 0.502  # sums are whole numbers, too
    assert per_mille(np.array([-(2**31), 0, 2**31 - 1], dtype=np.int32)).tolist() == [0, 500, 1000]


def test_thinning_keeps_the_heavy_rows_and_the_sum_of_weights() -> None:
    weights = np.random.default_rng(6).pareto(1.5, 20_000)
    chosen, heavier = thin(weights, seed=3, share=0.4)
    assert len(chosen) == pytest.approx(8_000, rel=0.05)
    assert heavier.sum() == pytest.approx(weights.sum(), rel=0.05)
    assert set(np.argsort(weights)[-100:]) <= set(chosen)


def test_fitting_twice_gives_the_same_trees() -> None:
    pytest.importorskip("lightgbm", reason="needs the extra `extractor`")
    rows = rows_of(7)
    labels = (rows.sum(axis=1, dtype=np.int64) > 0).astype(np.float64)
    one, two = (fit_trees(rows, labels, np.ones(ROWS), Boosting(trees=10), seed=1) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


def test_per_mille_is_what_a_search_through_all_of_its_steps_finds() -> None:
    steps = logit_steps().astype(np.int64)
    ends = np.iinfo(np.int32)
    near = np.concatenate([steps - 1, steps, steps + 1, np.arange(-BUCKET, BUCKET), [ends.min, ends.max, 0]])
    drawn = np.random.default_rng(3).normal(0, 200_000, 100_000)
    sums = np.concatenate([near, drawn]).astype(np.int32)
    assert np.array_equal(per_mille(sums), np.searchsorted(steps, sums, side="right"))
    assert np.diff(steps).min() > BUCKET, "a bucket holds one step at most"
