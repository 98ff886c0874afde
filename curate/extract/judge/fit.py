"""Trees learned with LightGBM, and turned into whole numbers for our kernel.

    rows, labels, weights ─▶ thinned by weight ─▶ LightGBM, one thread ─▶ JSON of its trees ─▶ Trees

Installed with the extra `curate-corpus[extractor]`; nothing of it is imported before it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.extract.judge.feature_names import MOST
from curate.extract.judge.trees import ONE, Trees, pack_node

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Boosting:
    """LightGBM's options, under its own meanings."""

    trees: int = 100
    num_leaves: int = 31
    max_depth: int = 8
    learning_rate: float = 0.1
    min_data_in_leaf: int = 20
    lambda_l2: float = 5.0
    feature_fraction: float = 0.3
    max_bin: int = 63


FIRST = Boosting()
SECOND = Boosting(trees=40, num_leaves=15, max_depth=6, feature_fraction=0.5)
PAGE = Boosting(trees=30, num_leaves=7, max_depth=4, learning_rate=0.1, min_data_in_leaf=8, feature_fraction=0.3)
MAX_ROWS_SHARE = 0.4
"""So many of the rows are learned from: those of small weight are drawn, and weigh more for it."""


def library() -> Any:
    """The LightGBM library.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise UsageError(
            f'training an extractor needs LightGBM ({error}): pip install "curate-corpus[extractor]"'
        ) from error
    return lightgbm


def fit_trees(rows: Rows, labels: Floats, weights: Floats, options: Boosting, seed: int) -> Trees:
    """Trees whose sums are the log-odds of `labels`, 0 to 1; the same for the same rows and seed."""
    lightgbm = library()
    data = lightgbm.Dataset(rows.astype(np.float32), labels, weight=weights, params={"verbose": -1})
    return trees_of(lightgbm.train(_parameters(options, seed), data, options.trees).dump_model())


def thin(weights: Floats, seed: int, share: float = MAX_ROWS_SHARE) -> tuple[npt.NDArray[np.int64], Floats]:
    """Rows drawn with a chance in proportion to their weight, at most 1, and what each of them weighs then.

    About `share` of all; their sum of weights is expected to be what it was.
    """
    low, high = 0.0, float(weights.max(initial=1.0))
    for _ in range(50):  # halving: the weight from which on a row is kept in any case
        bound = (low + high) / 2
        low, high = (bound, high) if np.minimum(1, weights / bound).sum() > share * len(weights) else (low, bound)
    chosen = np.flatnonzero(np.random.Generator(np.random.PCG64(seed)).random(len(weights)) * high < weights)
    return chosen, np.maximum(weights[chosen], high)


def _parameters(options: Boosting, seed: int) -> Mapping[str, Any]:
    given = asdict(options)
    del given["trees"]
    fixed = {"objective": "cross_entropy", "seed": seed, "deterministic": True, "force_row_wise": True, "verbose": -1}
    return given | fixed | {"num_threads": 1}


def trees_of(dumped: Mapping[str, Any]) -> Trees:
    """LightGBM's trees, as `Booster.dump_model` says them, in our numbers."""
    parts = [_nodes_of(tree["tree_structure"]) for tree in dumped["tree_info"]]
    roots = np.cumsum([0, *(len(nodes) for nodes, _, _ in parts)], dtype=np.int32)
    return Trees(
        np.concatenate([nodes for nodes, _, _ in parts]),
        np.concatenate([values for _, values, _ in parts]).astype(np.int32),
        roots,
        np.array([depth for _, _, depth in parts], dtype=np.int32),
    )


def _nodes_of(root: Mapping[str, Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Nodes level by level, so that the two below a node stand side by side; leaves lead to themselves."""
    waiting, depths = [root], [0]
    nodes, values = [], []
    for number, node in enumerate(waiting):  # it grows while it is read
        if "leaf_value" in node:
            nodes.append(pack_node(0, MOST, number))
            values.append(round(node["leaf_value"] * ONE))
            continue
        left = len(waiting)
        nodes.append(pack_node(node["split_feature"], _whole(node["threshold"]), left))
        values.append(0)
        waiting += [node["left_child"], node["right_child"]]
        depths += [depths[number] + 1] * 2
    return np.array(nodes, dtype=np.int64), np.array(values), max(depths)


def _whole(threshold: float) -> int:
    """`value <= threshold` is the same for whole numbers if what stands behind the point is cut off."""
    return min(max(math.floor(threshold), -MOST - 1), MOST)
