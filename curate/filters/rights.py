"""Decides by what a stored response says of its own use: reservations for AI, and licenses that nobody has read.

rights_robots, rights_tdm, rights_usage, rights_rsl (readers/rights.py) ─▶ one rule a kind of statement
"""

from __future__ import annotations

import re

import polars as pl

from curate.batch import Filter, Rule

AGENTS = ("ai2bot", "amazonbot", "anthropic-ai", "applebot-extended", "bytespider", "ccbot", "claudebot", "cohere-ai",
          "diffbot", "google-extended", "gptbot", "meta-externalagent")  # fmt: skip
"""Crawlers that collect for training: who turns them away does not want to be trained on."""
NO_AI = ("noai", "noml")
NO_INDEX = ("noindex", "none")
USAGES = ("train-ai", "train-genai", "ai-train", "ai", "tdm")


def rights(
    *,
    noai: bool = True,
    noindex: bool = True,
    tdm_reservation: bool = True,
    usages: tuple[str, ...] = USAGES,
    rsl: bool = True,
    agents: tuple[str, ...] = AGENTS,
) -> Filter:
    """Drop pages whose stored response reserves them: nothing is asked of the network, and who says nothing stays.

    `noai` and `noindex` are directives of `X-Robots-Tag` and of meta elements, for everybody or for one of the
    `agents` (`noimageai` is about pictures and drops no text; `noindex` is about search, and a page that is not to be
    found is hardly meant to be learned); `tdm_reservation` is 1 in a header or meta element of W3C's TDMRep; `usages`
    are labels of the IETF's `Content-Usage` (draft-ietf-aipref-vocab) that say n; `rsl` is a link to an RSL license,
    whose terms only its own text tells. For sources with `read = "warc"`, which read the statements only where this
    step stands, or with tables whose `columns` name these.

    Columns, in the ledger and the documents: `rights_robots`, `rights_tdm`, `rights_usage`, `rights_rsl`, and as
    evidence of a license `license_url`, `license_by` (String).
    """
    rules = [
        *([_robots("noai", NO_AI, agents)] if noai else []),
        *([_robots("noindex", NO_INDEX, agents)] if noindex else []),
        *([_holds("tdm_reservation", "rights_tdm", ["1"])] if tdm_reservation else []),
        *([_holds("content_usage", "rights_usage", [f"{label}=n" for label in usages])] if usages else []),
        *([Rule("rsl", "rights_rsl", pl.col("rights_rsl").is_null())] if rsl else []),
    ]
    return Filter(tuple(rules), hope=pl.lit(0.0))


def _robots(name: str, directives: tuple[str, ...], agents: tuple[str, ...]) -> Rule:
    statements = [f"{agent.lower()}:{word}" for agent in ("*", *agents) for word in directives]
    return _holds(name, "rights_robots", statements)


def _holds(name: str, column: str, statements: list[str]) -> Rule:
    """Keep where none of the statements stands in the column."""
    pattern = rf"(?:^| )(?:{'|'.join(map(re.escape, statements))})(?: |$)"
    return Rule(
        name, column, pl.col(column).cast(pl.String).str.contains(pattern).not_(), threshold=", ".join(statements[:8])
    )
