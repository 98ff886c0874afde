"""The shipped model of quality, learned from edited prose and what is none: the same bytes from the same data.

DATA ─▶ quality_data: texts, but those of the test ─▶ train_linear ─▶ OUT/quality.bin, SHA256SUMS

    python benchmarks/train_quality.py DATA --out curate/filters/models
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
from model_sums import write_model
from quality_data import texts
from toxicity_data import share_of

from curate.filters.linear_file import linear_bytes
from curate.filters.linear_train import LAYOUT, LinearTraining, train_linear

TRAINING = LinearTraining(features=LAYOUT._replace(bits=16), cost=1.0, balance=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    learned = [text for text in texts(options.data) if not text.is_test]
    counts = Counter(text.kind for text in learned)
    tables = train_linear(
        pl.Series([text.text for text in learned]),
        np.array([text.is_prose for text in learned]),
        ("debris", "prose"),
        TRAINING,
        folds=np.array([int(share_of(text.origin, "fold") * TRAINING.folds) for text in learned]),
        facts={"about": "edited prose", "trained_on": dict(sorted(counts.items()))},
    )
    write_model(options.out / "quality.bin", linear_bytes(tables))
    print(tables.facts["trained_on"])


if __name__ == "__main__":
    main()
