"""The shipped models of toxic language, learned from labeled sets and plain prose: the same bytes from the same data.

DATA ─▶ toxicity_data: lines of a language ─▶ train_linear ─▶ OUT/toxicity-<language>.bin, SHA256SUMS

    python benchmarks/train_toxicity.py DATA --out curate/filters/models
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from model_sums import write_model
from toxicity_data import LANGUAGES, Line, share_of, training_lines

from curate.filters.linear_features import FeatureKinds
from curate.filters.linear_file import linear_bytes
from curate.filters.linear_train import LinearTraining, train_linear

TRAINING = LinearTraining(features=FeatureKinds(bits=18, min_part=3, max_part=5), cost=0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=LANGUAGES)
    options = parser.parse_args()
    for language in options.languages:
        lines = training_lines(options.data, language)
        tables = train_linear(
            pl.Series([line.text for line in lines]),
            np.array([bool(line.is_toxic) for line in lines]),
            ("plain", "toxic"),
            TRAINING,
            folds=np.array([int(share_of(line.text, "fold") * TRAINING.folds) for line in lines]),
            importance=importance_of(lines),
            facts=facts_of(lines, language),
        )
        write_model(options.out / f"toxicity-{language}.bin", linear_bytes(tables))
        print(language, tables.facts["trained_on"])


def importance_of(lines: list[Line]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """In a set that people labeled both sides count the same: how much of it is toxic is the choice of its makers."""
    counts = Counter((line.name, line.is_toxic) for line in lines)
    labeled = {name for name, is_toxic in counts if is_toxic}
    total = {name: counts[name, True] + counts[name, False] for name in labeled}
    return np.array(
        [total[line.name] / 2 / counts[line.name, line.is_toxic] if line.name in labeled else 1.0 for line in lines]
    )


def facts_of(lines: list[Line], language: str) -> dict[str, Any]:
    counts = Counter(f"{line.name}/{'toxic' if line.is_toxic else 'plain'}" for line in lines)
    return {"about": "toxic language", "language": language, "trained_on": dict(sorted(counts.items()))}


if __name__ == "__main__":
    main()
