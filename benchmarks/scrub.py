"""Personal data by patterns here, by Presidio, and by datafog-core: who finds what, what else they take for it, speed.

DATA/pii/synth-sentences.json ─▶ recall, precision, exact spans of each kind, by side
DATA/code.tar.gz, books.tar.gz ─▶ with something to find every 4 kB, and without ─▶ MB a CPU second
DATA/extraction/wcxb ─▶ text of pages of seven types ─▶ findings of both, of one side alone, with examples
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import random
import statistics
import subprocess
import tarfile
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from curate.batch import no_pulse
from curate.extract.charset import decode
from curate.extract.html import extract_html
from curate.scrub.entities import ENTITIES, PATTERNS, PRESIDIO
from curate.scrub.entity import Entity
from curate.scrub.patterns import find_by_patterns
from curate.scrub.pii import scrub_texts
from curate.scrub.presidio import _find_in_pieces as find_in_pieces

HERE = Path(__file__).parent
Spans = list[list[tuple[int, int, str]]]
Side = Callable[[list[str]], Spans]
MADE = {
    "EMAIL_ADDRESS": "jane.doe{}@example.com",
    "IP_ADDRESS": "86.121.97.{}",
    "PHONE_NUMBER": "(602) 272-9{:03}",
    "CREDIT_CARD": "4111 1111 1111 1111",
    "US_SSN": "125-17-4{:03}",
}
"""The five common kinds, with a number in them that changes."""
EVERY = 4000
COMMON = [name for name in (entity.name for entity in PATTERNS) if name in MADE]
BOTH = [entity for entity in PRESIDIO.values() if entity.name in {ours.name for ours in PATTERNS}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the test data")
    parser.add_argument("--datafog", type=Path, help="the Python of an environment with datafog-core")
    parser.add_argument("--presidio-mb", type=float, default=2.0, help="how much real text Presidio is given")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--examples", type=int, default=0, help="of each difference, how many are listed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    labeled(options.data / "pii" / "synth-sentences.json", options.datafog)
    speed([*code(options.data), *books(options.data)], options.repeats, options.datafog)
    differences(options.data / "extraction" / "wcxb" / "html.tar", options.presidio_mb, options.examples)


def by_curate(texts: list[str], entities: Sequence[Entity] = PATTERNS) -> Spans:
    found = find_by_patterns(pl.Series(texts), entities)
    return [found.get(number, []) for number in range(len(texts))]


def by_presidio(texts: list[str]) -> Spans:
    """All that its recognizers answer, also where two overlap. E-mail and IP addresses are never Presidio's here."""
    return [[(one.start, one.end, one.entity) for one in find_in_pieces(text, BOTH, no_pulse)] for text in texts]


