"""What both sides of end_to_end.py are given, what they answer, and how several runs become one figure."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from process_clock import Cost


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is ready before the clock starts."""

    warc: Path
    half: Path
    """Its first half, for what a page costs at the margin."""
    parts: Path
    warm_up: Path
    tokenizer: Path
    language_model: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run read and kept: URLs after the filters and after deduplication, and its tokens."""

    read: int
    documents: tuple[int, int]
    """How many were kept and how many unique: a URL may stand in a crawl twice."""
    tokens: int
    kept: frozenset[str]
    unique: frozenset[str]
    details: Any = None


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a side's cost grows: CPU milliseconds of one page more, and how much sooner two workers are done than one."""

    page_ms: float
    speedup: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One side's median cost and the outcome of its last run."""

    tool: str
    extractor: str
    cost: Cost
    outcome: Outcome
    scaling: Scaling | None = None


def outcome(read: int, kept: list[str], unique: list[str], tokens: int, details: Any) -> Outcome:
    """URLs without the angle brackets that wget writes around them."""
    kept_urls, unique_urls = (frozenset(url.strip("<>") for url in urls) for urls in (kept, unique))
    return Outcome(read, (len(kept), len(unique)), tokens, kept_urls, unique_urls, details)


def medians(costs: list[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder
