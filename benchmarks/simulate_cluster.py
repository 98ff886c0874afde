"""How long a recipe takes over a whole crawl on a cluster, what it moves and what that costs, planned from a small run.

recipe ─▶ small run ─▶ costs by stage ─▶ × input ─▶ tasks on nodes × cores, with failures and laggards ─▶ hours, money

    python benchmarks/simulate_cluster.py recipe.toml --less smaller.toml --input-tb 90 --nodes 100 --cores 16
    python benchmarks/simulate_cluster.py recipe.toml --check       # predicted and real: two processes here, one killed

Both recipes read files of one kind, the smaller one fewer of them: what every run costs once cancels.

`--check` runs the recipe with as many workers as there are cores, plans from that run alone how long two processes take
that share it, and with one of them killed half-way, does both, and prints both.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cluster_costs import Costs, Stage, costs_of, marginal, measured, scaled
from cluster_schedule import FOREVER, Cluster, Nodes, run_stage

TB, GB, HOUR = 1e12, 1e9, 3600.0


class Simulated(NamedTuple):
    """Of a stage, in seconds and core seconds."""

    stage: Stage
    wall: float
    busy: float
    lost: float


def main() -> None:
    options = parse_options()
    if options.check:
        check(options.recipe, options.kill_at, options.repeats)
        return
    with tempfile.TemporaryDirectory(prefix="curate-costs-") as place:
        costs = measured(options.recipe, Path(place) / "whole")
        if options.less:
            costs = marginal(costs, measured(options.less, Path(place) / "less"))
    print(f"measured: {costs.cpu:.1f} CPU s for {costs.pages:,} pages, {costs.input_bytes / 1e6:.1f} MB")
    size = int(options.input_tb * TB)
    costs = scaled(costs, input_bytes=size, pages=int(options.billion_pages * 1e9), splits=options.splits)
    cluster = Cluster(
        nodes=options.nodes,
        cores=options.cores,
        network=options.network_gbit * GB / 8,
        start=options.start_minutes * 60 + costs.start,
        between_failures=options.days_between_failures * 24 * HOUR or FOREVER,
        repair=options.repair_minutes * 60,
        slow_share=options.slow_share,
        slow_factor=options.slow_factor,
        copied_after=options.copied_after or FOREVER,
    )
    results, failed = simulate(costs, cluster, options.seed)
    print(format_stages(results))
    print(format_whole(costs, results, failed, cluster, options))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="the recipe, over a part of the input")
    parser.add_argument("--less", type=Path, metavar="RECIPE", help="the same over a smaller part")
    parser.add_argument("--input-tb", type=float, default=90.0, help="a snapshot's WARCs: 90,000 of about 1 GB")
    parser.add_argument("--billion-pages", type=float, default=3.0)
    parser.add_argument("--splits", type=int, default=700_000, help="the parts that the input is cut into")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--network-gbit", type=float, default=10.0, help="a node's, of which half is taken for granted")
    parser.add_argument("--start-minutes", type=float, default=2.0)
    parser.add_argument("--days-between-failures", type=float, default=1.0, help="of one node, on average; 0: never")
    parser.add_argument("--repair-minutes", type=float, default=10.0)
    parser.add_argument("--slow-share", type=float, default=0.02)
    parser.add_argument("--slow-factor", type=float, default=3.0)
    words = "times as long as its peers, after which a task is begun by another core, too; 0: never"
    parser.add_argument("--copied-after", type=float, default=3.0, help=words)
    parser.add_argument("--core-hour", type=float, default=0.02, help="what one costs")
    parser.add_argument("--tb-month", type=float, default=23.0, help="what keeping a TB for a month costs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="compare with two real processes here")
    parser.add_argument("--kill-at", type=float, default=0.5, help="share of the predicted time, for --check")
    parser.add_argument("--repeats", type=int, default=3, help="for --check; medians")
    return parser.parse_args()


def simulate(costs: Costs, cluster: Cluster, seed: int) -> tuple[list[Simulated], int]:
    """Stage by stage, and how many nodes failed on the way."""
    chance = random.Random(seed)
    nodes, results, began = Nodes(cluster, chance), [], 0.0
    for stage in costs.stages:
        done = run_stage(nodes, [*task_seconds(stage, cluster, chance)])
        results.append(Simulated(stage, done.end - began, done.busy, done.lost))
        began = done.end
    return results, nodes.failed


def task_seconds(stage: Stage, cluster: Cluster, chance: random.Random) -> Sequence[float]:
    """CPU time, and then what is read and written through a share of half the node's network, one after the other."""
    share = cluster.network / 2 / (1 if stage.is_one else cluster.cores)
    moved = (stage.reads + stage.writes) / stage.tasks / share
    sizes = stage.sizes if stage.tasks == len(stage.sizes) else chance.choices(stage.sizes, k=stage.tasks)
    second = stage.seconds / sum(sizes)
    return [size * second + moved for size in sizes]


