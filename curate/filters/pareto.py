"""GPT-3's choice by a score: what scores high nearly always stays, what scores low sometimes does.

id ─▶ keyed hash ─▶ draw in [0, 1) ─▶ Pareto's distribution ─▶ more than 1 − score? ─▶ kept

A document stays where `numpy.random.pareto(alpha) > 1 - score` (Brown et al. 2020, arXiv:2005.14165, appendix A; there
alpha is 9). The draw is that of the document's id, not of the process: the same document has the same luck in each run.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from curate.batch import Rule


def draws(ids: pl.Series, *, name: str, seed: int) -> pl.Series:
    """Float64 in [0, 1): a number for each id, another one for each name and seed."""
    import xxhash

    key = xxhash.xxh3_64_intdigest(name.encode(), seed=seed)
    hashes = np.fromiter(
        (xxhash.xxh3_64_intdigest(each.encode(), seed=key) for each in ids), dtype=np.uint64, count=len(ids)
    )
    return pl.Series((hashes >> np.uint64(11)) / 2**53, dtype=pl.Float64)


def pareto_rule(score: str, draw: str, alpha: float) -> Rule:
    """The rule over two columns: the probability that a document stays is (2 − score) ** −alpha, 1 for the score 1."""
    drawn = (1 - pl.col(draw)).pow(-1 / alpha) - 1
    return Rule("pareto", score, drawn >= 1 - pl.col(score), threshold=alpha)
