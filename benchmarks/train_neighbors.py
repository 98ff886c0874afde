"""Makes the shipped table that tells close languages apart, from counts that packages have, bit for bit the same.

Wikipedia's words by language ─▶ how much rarer in each ─────┬▶ weights of words ───┬▶ the most telling ─▶ neighbors.bin
windows of news and the web ─▶ chances, smoothed ─▶ rarer ───┴▶ weights of windows ─┘

    pip install brotli
    python benchmarks/train_neighbors.py FOLDER --out curate/filters/models/neighbors.bin

FOLDER takes 170 MB; it takes two minutes of one core. No text is seen, and none of a test set was.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from language_neighbors import in_latin, jat_pairs
from model_sums import write_model
from neighbor_counts import WHEELS, Counts, Logs, Wheels, character_logs, fetch, window_counts, word_logs

from curate.filters.neighbor_words import LONGEST_WORD, WINDOW, keys_of, windows_of, word_feature
from curate.filters.neighbors_file import NeighborGroup, Neighbors, neighbors_bytes

STEP = 1 / 16
MAX_WORD, MAX_WINDOW, MAX_ENTRY = 5.0, 3.0, 127 * STEP
"""Nats that a word, a window, and an entry cost a language at most: the counts of one hold words of others, too."""
UNSEEN = -15.5
"""The logarithm of the frequency of a word that a list lacks; lists go down to -15."""
SURE = -8.5
"""A word this frequent in one language and lacking in another's list was left out there on purpose, as English *to*."""
PAIR = 1.0
"""Nats by which *vrijeme* is more frequent than *vreme* in Croatian or Bosnian, and rarer in Serbian, if they are a
pair."""
COMMON = 1 / 200
"""The chance of a character of which nothing is known."""
KANA, KANA_COST = range(0x3041, 0x3100), 1.0
"""Chinese quotes a name in kana here and there."""


class Spoken(NamedTuple):
    """A language by its names in the model, in langidentify and in lingua."""

    name: str
    wiki: str
    news: str


class Group(NamedTuple):
    """Languages, and how many words and windows of them are kept.

    `news` is how much a window counts: those of a word say the same several times. `priors` are nats for languages
    whose texts were called by another's name more often than the converse, as those are that stand between two. All
    this and `trust` were chosen on lines of translated programs and on the Declaration of Human Rights.
    """

    languages: tuple[Spoken, ...]
    words: int
    windows: int
    script: str = "Latn"
    news: float = 0.3
    trust: float = 1.0
    priors: Mapping[str, float] = {}


class Weights(NamedTuple):
    """float64[n, languages], none above 0, of features that are seen so often, float64[n]."""

    features: list[str]
    weights: npt.NDArray[np.float64]
    often: npt.NDArray[np.float64]


def spoken(names: str) -> tuple[Spoken, ...]:
    return tuple(Spoken(name, name, "nb" if name == "no" else name) for name in names.split())


