"""`profile/`: where the CPU time of a run went, function by function; never part of a digest.

    samples of each stage's tasks, and of the supervisor ─▶ stacks.folded ─▶ flame.svg

`stacks.folded` has a line a stack, `filter;curate.pipeline.filter.filter_split;…;line 110: … 5012`, with microseconds
of CPU time: what speedscope, inferno and flamegraph.pl read. Sessions of one run add up; a task that is stopped or
breaks its worker takes its samples along.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from curate.engine.flame import draw
from curate.engine.sampler import add_samples
from curate.engine.store import Store
from curate.run_files import FLAME, STACKS

Profile = Mapping[str, Mapping[str, int]]
"""Microseconds by folded stack, of each stage."""


def write_profile(store: Store, profile: Profile) -> None:
    """Add this session's samples to those of the sessions before, and draw them all."""
    folded = read_stacks(store)
    for stage, stacks in profile.items():
        add_samples(folded, {f"{stage};{stack}" if stack else stage: weight for stack, weight in stacks.items()})
    lines = [f"{stack} {weight}\n" for stack, weight in sorted(folded.items()) if weight]
    store.write(STACKS, "".join(lines).encode())
    store.write(FLAME, draw(folded, f"CPU time, {sum(folded.values()) / 1e6:.1f} s").encode())


def read_stacks(store: Store) -> dict[str, int]:
    """What is there; one that is damaged counts as none, as no run must stop for it."""
    folded: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in store.read(STACKS).decode().splitlines():
            stack, _, weight = line.rpartition(" ")
            folded[stack] = int(weight)
    return folded
