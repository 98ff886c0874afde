"""The judge trained from gold pages: words, two passes of trees, types and confidence, each on scores of others' sites.

    golds ─▶ examples: scanned, labeled, weighed
              └▶ for each of four folds of sites: words and first trees of the other three ─▶ scores of its pages
                  ├▶ second trees, learned from those scores ─▶ choice ─▶ F1 ─▶ confidence, types
                  └▶ words and first trees of all pages, which are what ships

What is learned from a page is never asked about that page while it is learned from: the second pass must know how
sure the first one is of pages that it has not seen.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from operator import not_
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.extract.judge import fit
from curate.extract.judge.choose import choose_blocks
from curate.extract.judge.features import Features, features_of
from curate.extract.judge.fit import Boosting, fit_trees, thin
from curate.extract.judge.folds import fold_of, site_of
from curate.extract.judge.golds import GoldPage
from curate.extract.judge.labels import label_blocks, weigh_blocks
from curate.extract.judge.model import JudgeModel
from curate.extract.judge.page_features import page_features
from curate.extract.judge.score import kept_text, word_scores
from curate.extract.judge.second_pass import second_features
from curate.extract.judge.trees import Trees, per_mille, sums_of
from curate.extract.judge.word_odds import WordEvidence, evidence_of, learn_words
from curate.extract.judge.words import PAGE_TYPES
from curate.extract.scan.columns import BEGIN, END
from curate.extract.scan.pages import ScannedPages, as_pages, scan_pages
from curate.version import __version__

Scores = npt.NDArray[np.int16]
INNER_FOLDS = 4
BODY_WEIGHT = 3.0
"""Pages of the body's convention are fewer by far."""
DEFAULT_SEED = 17


@dataclass(frozen=True, slots=True)
class JudgeTraining:
    """The options of all trees, and the seed of what is drawn."""

    first: Boosting = fit.FIRST
    second: Boosting = fit.SECOND
    page: Boosting = fit.PAGE
    folds: int = INNER_FOLDS
    seed: int = DEFAULT_SEED


@dataclass(frozen=True, slots=True)
class GoldExample:
    """A gold page, scanned by itself, with a label and a weight for each block, and what it says of words."""

    page: GoldPage
    scanned: ScannedPages
    blocks: tuple[str, ...]
    labels: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    site: str
    words: WordEvidence


@dataclass(frozen=True, slots=True)
class Measured:
    """An example with its features, by words of other sites."""

    example: GoldExample
    features: Features

    @property
    def site(self) -> str:
        return self.example.site

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        return np.array([0, len(self.example.blocks)], dtype=np.int64)


def make_example(page: GoldPage, scanned: ScannedPages | None = None) -> GoldExample:
    scanned = scan_pages(as_pages(page.html)) if scanned is None else scanned
    text = scanned.text.tobytes()
    blocks = tuple(text[row[BEGIN] : row[END]].decode(errors="replace") for row in scanned.blocks)
    labels, counts = label_blocks(blocks, page.reference)
    weights = weigh_blocks(counts, page.reference) * (BODY_WEIGHT if page.body_only else 1.0)
    site = site_of(page)
    evidence = evidence_of(scanned, labels, weights, fold_of(site, 1 << 62), page.type)
    return GoldExample(page, scanned, blocks, labels, weights, site, evidence)


def train_judge(
    examples: Sequence[GoldExample], training: JudgeTraining | None = None, tell: Callable[[str], None] | None = None
) -> JudgeModel:
    """A model of the examples; the same examples in the same order and the same options give the same one.

    Raises:
        UsageError: LightGBM is not installed; there are too few pages.
    """
    training, tell = training or JudgeTraining(), tell or (lambda _: None)
    fit.library()
    used = [example for example in examples if example.blocks]
    if len({example.site for example in used}) < training.folds:
        raise UsageError(
            f"{len(used)} pages with text, of fewer than {training.folds} sites, are too few to learn from"
        )
    tell(f"features of {len(used):,} pages")
    measured = _measure_apart(used, training)
    scored = _score_apart(measured, training, tell)
    tell("second pass, page types, confidence")
    second = _fit_second(scored, training)
    types, confidence = _fit_pages(scored, second, training)
    tell("first pass of all pages")
    first = _fit_first(measured, training)
    words = learn_words([example.words for example in used])
    return JudgeModel(words, first, second, confidence, types, _facts(used, training))