GROUPS = (
    Group(spoken("bs hr sr sl"), 50_000, 50_000, priors={"bs": 1.0, "hr": 0.5}),
    Group(spoken("no nn da sv"), 20_000, 20_000),
    Group(spoken("id ms"), 15_000, 10_000, news=0.15, trust=0.5, priors={"id": 2.3}),
    Group(spoken("es ca pt"), 12_000, 8_000),
    Group(spoken("cs sk"), 10_000, 6_000),
    Group(spoken("ru uk be bg mk sr"), 20_000, 10_000, script="Cyrl"),
)
"""The model knows Indonesian and Malay by messages of programs only, and lingua's news of the two are of two kinds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    wheels = fetch(options.folder)
    groups = (*(spelled_group(group, wheels) for group in GROUPS), han_group(wheels))
    content = neighbors_bytes(Neighbors(groups, STEP, {"made of": sorted(WHEELS)}))
    write_model(options.out, content)
    print(f"{options.out}: {len(content):,} bytes")


def spelled_group(group: Group, wheels: Wheels) -> NeighborGroup:
    """Of languages that are written in letters."""
    windows = window_weights([windows_in(group.script, wheels, language) for language in group.languages], group.news)
    known = dict(zip(windows.features, windows.weights, strict=True))
    words = word_weights(words_in(group.script, wheels, group.languages))
    kept_words, kept_windows = most_telling(words, group.words), most_telling(windows, group.windows)
    nothing = np.zeros(len(group.languages))
    total = [
        weight + sum((known.get(window, nothing) for window in windows_of(word)), nothing)
        for word, weight in zip(kept_words.features, kept_words.weights, strict=True)
    ]
    features = [*map(word_feature, kept_words.features), *kept_windows.features]
    priors = tuple(group.priors.get(language.name, 0.0) for language in group.languages)
    names = tuple(language.name for language in group.languages)
    keys, weights = packed(features, np.concatenate([total, kept_windows.weights]))
    return NeighborGroup(names, group.script, group.trust, priors, keys, weights)


def han_group(wheels: Wheels) -> NeighborGroup:
    """Chinese and Japanese, where a text is of Han characters mostly: each is a word."""
    characters = word_weights(character_logs(wheels))
    kana = [chr(point) for point in KANA]
    features = [*map(word_feature, characters.features), *map(word_feature, kana)]
    costs = np.tile([-KANA_COST, 0.0], (len(kana), 1))
    keys, weights = packed(features, np.concatenate([characters.weights, costs]))
    return NeighborGroup(("zh", "ja"), "Hani", 1.0, (0.0, 0.0), keys, weights)


def packed(
    features: Sequence[str], weights: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int8]]:
    """In the order of the keys, in steps; of two features with one key the first stays."""
    keys, first = np.unique(keys_of(features), return_index=True)
    return keys, np.rint(np.maximum(weights[first], -MAX_ENTRY) / STEP).astype(np.int8)


def words_in(script: str, wheels: Wheels, languages: Iterable[Spoken]) -> list[dict[str, float]]:
    """Serbian in Latin letters without the words of western form that quotations bring into it, and the converse."""
    logs = {language.name: word_logs(wheels, language.wiki) for language in languages}
    if "sr" in logs and script == "Latn":
        logs["sr"] = respelled(logs["sr"])
        drop_other_forms(logs["sr"], [logs["hr"], logs["bs"]])
    return list(logs.values())


def respelled(logs: Logs) -> dict[str, float]:
    found: dict[str, float] = {}
    for word, log in logs.items():
        latin = in_latin(word)
        found[latin] = float(np.logaddexp(found[latin], log)) if latin in found else log
    return found


def drop_other_forms(serbian: dict[str, float], western: Sequence[dict[str, float]]) -> None:
    """*vrijeme* from Serbian, *vreme* from Croatian and Bosnian, where each is clearly the rarer of the two."""
    for west, east in jat_pairs({**serbian, **western[0], **western[1]}).items():
        there = [max(logs.get(form, UNSEEN) for logs in western) for form in (west, east)]
        here = [serbian.get(form, UNSEEN) for form in (west, east)]
        if there[0] - there[1] > PAIR and here[1] - here[0] > PAIR:
            serbian.pop(west, None)
            for logs in western:
                logs.pop(east, None)


def windows_in(script: str, wheels: Wheels, language: Spoken) -> Counts:
    counts = window_counts(wheels, language.news)
    return respelled_windows(counts) if language.name == "sr" and script == "Latn" else counts


def respelled_windows(counts: Counts) -> Counts:
    """A window ends at one character: of "љ", which is two, at "l" and at "j"."""
    found: Counter[str] = Counter()
    for window, count in counts.items():
        before = in_latin(window[:-1])
        for character in in_latin(window[-1]):
            before += character
            found[before[-WINDOW:]] += count
    return found


def word_weights(logs: Sequence[Logs]) -> Weights:
    """How much rarer each word is in each language than in the one where it is most frequent."""
    words = [word for word in sorted(set().union(*logs)) if word.isalpha() and len(word) <= LONGEST_WORD]
    table = np.array([[counted.get(word, UNSEEN) for counted in logs] for word in words])
    most, least = table.max(axis=1), table.min(axis=1)
    is_kept = (most < SURE) | (least > UNSEEN)
    rarer = np.maximum(table - most[:, None], -MAX_WORD)[is_kept]
    kept = [word for word, keep in zip(words, is_kept, strict=True) if keep]
    return Weights(kept, rarer, np.exp(table[is_kept]).mean(axis=1))


def window_weights(counts: Sequence[Counts], news: float) -> Weights:
    """How much less likely the last character of each window is behind the others, in each language."""
    windows = sorted(set().union(*counts))
    languages = [WindowChances(each) for each in counts]
    logs = np.array([[math.log(language.chance(window)) for language in languages] for window in windows])
    often = np.array([[language.share(window) for language in languages] for window in windows]).mean(axis=1)
    return Weights(windows, news * np.maximum(logs - logs.max(axis=1, keepdims=True), -MAX_WINDOW), often)


def most_telling(weights: Weights, most: int) -> Weights:
    """Those that tell most in ordinary text: how often they are seen times how far apart their weights are."""
    telling = weights.often * np.ptp(weights.weights, axis=1)
    order = np.argsort(-telling, kind="stable")[:most]
    return Weights([weights.features[at] for at in order], weights.weights[order], weights.often[order])


class WindowChances:
    """The chance of a character behind those before it: Witten and Bell's (1991), from five characters down to none."""

    def __init__(self, counts: Counts) -> None:
        self._counts: Counter[str] = Counter()
        for window, count in counts.items():
            for size in range(1, len(window) + 1):
                self._counts[window[-size:]] += count
        self._seen: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        for window, count in self._counts.items():
            self._seen[window[:-1]] += count
            self._kinds[window[:-1]] += 1
        self._known: dict[str, float] = {"": COMMON}

    def share(self, window: str) -> float:
        return self._counts[window] / self._seen[""]

    def chance(self, window: str) -> float:
        if window not in self._known:
            before, shorter = window[:-1], self.chance(window[1:])
            seen, kinds = self._seen[before], self._kinds[before]
            self._known[window] = (self._counts[window] + kinds * shorter) / (seen + kinds) if seen else shorter
        return self._known[window]


if __name__ == "__main__":
    main()
