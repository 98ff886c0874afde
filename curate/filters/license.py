"""Decides by the license of a source file: an SPDX expression against a list of identifiers.

"MIT OR GPL-2.0-only" ─▶ alternatives, each of identifiers that all apply ─▶ is there one with every identifier listed?
"""

from __future__ import annotations

import re
from functools import partial

import polars as pl

from curate.batch import Filter, Rule

PERMISSIVE = (
    "0BSD", "AFL-3.0", "Apache-1.1", "Apache-2.0", "Artistic-2.0", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause",
    "BSD-3-Clause-Clear", "BSD-4-Clause", "BSL-1.0", "BlueOak-1.0.0", "CC-BY-3.0", "CC-BY-4.0", "CC0-1.0", "curl",
    "ECL-2.0", "FTL", "HPND", "ICU", "ISC", "JSON", "Libpng", "MIT", "MIT-0", "MIT-CMU", "MulanPSL-2.0", "NCSA",
    "NTP", "OLDAP-2.8", "OpenSSL", "PHP-3.01", "PostgreSQL", "PSF-2.0", "Python-2.0", "Ruby", "TCL", "Unicode-3.0",
    "Unicode-DFS-2016", "Unlicense", "UPL-1.0", "Vim", "W3C", "WTFPL", "X11", "Zlib", "ZPL-2.1",
)  # fmt: skip
"""Licenses without copyleft, by SPDX identifier (https://spdx.org/licenses/); see The Stack (Kocetkov et al. 2022,
arXiv:2211.15533), which kept such files only."""


def license(*, allowed: tuple[str, ...] = PERMISSIVE, keep_unknown: bool = False) -> Filter:
    """Keep files whose license is on the list.

    Of "A OR B" one is enough, of "A AND B" both are needed; an exception ("WITH …") only ever adds permission. A file
    whose license is not recognized goes unless `keep_unknown`: no license is no permission. Needs the column `license`.

    Signal: `license_allowed` (Boolean; null where the license is unknown).
    """
    keep = pl.col("license_allowed").fill_null(keep_unknown)
    rule = Rule("allowed", "license", keep)
    measure = partial(judge_licenses, allowed=frozenset(allowed))
    return Filter((rule,), measure=measure, is_cheap=True, ignores_signals=True)


def judge_licenses(batch: pl.DataFrame, allowed: frozenset[str]) -> pl.DataFrame:
    """Add the signal to a batch with the column `license`; each different expression is read once."""
    if "license" not in batch.columns:
        return batch.with_columns(pl.lit(None, pl.Boolean).alias("license_allowed"))
    expressions = batch["license"].drop_nulls().unique()
    answers = {expression: is_allowed(expression, allowed) for expression in expressions}
    judged = pl.col("license").replace_strict(answers, default=None, return_dtype=pl.Boolean)
    return batch.with_columns(judged.alias("license_allowed"))


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression can be met with the listed identifiers alone."""
    tokens = re.findall(r"[()]|[^\s()]+", expression)
    answer, _ = _any_of(tokens, 0, allowed)
    return answer


def _any_of(tokens: list[str], at: int, allowed: frozenset[str]) -> tuple[bool, int]:
    answer, at = _all_of(tokens, at, allowed)
    while at < len(tokens) and tokens[at].upper() == "OR":
        other, at = _all_of(tokens, at + 1, allowed)
        answer = answer or other
    return answer, at


def _all_of(tokens: list[str], at: int, allowed: frozenset[str]) -> tuple[bool, int]:
    answer, at = _one(tokens, at, allowed)
    while at < len(tokens) and tokens[at].upper() == "AND":
        other, at = _one(tokens, at + 1, allowed)
        answer = answer and other
    return answer, at


def _one(tokens: list[str], at: int, allowed: frozenset[str]) -> tuple[bool, int]:
    """An identifier, perhaps with an exception, or brackets; what is cut off is not allowed."""
    if at >= len(tokens):
        return False, at
    if tokens[at] == "(":
        answer, at = _any_of(tokens, at + 1, allowed)
        return answer, at + 1
    answer = tokens[at] in allowed
    has_exception = at + 1 < len(tokens) and tokens[at + 1].upper() == "WITH"
    return answer, at + (3 if has_exception else 1)
