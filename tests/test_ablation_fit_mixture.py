"""A mixture fitted to runs: a law that is known comes back, flat is flat, and a wrong table is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate.ablation.fit_mixture import MixtureRuns, features, fit_mixture
from curate.errors import UsageError

SOURCES = ("web", "books", "code")


def tried(runs: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(3), runs)


def runs_of(weights: np.ndarray, losses: np.ndarray) -> MixtureRuns:
    return MixtureRuns(SOURCES, ("loss",), weights, losses[:, None])


def power_losses(weights: np.ndarray, noise: float, seed: int = 2) -> np.ndarray:
    """Least where the weights are as the exponents: .5, .3, .2."""
    logs = 1 - 0.05 * (np.log(weights + 1e-3) @ np.array([0.5, 0.3, 0.2]))
    return np.exp(logs + np.random.default_rng(seed).normal(0, noise, len(weights)))


def test_a_power_law_comes_back_with_its_best_mixture() -> None:
    weights = tried(40)
    found = fit_mixture(runs_of(weights, power_losses(weights, 0.001)))
    assert found.law == "power"
    assert not found.is_flat
    assert found.left_out_error < 0.002 < found.mean_error
    assert [row.source for row in found.weights] == list(SOURCES)
    assert np.allclose([row.weight for row in found.weights], [0.5, 0.3, 0.2], atol=0.06)
    assert all(row.low <= row.weight <= row.high for row in found.weights)
    assert found.gain_low <= found.gain <= found.gain_high


def test_an_exponential_law_is_told_from_a_power_law_and_not_left_behind() -> None:
    weights = 0.1 + 0.7 * tried(30)
    losses = np.exp(1 - 0.3 * weights[:, 1])
    found = fit_mixture(runs_of(weights, losses))
    assert found.law == "exponential"
    books = found.weights[1]
    assert books.mean < books.weight <= weights[:, 1].max() + 1e-9  # within what was tried


def test_noise_alone_is_flat() -> None:
    weights = tried(30)
    losses = 3 * np.exp(np.random.default_rng(3).normal(0, 0.01, 30))
    assert fit_mixture(runs_of(weights, losses)).is_flat


def test_leaving_each_run_out_is_what_it_says() -> None:
    weights = tried(12)
    losses = power_losses(weights, 0.02)
    found = fit_mixture(runs_of(weights, losses))
    missed = []
    for at in range(12):
        others = np.arange(12) != at
        design = features(weights[others], found.law)
        law = np.linalg.lstsq(design, np.log(losses[others]), rcond=None)[0]
        missed.append(features(weights[[at]], found.law)[0] @ law - np.log(losses[at]))
    assert found.left_out_error == pytest.approx(float(np.sqrt(np.mean(np.square(missed)))), rel=1e-3)


def test_small_proxies_are_warned_of() -> None:
    weights = tried(20)
    runs = runs_of(weights, power_losses(weights, 0.001))
    assert "rank correlation of .73" in fit_mixture(runs, parameters=3_000_000).notes[0]
    assert fit_mixture(runs, parameters=19_000_000).notes == ()
    assert fit_mixture(runs) == fit_mixture(runs)


def test_a_table_of_runs_is_read(tmp_path: Path) -> None:
    weights = tried(20)
    losses = power_losses(weights, 0.001)
    rows = [
        f"{i},{7 * w[0]},{7 * w[1]},{7 * w[2]},{a},{a}" for i, (w, a) in enumerate(zip(weights, losses, strict=True))
    ]
    path = tmp_path / "runs.csv"
    path.write_text("run,weight_web,weight_books,weight_code,loss_a,loss_b\n" + "\n".join(rows) + "\n")
    from_file, from_arrays = fit_mixture(path), fit_mixture(runs_of(weights, losses))
    assert from_file.left_out_error == pytest.approx(from_arrays.left_out_error)
    assert [row.source for row in from_file.weights] == list(SOURCES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "needs columns weight_SOURCE and loss"),
        ("weight_a,weight_b,loss\n1,2,x\n", "line 2: expected numbers"),
        ("weight_a,weight_b,loss\n1,-2,3\n", "weights must be at least 0"),
        ("weight_a,weight_b,loss\n1,2,nan\n", "line 2: a value is not finite"),
        ("weight_a,weight_b,loss\n1,2,3\n", "1 runs of 2 sources are too few: give 5"),
        ("", "it has none"),
    ],
)
def test_a_wrong_table_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(UsageError, match=message) as told:
        fit_mixture(tmp_path / "runs.csv")
    assert "\n" not in str(told.value)
    with pytest.raises(UsageError, match="cannot be read as CSV"):
        fit_mixture(tmp_path / "missing.csv")
