"""Gradient-boosted trees in whole numbers: the sum of one leaf a tree, for many rows at once.

    features (int16 rows) ─┐
    nodes (packed int64) ──┴▶ 8 rows walk down a tree side by side ─▶ leaves (int32) ─▶ sums (int32) ─▶ probability ‰

A leaf is a node that leads to itself, so every row takes as many steps as the tree is deep, and no step is a branch:
the walks of the eight rows overlap in the processor. Whole numbers make a sum the same in any order, on any machine.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner, kernel, pointer

LANES = 8
ONE = 1 << 16
"""A leaf's value 1.0, in log-odds."""
PER_MILLE = 1000
BUCKET = 1 << 7
"""Of sums: half of what lies between the two nearest steps of a probability by 1 ‰."""
LEFT_BITS, THRESHOLD_BITS, LOW = 16, 32, 0xFFFF
"""Of a node: the feature that is asked in the low 16 bits, the node to the left, counted from the tree's root, in the
next 16, and above them, with its sign, the greatest value that goes left. The node to the right stands behind it."""


class Trees(NamedTuple):
    """Trees whose values are added, node after node, the root of each first.

    `nodes` int64[nodes], packed as above; a leaf leads left to itself whatever the value is. `values` int32[nodes]: a
    leaf's, 1 << 16 for 1.0. `roots` int32[trees + 1]: where each tree begins. `depths` int32[trees]: steps to its
    deepest leaf.
    """

    nodes: npt.NDArray[np.int64]
    values: npt.NDArray[np.int32]
    roots: npt.NDArray[np.int32]
    depths: npt.NDArray[np.int32]


def sums_of(trees: Trees, rows: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
    """int32[rows]: the log-odds of each row of features, 1 << 16 for 1.0."""
    sums = np.zeros(len(rows), dtype=np.int32)
    _add_leaves(*trees, np.ascontiguousarray(rows), sums)
    return sums


@cache
def logit_steps() -> npt.NDArray[np.int32]:
    """int32[1000]: from which sum on a probability rounds to 1 ‰, 2 ‰ … 1000 ‰."""
    middle = (np.arange(PER_MILLE) + 0.5) / PER_MILLE
    return np.round(np.log(middle / (1 - middle)) * ONE).astype(np.int32)


@cache
def _steps_by_bucket() -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
    """How many steps lie below each bucket of sums, from the first step on; and the step that may lie within it, by
    that number. Two steps are never so near that both do."""
    steps = logit_steps()
    begins = np.arange(steps[0], steps[-1] + BUCKET, BUCKET)
    below = np.searchsorted(steps, begins, side="right").astype(np.int16)
    return below, np.append(steps, np.iinfo(np.int32).max).astype(np.int32)


def per_mille(sums: npt.NDArray[np.int32]) -> npt.NDArray[np.int16]:
    """int16[rows], 0 to 1000: the logistic function of sums. By a table: a search through all steps for each sum took
    as long as a sixth of the trees."""
    below, steps = _steps_by_bucket()
    bucket = (np.clip(sums, steps[0], steps[-2]) - steps[0]) // BUCKET
    found = below[bucket]
    found += sums >= steps[found]
    return np.where(sums < steps[0], np.int16(0), found)


def pack_node(feature: int, threshold: int, left: int) -> int:
    return threshold << THRESHOLD_BITS | left << LEFT_BITS | feature


@kernel
def _add_leaves(nodes, values, roots, depths, rows, sums):
    width, full = rows.shape[1], len(rows) - len(rows) % LANES
    packed, leaves, data, totals = pointer(nodes), pointer(values), pointer(rows), pointer(sums)
    for first in range(0, full, LANES):  # the rows stay in the nearest memory while all trees pass by
        for tree in range(len(depths)):
            _walk_eight(packed, leaves, roots[tree], depths[tree], data, width, first, totals)
    for row in range(full, len(rows)):
        for tree in range(len(depths)):
            node = 0
            for _ in range(depths[tree]):
                node = _step(packed, roots[tree], node, data, row * width)
            totals[row] += leaves[roots[tree] + node]


@inner
def _walk_eight(nodes, values, root, depth, rows, width, first, sums):
    """Eight numbers by name, not an array, as the compiler then keeps them in registers."""
    a = b = c = d = e = f = g = h = 0
    at = first * width
    for _ in range(depth):
        a, b = _step(nodes, root, a, rows, at), _step(nodes, root, b, rows, at + width)
        c, d = _step(nodes, root, c, rows, at + 2 * width), _step(nodes, root, d, rows, at + 3 * width)
        e, f = _step(nodes, root, e, rows, at + 4 * width), _step(nodes, root, f, rows, at + 5 * width)
        g, h = _step(nodes, root, g, rows, at + 6 * width), _step(nodes, root, h, rows, at + 7 * width)
    sums[first] += values[root + a]
    sums[first + 1] += values[root + b]
    sums[first + 2] += values[root + c]
    sums[first + 3] += values[root + d]
    sums[first + 4] += values[root + e]
    sums[first + 5] += values[root + f]
    sums[first + 6] += values[root + g]
    sums[first + 7] += values[root + h]


@inner
def _step(nodes, root, node, rows, at):
    packed = nodes[root + node]
    return (packed >> LEFT_BITS & LOW) + (rows[at + (packed & LOW)] > packed >> THRESHOLD_BITS)
