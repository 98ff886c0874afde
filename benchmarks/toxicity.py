"""Toxic language by the shipped models and by the word lists, on labels and on plain prose that neither has seen.

DATA ─▶ held-out labels, prose, HateCheck's cases ─┬▶ word lists ─┬▶ F1, false alarms, by functionality
                                                   └▶ models ─────┘
        tweets, pages ─▶ documents a CPU second, beside alt-profanity-check (--peer)

    python benchmarks/toxicity.py DATA [--peer VENV/bin/python]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from toxicity_data import LANGUAGES, book_texts, hatecheck, labeled, prose

from curate.filters.toxicity import toxicity

THRESHOLD = {"words": 0.4, "model": 0.5}
JUDGES = {
    "words": toxicity(),
    "words, disguises": toxicity(disguises=True),
    "model": toxicity(by="model"),
    "model, disguises": toxicity(by="model", disguises=True),
}
PAGE = 2000
PEER = """
import json, sys, time
from profanity_check import predict, predict_prob
texts = json.load(sys.stdin)
predict(texts["texts"][:10])
seconds = []
for _ in range(3):
    started = time.process_time()
    predict(texts["timed"])
    seconds.append(time.process_time() - started)
print(json.dumps({"chances": [float(chance) for chance in predict_prob(texts["texts"])], "seconds": seconds}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peer", type=Path, help="a Python that has alt-profanity-check")
    options = parser.parse_args()
    judge_labels(options.data)
    judge_disguised(options.data)
    judge_calibration(options.data)
    judge_prose(options.data)
    judge_functions(options.data)
    tweets = [line.text for line in labeled(options.data, "en") if line.is_test]
    pages = [page for name, text in book_texts(options.data) if "sotu" in name for page in cut(text)][:3000]
    time_ours("tweets", tweets)
    time_ours("pages of 2,000 characters", pages)
    if options.peer:
        judge_peer(options.data, options.peer, tweets)


def scores(texts: Iterable[str], language: str, judge: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What a judge says; 0 where it says nothing."""
    batch = pl.DataFrame({"text": pl.Series(list(texts), dtype=pl.String)}).with_columns(language=pl.lit(language))
    measure = JUDGES[judge].measure
    assert measure is not None
    return measure(batch)["toxicity_score"].fill_null(0).to_numpy().astype(float)


def flags(texts: Iterable[str], language: str, judge: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return scores(texts, language, judge) > THRESHOLD[judge.partition(",")[0]]


def judge_labels(data: Path) -> None:
    head = f"{'held-out labels':<26}{'judge':<20}{'texts':>7}{'toxic':>7}"
    print(head + f"{'F1':>8}{'prec.':>8}{'recall':>8}{'f.alarms':>10}")
    for language in LANGUAGES:
        lines = [line for line in labeled(data, language) if line.is_test and line.is_toxic is not None]
        truth = np.array([bool(line.is_toxic) for line in lines])
        for judge in JUDGES:
            show_scores(
                f"{language} {lines[0].name}", judge, truth, flags([line.text for line in lines], language, judge)
            )


def show_scores(name: str, judge: str, truth: Any, found: Any) -> None:
    right = (found & truth).sum()
    precision, recall = right / max(found.sum(), 1), right / truth.sum()
    f1 = 2 * right / (found.sum() + truth.sum())
    alarms = found[~truth].mean()
    print(
        f"{name:<26}{judge:<20}{len(truth):>7,}{truth.sum():>7,}{f1:>8.3f}{precision:>8.3f}{recall:>8.3f}{alarms:>10.1%}"
    )


def judge_disguised(data: Path) -> None:
    """Toxic tweets whose every word of four letters and more hides in one of three ways."""
    lines = [line.text for line in labeled(data, "en") if line.is_test and line.is_toxic]
    ways = {
        "digits for letters": lambda word: word.translate(str.maketrans("aeios", "43105")),
        "signs of no width": lambda word: "\u200b".join(word),
        "letters apart": " ".join,
    }
    print()
    for way, hide in ways.items():
        hidden = [" ".join(hide(word) if len(word) > 3 else word for word in text.split()) for text in lines]
        found = [flags(hidden, "en", judge).mean() for judge in JUDGES]
        told = ", ".join(f"{judge}: {share:.1%}" for judge, share in zip(JUDGES, found, strict=True))
        print(f"toxic tweets found, {way}: {told}")


def judge_calibration(data: Path) -> None:
    """Both labels counted the same, as in training."""
    print(f"\n{'what the model says':<26}" + "".join(f"{low / 10:>7.1f}+" for low in range(10)))
    for language in LANGUAGES:
        lines = [line for line in labeled(data, language) if line.is_test and line.is_toxic is not None]
        truth = np.array([bool(line.is_toxic) for line in lines])
        weight = np.where(truth, 0.5 / truth.mean(), 0.5 / (1 - truth.mean()))
        tenth = np.minimum((scores([line.text for line in lines], language, "model") * 10).astype(int), 9)
        shares = [(weight * truth)[tenth == low].sum() / max(weight[tenth == low].sum(), 1e-9) for low in range(10)]
        print(f"{language + ', toxic of these':<26}" + "".join(f"{share:>8.2f}" for share in shares))


def judge_prose(data: Path) -> None:
    print(f"\n{'false alarms on':<26}{'texts':>8}" + "".join(f"{judge:>20}" for judge in JUDGES))
    kinds: dict[tuple[str, str], list[str]] = {}
    for line in prose(data, "en"):
        if line.is_test:
            kinds.setdefault(("en", f"{line.name}, 500 characters"), []).append(line.text)
    for name, text in book_texts(data):
        for part in ("kjv", "sotu"):
            if part in name:
                kinds.setdefault(("en", f"{part}, {PAGE:,} characters"), []).extend(cut(text))
    for language in ("en", "de", "fr", "es"):
        identities = [text for function, text, _ in hatecheck(data, language) if function.startswith("ident_")]
        kinds[language, f"identities, {language}"] = identities
    for (language, name), texts in kinds.items():
        found = [flags(texts, language, judge).mean() for judge in JUDGES]
        print(f"{name:<26}{len(texts):>8,}" + "".join(f"{share:>20.2%}" for share in found))


def cut(text: str) -> list[str]:
    return [text[start : start + PAGE] for start in range(0, len(text), PAGE)]


def judge_functions(data: Path) -> None:
    """HateCheck: Röttger et al. 2021 and 2022; "_nh" is not hateful. Spanish has a list and no model."""
    languages = ("en", "de", "fr", "es")
    cells: dict[str, dict[str, tuple[int, float]]] = {}
    for language in languages:
        cases = hatecheck(data, language)
        found = flags([text for _, text, _ in cases], language, "model")
        for function in sorted({function for function, _, _ in cases}):
            chosen = np.array([each == function for each, _, _ in cases])
            cells.setdefault(function, {})[language] = int(chosen.sum()), float(found[chosen].mean())
    print(f"\n{'HateCheck, flagged':<26}" + "".join(f"{language:>14}" for language in languages))
    for function, row in sorted(cells.items(), key=lambda each: (each[0].endswith("_h"), each[0])):
        shown = [f"{row[code][1]:>8.0%} /{row[code][0]:>4}" if code in row else f"{'-':>14}" for code in languages]
        print(f"{function:<26}" + "".join(shown))


def time_ours(name: str, texts: list[str]) -> None:
    size = sum(len(text.encode()) for text in texts) / 1e6
    for judge in JUDGES:
        flags(texts, "en", judge)  # compiles
        seconds = []
        for _ in range(5):
            started = time.process_time()
            flags(texts, "en", judge)
            seconds.append(time.process_time() - started)
        median = statistics.median(seconds)
        print(f"{name:<28}{judge:<20}{len(texts) / median:>12,.0f} documents and {size / median:>6.1f} MB a CPU second")


def judge_peer(data: Path, python: Path, tweets: list[str]) -> None:
    """alt-profanity-check has learned from these tweets, or from nearly all of them."""
    lines = [line for line in labeled(data, "en") if line.is_test]
    plain = [line.text for line in prose(data, "en") if line.is_test and line.name in ("kjv", "austen")][::10]
    given = json.dumps({"texts": [line.text for line in lines] + plain, "timed": tweets})
    found = subprocess.run([python, "-c", PEER], input=given, capture_output=True, text=True, check=True).stdout
    answer = json.loads(found)
    chances = np.array(answer["chances"])
    print()
    truth = np.array([bool(line.is_toxic) for line in lines])
    show_scores("en tweets", "alt-profanity-check", truth, chances[: len(lines)] > 0.5)
    alarms = (chances[len(lines) :] > 0.5).mean()
    print(f"false alarms on {len(plain):,} pieces of Austen and the King James Bible: {alarms:.2%}")
    print(f"{len(tweets) / statistics.median(answer['seconds']):,.0f} tweets a CPU second")


if __name__ == "__main__":
    sys.exit(main())