def by_datafog(python: Path, texts: list[str]) -> tuple[Spans, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(texts, file)
        file.flush()
        command = [str(python), str(HERE / "peer_datafog.py"), file.name]
        answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer["spans"], answer["seconds"]


def labeled(path: Path, datafog: Path | None) -> None:
    sentences = json.loads(path.read_text(encoding="utf-8"))
    texts = [sentence["full_text"] for sentence in sentences]
    sides: dict[str, Spans] = {"curate": by_curate(texts), "presidio": by_presidio(texts)}
    if datafog:
        sides["datafog-core"] = by_datafog(datafog, texts)[0]
    print(f"{'750 labeled sentences':<24}{'side':<14}{'recall':>8}{'precision':>11}{'exact':>7}{'labels':>8}")
    for kind in [entity.name for entity in PATTERNS]:
        gold = [
            [(one["start_position"], one["end_position"]) for one in sentence["spans"] if one["entity_type"] == kind]
            for sentence in sentences
        ]
        if any(gold):
            for side, spans in sides.items():
                score(kind, side, gold, [[(a, b) for a, b, name in found if name == kind] for found in spans])


def score(kind: str, side: str, gold: list[list[tuple[int, int]]], found: list[list[tuple[int, int]]]) -> None:
    labels, findings = sum(map(len, gold)), sum(map(len, found))
    if not findings:
        return
    pairs = list(zip(gold, found, strict=True))
    hits = sum(any(meets(one, other) for other in theirs) for ours, theirs in pairs for one in ours)
    right = sum(any(meets(one, other) for other in ours) for ours, theirs in pairs for one in theirs)
    exact = sum(one in theirs for ours, theirs in pairs for one in ours)
    print(f"{kind:<24}{side:<14}{hits / labels:>8.2f}{right / findings:>11.2f}{exact:>7}{labels:>8}")


def meets(one: Sequence[int], other: Sequence[int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def code(data: Path) -> list[str]:
    return members(data / "code.tar.gz", "")


def books(data: Path) -> list[str]:
    return members(data / "books.tar.gz", ".txt")


def members(path: Path, suffix: str) -> list[str]:
    with tarfile.open(path) as archive:
        files = [archive.extractfile(one) for one in archive if one.isfile() and one.name.endswith(suffix)]
        return [file.read().decode("utf-8", errors="replace") for file in files if file]


def with_something_to_find(texts: list[str]) -> list[str]:
    chooser, kinds = random.Random(0), itertools.cycle(MADE.values())
    return [
        "".join(
            piece + (f" {next(kinds).format(chooser.randrange(1, 255))} " if len(piece) == EVERY else "")
            for piece in (text[start : start + EVERY] for start in range(0, len(text), EVERY))
        )
        for text in texts
    ]


def speed(texts: list[str], repeats: int, datafog: Path | None) -> None:
    print(f"\n{'code and books':<30}{'kinds':<14}{'MB':>6}{'MB/s (CPU)':>12}{'found':>9}")
    for label, given in (("as they are", texts), (f"one finding in {EVERY:,}", with_something_to_find(texts))):
        size = sum(len(text.encode()) for text in given) / 1e6
        column = pl.Series(given)
        for kinds, names in (("five", COMMON), ("all", [entity.name for entity in PATTERNS])):
            scrub_texts(column.head(20), entities=names)
            seconds, found = timed(lambda names=names, column=column: scrub_texts(column, entities=names), repeats)
            count = sum(found.drop("text").sum().row(0))
            print(f"curate, {label:<22}{kinds:<14}{size:>6.0f}{size / seconds:>12.0f}{count:>9,}")
        if datafog:
            runs = [by_datafog(datafog, given) for _ in range(min(repeats, 3))]
            seconds = statistics.median(run[1] for run in runs)
            print(f"datafog, {label:<21}{'five':<14}{size:>6.0f}{size / seconds:>12.0f}{sum(map(len, runs[0][0])):>9,}")


def timed(work: Callable[[], pl.DataFrame], repeats: int) -> tuple[float, pl.DataFrame]:
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        answer = work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds), answer


def texts_of(archive: Path, megabytes: float) -> list[str]:
    """The text of real pages, of all types alike, as much as is asked for."""
    with tarfile.open(archive) as pages:
        files = [pages.extractfile(page) for page in pages if page.isfile()]
        every = [decode(gzip.decompress(file.read()), declared=None, html=True)[0] for file in files if file]
    random.Random(0).shuffle(every)
    texts, room = [], megabytes * 1e6
    while every and room > 0:
        texts.append(extract_html(every.pop(), engine="resiliparse").text)
        room -= len(texts[-1].encode())
    return texts


def differences(pages: Path, megabytes: float, examples: int) -> None:
    """What both define, on real pages."""
    texts = texts_of(pages, megabytes)
    started = time.process_time()
    theirs = by_presidio(texts)
    seconds = time.process_time() - started
    ours = by_curate(texts, [ENTITIES[entity.name] for entity in BOTH])
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"\n{size:.1f} MB of web pages; Presidio, {len(BOTH)} kinds: {size / seconds:.3f} MB/s (CPU)")
    print(f"{'kind':<24}{'both':>8}{'curate only':>13}{'presidio only':>15}")
    counts, kept = Counter[tuple[str, str]](), defaultdict[tuple[str, str], list[str]](list)
    for text, one, other in zip(texts, ours, theirs, strict=True):
        for side, mine, yours in (("curate", one, other), ("presidio", other, one)):
            for start, end, kind in mine:
                is_both = any(kind == name and meets((start, end), (a, b)) for a, b, name in yours)
                counts[kind, "both" if is_both else side] += side == "curate" or not is_both
                if not is_both:
                    kept[kind, side].append(f"{text[max(0, start - 25) : start]!r} {text[start:end]!r}")
    for kind in [entity.name for entity in BOTH]:
        print(f"{kind:<24}{counts[kind, 'both']:>8}{counts[kind, 'curate']:>13}{counts[kind, 'presidio']:>15}")
        for side in ("curate", "presidio"):
            found = kept[kind, side]
            for example in random.Random(0).sample(found, min(examples, len(found))):
                print(f"    {side} only: {example}")


if __name__ == "__main__":
    main()
