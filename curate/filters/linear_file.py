"""A linear model's file: what it counts, what its labels are, and a weight for each place, with a digest at its end.

    b"curate linear 1\\n" | JSON line: labels, features, scale, facts, sections | weights int8 | SHA-256 of all before

Numbers are little-endian. The same training gives the same bytes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.filters.linear_features import LONGEST_WORD, MOST_SHAPES, FeatureKinds
from curate.filters.model_bytes import BadModel, model_bytes, read_model

MAGIC = b"curate linear 1\n"
MIN_BITS, MAX_BITS = 8, 26
MAX_PASSAGE = 1 << 20
BOUNDS = {
    "bits": (MIN_BITS, MAX_BITS),
    "pairs": (False, True),
    "min_part": (0, LONGEST_WORD),
    "max_part": (0, LONGEST_WORD),
    "layout": (False, True),
    "shapes": (0, MOST_SHAPES),
    "passage": (16, MAX_PASSAGE),
}


@dataclass(frozen=True, slots=True)
class LinearTables:
    """`labels` are the one that is not meant and the one that is; `weights` int8[2 ** kinds.bits].

    The probability of the second label for a passage with n features is that of the logistic curve at
    `scale` · sqrt(min(n, `enough`)) / n · sum of their weights + `bias`. `facts`: what it was trained on and how.
    """

    labels: tuple[str, str]
    kinds: FeatureKinds
    weights: npt.NDArray[np.int8]
    scale: float
    bias: float
    enough: int
    facts: Mapping[str, Any]


def linear_bytes(tables: LinearTables) -> bytes:
    """The file of a model."""
    weights = tables.weights.tobytes()
    header = {
        "labels": tables.labels,
        "features": tables.kinds._asdict(),
        "scale": tables.scale,
        "bias": tables.bias,
        "enough": tables.enough,
        "facts": tables.facts,
        "weights": {"type": "int8", "count": len(weights), "sha256": hashlib.sha256(weights).hexdigest()},
    }
    return model_bytes(MAGIC, header, weights)


def read_linear(data: bytes) -> LinearTables:
    """The model in a whole file.

    Raises:
        BadModel: another format or version, a damaged or truncated file, or settings that no kernel can work with.
    """
    return read_model(data, MAGIC, _checked)


def _checked(header: Mapping[str, Any], weights: bytes) -> LinearTables:
    kinds = FeatureKinds(**header["features"])
    for name, (low, high) in BOUNDS.items():
        value = getattr(kinds, name)
        if type(value) is not type(low) or not low <= value <= high:
            raise BadModel(f"{name} is {value!r}; it lies between {low} and {high}")
    if kinds.max_part and not 1 <= kinds.min_part <= kinds.max_part:
        raise BadModel(f"parts of words have {kinds.min_part} to {kinds.max_part} characters")
    scale, bias, enough = float(header["scale"]), float(header["bias"]), header["enough"]
    if not (math.isfinite(scale) and math.isfinite(bias) and type(enough) is int and enough > 0):
        raise BadModel(f"its scale is {scale}, its bias {bias}, enough features are {enough!r}")
    if len(weights) != 1 << kinds.bits or hashlib.sha256(weights).hexdigest() != header["weights"]["sha256"]:
        raise BadModel(f"it has {len(weights):,} weights, not the {1 << kinds.bits:,} that its header names")
    negative, positive = map(str, header["labels"])
    table = np.frombuffer(weights, dtype=np.int8)
    return LinearTables((negative, positive), kinds, table, scale, bias, enough, header["facts"])