def format_stages(results: Sequence[Simulated]) -> str:
    lines = ["| stage | tasks | hours | core hours | lost | read, TB | written, TB |", "|---|---|---|---|---|---|---|"]
    for stage, wall, busy, lost in results:
        figures = (wall / HOUR, busy / HOUR, lost / HOUR, stage.reads / TB, stage.writes / TB)
        hours, core_hours, gone, reads, writes = (f"{figure:,.2f}" for figure in figures)
        lines.append(f"| {stage.name} | {stage.tasks:,} | {hours} | {core_hours} | {gone} | {reads} | {writes} |")
    return "\n".join(lines)


def format_whole(
    costs: Costs, results: Sequence[Simulated], failed: int, cluster: Cluster, options: argparse.Namespace
) -> str:
    wall = sum(result.wall for result in results)
    rented = wall / HOUR * cluster.nodes * cluster.cores
    busy = sum(result.busy for result in results) / HOUR
    written = sum(result.stage.writes for result in results) / TB
    kept = costs.kept_bytes / TB
    money = rented * options.core_hour + written * options.tb_month * wall / HOUR / 730
    return (
        f"\n{costs.pages:,} pages, of which filter keeps {costs.kept:,}\n"
        f"{wall / HOUR:,.1f} hours on {cluster.nodes} nodes of {cluster.cores} cores; {failed} times one failed\n"
        f"{rented:,.0f} core hours rented, {busy / rented:.0%} of them at work\n"
        f"{written:,.1f} TB written on the way, {kept:,.1f} TB kept\n"
        f"{money:,.0f} for cores at {options.core_hour} an hour and storage at {options.tb_month} a TB and month; "
        f"what is kept {kept * options.tb_month:,.0f} a month"
    )


def check(recipe: Path, kill_at: float, repeats: int) -> None:
    """Two processes of one worker each on the cores of this machine, as predicted and as they are."""
    with tempfile.TemporaryDirectory(prefix="curate-cluster-") as place:
        whole, outside = measured_run(recipe, Path(place) / "alone")
        costs = costs_of(Path(place) / "alone")
        cluster = Cluster(nodes=2, cores=1, start=costs.start + outside)
        calm = total(simulate(costs, cluster, 0)[0]) + outside
        at = kill_at * calm
        killed = Cluster(nodes=2, cores=1, start=costs.start + outside, failures=((1, at),))
        hurt = total(simulate(costs, killed, 0)[0]) + outside
        print(f"{costs.cpu:.1f} CPU s in {whole:.1f} s with two workers; two processes, medians of {repeats}:")
        for name, predicted, kill in (("both stay", calm, None), (f"one killed after {at:.0f} s", hurt, at)):
            real = statistics.median(shared(recipe, Path(place), number, kill) for number in range(repeats))
            print(f"{name}: predicted {predicted:.1f} s, real {real:.1f} s, {real / predicted - 1:+.0%}")


def measured_run(recipe: Path, out: Path) -> tuple[float, float]:
    """Seconds of a run with two workers, and how many of them belong to no stage."""
    began = time.perf_counter()
    subprocess.run([*command(recipe, out), "--workers", "2"], check=True, capture_output=True)
    whole = time.perf_counter() - began
    return whole, whole - float(json.loads((out / "timing.json").read_text(encoding="utf-8"))["wall"])


def shared(recipe: Path, place: Path, number: int, kill: float | None) -> float:
    """Seconds until both, or the one that is left, have ended."""
    out = place / f"shared-{number}-{kill}"
    began = time.perf_counter()
    ranks = [
        subprocess.Popen(
            [*command(recipe, out), "--workers", "1", "--rank", str(rank), "--world", "2"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for rank in range(2)
    ]
    if kill is not None:
        time.sleep(kill)
        ranks[1].kill()
    codes = [rank.wait() for rank in ranks]
    assert codes[0] == 0, codes
    return time.perf_counter() - began


def command(recipe: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "curate", "run", str(recipe), "--out", str(out), "--no-report", "--fresh"]


def total(results: Sequence[Simulated]) -> float:
    return sum(result.wall for result in results)


if __name__ == "__main__":
    main()
