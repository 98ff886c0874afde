"""A trained model, or n-grams, on evaluation sets: minimal pairs, the last word of a text, multiple choice.

files ─▶ items ─▶ each option's nats after its context ─▶ accuracy and its standard error, by subset, too
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.standalone.evaluation_items import EvaluationItem, Kind, read_items
from curate.standalone.evaluation_models import TextModel, open_model

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A share of `items`, and the standard error of it as of independent items."""

    items: int
    share: float
    error: float


@dataclass(frozen=True, slots=True)
class SetScore:
    """One set. `by_bytes` is the accuracy where an option's nats are divided by its bytes, which multiple choice is
    judged by as endings differ in length; `perplexity` that of LAMBADA's last words, a word each. LAMBADA has no
    `accuracy` under a model of words, which cannot be asked for its likeliest."""

    file: str
    kind: Kind
    accuracy: Accuracy | None
    by_bytes: Accuracy | None
    perplexity: float | None
    subsets: dict[str, Accuracy]
    """By name, where there are several."""


def evaluate(
    model: str | Path,
    *,
    pairs: Sequence[str | Path] = (),
    lambada: Sequence[str | Path] = (),
    choices: Sequence[str | Path] = (),
    limit: int | None = None,
    tokenizer: str | Path | None = None,
    device: str = "auto",
) -> tuple[SetScore, ...]:
    """How a model does on evaluation sets: a checkpoint or the folder of a training, or an n-gram model (`.clm`) of
    bytes, words or tokens; one of tokens needs the `tokenizer`, a file or a run.

    A pair counts where the good sentence is likelier, and half where both are alike; an ending, where it is likelier
    than the others, for each of its bytes in `by_bytes`; a last word, where each of its tokens is the likeliest.
    `limit` takes the first items of each file.

    Raises:
        UsageError: no set is given, or a file or the model cannot be read.
    """
    asked: list[tuple[Kind, str | Path]] = [("pairs", path) for path in pairs]
    asked += [("lambada", path) for path in lambada]
    asked += [("choices", path) for path in choices]
    if not asked:
        raise UsageError("there is nothing to evaluate on: name a file with --pairs, --lambada or --choices")
    sets = [(kind, str(path), read_items(path, kind, limit=limit)) for kind, path in asked]
    opened = open_model(model, tokenizer=tokenizer, device=device)
    return tuple(score_set(opened, kind, path, items) for kind, path, items in sets)


def score_set(model: TextModel, kind: Kind, file: str, items: Sequence[EvaluationItem]) -> SetScore:
    """One set's score."""
    options = [option for item in items for option in item.options]
    nats, likeliest = model.continued(options, likeliest=kind == "lambada")
    if kind == "lambada":
        accuracy = None if likeliest is None else _accuracy(likeliest.astype(np.float64))
        return SetScore(file, kind, accuracy, None, float(np.exp(nats.mean())), {})
    hits = _hits(items, nats)
    sizes = np.array([len(option.text.encode()) for option in options])
    by_bytes = _accuracy(_hits(items, nats / np.maximum(sizes, 1))) if kind == "choices" else None
    names = np.array([item.subset for item in items])
    subsets = {name: _accuracy(hits[names == name]) for name in sorted(set(names.tolist()))}
    return SetScore(file, kind, _accuracy(hits), by_bytes, None, subsets if len(subsets) > 1 else {})


def _hits(items: Sequence[EvaluationItem], costs: Floats) -> Floats:
    """1 where the right option costs least, a part of it where others cost as little, else 0: float64[items]."""
    hits, at = np.zeros(len(items)), 0
    for number, item in enumerate(items):
        own = costs[at : at + len(item.options)]
        cheapest = own == own.min()
        hits[number] = cheapest[item.right] / cheapest.sum()
        at += len(item.options)
    return hits


def _accuracy(hits: Floats) -> Accuracy:
    share = float(hits.mean())
    return Accuracy(len(hits), share, math.sqrt(share * (1 - share) / len(hits)))
