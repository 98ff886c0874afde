"""A linear classifier learned from labeled tables, and the words that weigh most in it.

label, text ─▶ two labels ─▶ train_linear ─▶ LinearTables
texts ─▶ words ─▶ each asked by itself ─▶ the strongest for either label
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from curate.errors import UsageError, nearest
from curate.filters.linear_features import FeatureKinds, collect_features
from curate.filters.linear_file import LinearTables
from curate.filters.linear_train import LinearTraining, train_linear
from curate.pipeline.tokenizer import keyed_share
from curate.standalone.labeled import LABEL, ORIGIN

TOP_WORDS = 20
MIN_SEEN = 5
"""In so many texts a word must stand to be named."""
MOST_SEEN_WORDS = 50_000


def learn_linear(frames: Iterator[pl.DataFrame], training: LinearTraining, target: str | None) -> LinearTables:
    """A model that finds `target`, by default the label that sorts last ("spam" of "ham" and "spam").

    Parts for the calibration are cut by origin where there are many, so that a score is not too sure on new ones.

    Raises:
        UsageError: there are not two labels, or `target` is none of them.
    """
    rows = pl.concat([frame.select("text", LABEL, ORIGIN) for frame in frames])
    labels = sorted(set(rows[LABEL]))
    if len(labels) != 2:
        raise UsageError(f"a linear model tells two labels apart, and here are {len(labels)}; use --kind fasttext")
    if target is not None and target not in labels:
        raise UsageError(f'there is no label "{target}"{nearest(target, labels)}')
    positive = target or labels[1]
    negative = labels[0] if positive == labels[1] else labels[1]
    by = ORIGIN if rows[ORIGIN].n_unique() >= 10 * training.folds else "text"
    folds = (keyed_share(rows[by], seed=training.seed, purpose="fold") * training.folds).cast(pl.Int64).to_numpy()
    is_positive = (rows[LABEL] == positive).to_numpy()
    return train_linear(rows["text"], is_positive, (negative, positive), training, folds=folds)


def strongest_words(frames: Iterator[pl.DataFrame], tables: LinearTables) -> dict[str, list[str]]:
    """For each label the words of the texts that weigh most for it, by their own weight times how usual they are."""
    counts: Counter[str] = Counter()
    for frame in frames:
        words = frame["text"].str.to_lowercase().str.extract_all(r"\w+").list.unique()
        counts.update(words.explode().drop_nulls())
    usual = [word for word, count in counts.most_common(MOST_SEEN_WORDS) if count >= MIN_SEEN]
    alone = tables.kinds._replace(pairs=False, min_part=0, max_part=0, shapes=0, passage=1 << 20)
    if not usual:
        return {label: [] for label in tables.labels}
    weights = _weights(usual, tables, alone) * np.sqrt([counts[word] for word in usual])
    order = np.lexsort((usual, weights))
    negative, positive = tables.labels
    return {
        negative: [usual[at] for at in order[:TOP_WORDS] if weights[at] < 0],
        positive: [usual[at] for at in order[::-1][:TOP_WORDS] if weights[at] > 0],
    }


def _weights(words: list[str], tables: LinearTables, alone: FeatureKinds) -> Any:
    """float64[words]: the sum of each word's own weights, without those of its parts."""
    rows = collect_features(pl.Series(words), alone)
    sums = np.concatenate([[0], np.cumsum(tables.weights[rows.places].astype(np.float64))])
    return sums[rows.ends] - sums[np.concatenate([[0], rows.ends[:-1]])]