def _measure_apart(examples: Sequence[GoldExample], training: JudgeTraining) -> list[Measured]:
    """Features of each page, by the words of all other folds of sites."""
    measured = []
    for fold in range(training.folds):
        own, others = _divide(examples, fold, training)
        words = learn_words([example.words for example in others])
        measured += [Measured(page, features_of(page.scanned, words, body_only=page.page.body_only)) for page in own]
    return measured


def _score_apart(
    measured: Sequence[Measured], training: JudgeTraining, tell: Callable[[str], None]
) -> list[tuple[Measured, Scores]]:
    """Each page with the scores that the first trees of all other folds of sites give it."""
    scored = []
    for fold in range(training.folds):
        tell(f"first pass, fold {fold + 1} of {training.folds}")
        own, others = _divide(measured, fold, training)
        trees = _fit_first(others, training)
        scored += [(page, per_mille(sums_of(trees, page.features.rows))) for page in own]
    return scored


Kind = TypeVar("Kind", GoldExample, Measured)


def _divide(pages: Sequence[Kind], fold: int, training: JudgeTraining) -> tuple[list[Kind], list[Kind]]:
    """The pages of a fold of sites, and all others."""
    is_own = [fold_of(page.site, training.folds, "inner") == fold for page in pages]
    return list(compress(pages, is_own)), list(compress(pages, map(not_, is_own)))


def _fit_first(pages: Sequence[Measured], training: JudgeTraining) -> Trees:
    labels, weights = (
        np.concatenate([getattr(page.example, name) for page in pages]) for name in ("labels", "weights")
    )
    chosen, weights = thin(weights, training.seed)
    rows = np.concatenate([page.features.rows for page in pages])[chosen]
    return fit_trees(rows, labels[chosen], weights, training.first, training.seed)


def _fit_second(scored: Sequence[tuple[Measured, Scores]], training: JudgeTraining) -> Trees:
    labels, weights = (
        np.concatenate([getattr(page.example, name) for page, _ in scored]) for name in ("labels", "weights")
    )
    rows = np.concatenate([second_features(scores, page.features, page.starts) for page, scores in scored])
    chosen, weights = thin(weights, training.seed)
    return fit_trees(rows[chosen], labels[chosen], weights, training.second, training.seed)


def _fit_pages(
    scored: Sequence[tuple[Measured, Scores]], second: Trees, training: JudgeTraining
) -> tuple[tuple[Trees, ...], Trees]:
    """Trees of each type, and those of the F1 that the choice has on pages that the first pass had not seen."""
    rows, f1s = [], []
    for page, first in scored:
        features, starts = page.features, page.starts
        scores = per_mille(sums_of(second, second_features(first, features, starts)))
        keep, expected = choose_blocks(scores, features.spans, starts, body_only=page.example.page.body_only)
        rows.append(page_features(scores, keep, expected, features, starts))
        f1s.append(word_scores(kept_text(page.example.blocks, keep), page.example.page.reference).f1)
    table, even = np.concatenate(rows), np.ones(len(rows))
    confidence = fit_trees(table, np.array(f1s), even, training.page, training.seed)
    kinds = np.array([page.example.page.type or "" for page, _ in scored])
    typed = np.flatnonzero(kinds != "")
    types = tuple(
        fit_trees(table[typed], (kinds[typed] == kind).astype(np.float64), even[typed], training.page, training.seed)
        for kind in PAGE_TYPES
    )
    return types, confidence


def _facts(examples: Sequence[GoldExample], training: JudgeTraining) -> Mapping[str, Any]:
    """Nothing of when and where."""
    golds = Counter(example.page.name.partition("/")[0] for example in examples)
    return {
        "made_with": {"curate": __version__, "lightgbm": importlib.metadata.version("lightgbm")},
        "options": asdict(training),
        "pages": dict(sorted(golds.items())),
        "sites": len({example.site for example in examples}),
        "types": dict(sorted(Counter(example.page.type or "" for example in examples).items())),
    }
