"""The simulated cluster against what a hand can count: `benchmarks/simulate_cluster.py` plans whole crawls with it."""

from __future__ import annotations

import importlib
import math
import random
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not (BENCHMARKS / "cluster_schedule.py").exists(), reason="not in a checkout")


@pytest.fixture(scope="module")
def plan() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module("cluster_schedule")


def nodes(plan: ModuleType, count: int, cores: int, seed: int = 0, **traits: object) -> object:
    return plan.Nodes(plan.Cluster(nodes=count, cores=cores, **traits), random.Random(seed))


def test_equal_tasks_take_as_many_rounds_as_cores_need(plan: ModuleType) -> None:
    for count in (1, 11, 12, 13, 120):
        done = plan.run_stage(nodes(plan, 4, 3), [2.0] * count)
        assert done == plan.Done(2.0 * math.ceil(count / 12), 2.0 * count, 0.0)


def test_the_longest_go_first_and_all_cores_end_nearly_together(plan: ModuleType) -> None:
    assert plan.run_stage(nodes(plan, 1, 2), [1.0, 1.0, 1.0, 3.0]).end == 3.0


def test_what_a_dead_node_was_at_is_begun_anew_after_a_minute(plan: ModuleType) -> None:
    done = plan.run_stage(nodes(plan, 2, 1, failures=((1, 5.0),)), [10.0, 10.0])
    assert done == plan.Done(5.0 + 60.0 + 10.0, 20.0, 5.0)


def test_a_node_that_is_repaired_works_again(plan: ModuleType) -> None:
    done = plan.run_stage(nodes(plan, 1, 1, failures=((0, 5.0),), repair=7.0, start=1.0, patience=2.0), [10.0])
    assert done == plan.Done(5.0 + 7.0 + 1.0 + 10.0, 10.0, 4.0)


def test_a_failure_that_met_nobody_is_no_loss_in_a_later_stage(plan: ModuleType) -> None:
    both = nodes(plan, 2, 1, failures=((1, 50.0),), repair=1.0)
    assert plan.run_stage(both, [100.0]).lost == 0.0
    assert plan.run_stage(both, [1.0, 1.0]).lost == 0.0


def test_nodes_look_at_growing_pauses_whether_a_stage_is_over(plan: ModuleType) -> None:
    both = nodes(plan, 2, 1)
    plan.run_stage(both, [10.0, 1.0])
    assert both.ready == [10.0, pytest.approx(1.0 + 0.2 + 0.5 + 1.0 + 2.0 + 5.0 + 5.0)]  # type: ignore[attr-defined]


def test_a_slow_node_takes_as_much_longer(plan: ModuleType) -> None:
    assert plan.run_stage(nodes(plan, 1, 1, slow_share=1.0, slow_factor=3.0), [10.0]).end == 30.0


def test_what_a_slow_node_is_at_is_begun_by_another_that_has_nothing_to_do(plan: ModuleType) -> None:
    traits = {"slow_share": 0.5, "slow_factor": 10.0, "copied_after": 3.0}
    slow = plan.run_stage(nodes(plan, 2, 1, slow_share=0.5, slow_factor=10.0), [10.0] * 6)
    assert slow.end == 100.0, "one core does five of them"
    assert plan.run_stage(nodes(plan, 2, 1, **traits), [10.0] * 6).end == 50.0 + 10.0
    assert plan.run_stage(nodes(plan, 2, 1, **traits | {"slow_factor": 3.0}), [10.0] * 4).end == 30.0, "not overdue"
    assert plan.run_stage(nodes(plan, 1, 1, **traits | {"slow_share": 1.0}), [10.0]).end == 100.0, "nobody to compare"


def test_a_cluster_without_a_living_node_is_an_error(plan: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="gone for good"):
        plan.run_stage(nodes(plan, 2, 1, failures=((0, 1.0), (1, 2.0))), [10.0])


@given(st.lists(st.floats(1.0, 50.0), min_size=1, max_size=60), st.integers(0, 99))
def test_whatever_fails_each_task_is_done_once(plan: ModuleType, tasks: list[float], seed: int) -> None:
    done = plan.run_stage(nodes(plan, 3, 2, seed, between_failures=100.0, repair=10.0), tasks)
    assert done.busy == pytest.approx(sum(tasks))
    assert done.end >= max(max(tasks), sum(tasks) / 6) - 1e-9
