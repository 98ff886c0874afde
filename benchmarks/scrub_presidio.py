"""Whether "patterns" finds what Presidio's recognizers of patterns find: every kind that both define, on real text.

pages, mails, manuals, books, code of DATA ─▶ findings of curate ─┬▶ by kind: the same span, another, one side's alone
                                           └▶ findings of Presidio ┘               └▶ --list FILE: each of them

    python benchmarks/scrub_presidio.py DATA [--megabytes 50] [--keep FOLDER] [--list FILE]

Presidio needs minutes for it; with --keep what it finds is written down, and read the next time.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
import sys
import tarfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curate.extract.charset import decode
from curate.extract.html import extract_html
from curate.scrub.entities import ENTITIES
from curate.scrub.patterns import find_by_patterns
from curate.scrub.presidio import MAX_PIECE, MIN_SCORE, OVERLAP

RECOGNIZERS = {
    "EMAIL_ADDRESS": "Email",
    "IP_ADDRESS": "Ip",
    "PHONE_NUMBER": "Phone",
    "CREDIT_CARD": "CreditCard",
    "IBAN_CODE": "Iban",
    "CRYPTO": "Crypto",
    "MAC_ADDRESS": "MacAddress",
    "US_SSN": "UsSsn",
    "UK_NHS": "Nhs",
    "UK_NINO": "UkNino",
    "AU_ABN": "AuAbn",
    "AU_TFN": "AuTfn",
    "CA_SIN": "CaSin",
    "DE_TAX_ID": "DeTaxId",
    "ES_NIE": "EsNie",
    "ES_NIF": "EsNif",
    "FI_PERSONAL_IDENTITY_CODE": "FiPersonalIdentityCode",
    "IN_AADHAAR": "InAadhaar",
    "IN_PAN": "InPan",
    "IT_FISCAL_CODE": "ItFiscalCode",
    "KR_RRN": "KrRrn",
    "PL_PESEL": "PlPesel",
    "SE_PERSONNUMMER": "SePersonnummer",
    "SG_NRIC_FIN": "SgFin",
    "TH_TNIN": "ThTnin",
    "TR_NATIONAL_ID": "TrNationalId",
    "ZA_ID_NUMBER": "ZaIdNumber",
}
"""The kinds that both define, and Presidio's class for each, without "Recognizer"."""
SLOW = ("IN_PAN",)
"""Presidio needs 9 s for a megabyte to find these, and 4 s for all others: a tenth of the text is asked for them."""
OTHERS = tuple(kind for kind in RECOGNIZERS if kind not in SLOW)
SHARES = {"pages": 15, "mails": 5, "manuals": 10, "books": 8, "code": 12}
"""Of 50 MB."""
SIDES = ("same", "other span", "curate alone", "presidio alone")
SHOWN = 40


class Found(NamedTuple):
    start: int
    end: int
    kind: str


class Difference(NamedTuple):
    side: str
    corpus: str
    kind: str
    before: str
    value: str
    behind: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the test data")
    parser.add_argument("--megabytes", type=float, default=50.0)
    parser.add_argument("--keep", type=Path, help="a folder for what Presidio has found")
    parser.add_argument("--list", type=Path, help="a file for all differences, a line each")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    listed, counts, sizes = list[Difference](), Counter[tuple[str, str]](), Counter[str]()
    for name, share in SHARES.items():
        texts = list(first(TEXTS[name](options.data), share * options.megabytes / 50))
        sizes[name] = sum(len(text.encode()) for text in texts)
        tenth = list(first(iter(texts), share * options.megabytes / 500))
        for kinds, part in ((OTHERS, texts), (SLOW, tenth)):
            for difference in differences(name, part, kinds, options.keep):
                counts[difference.kind, difference.side] += 1
                listed += [difference] if difference.side != "same" else []
    print(
        f"{sum(sizes.values()) / 1e6:.1f} MB: " + ", ".join(f"{name} {size / 1e6:.1f}" for name, size in sizes.items())
    )
    print(f"{'kind':<28}" + "".join(f"{side:>16}" for side in SIDES))
    for kind in RECOGNIZERS:
        print(f"{kind:<28}" + "".join(f"{counts[kind, side]:>16,}" for side in SIDES))
    if options.list:
        rows = sorted("\t".join(map(str, difference)) for difference in listed)
        options.list.write_text("\n".join(rows) + "\n", encoding="utf-8")


def differences(name: str, texts: Sequence[str], kinds: Sequence[str], keep: Path | None) -> Iterator[Difference]:
    for text, ours, theirs in zip(texts, by_curate(texts, kinds), presidio(name, texts, kinds, keep), strict=True):
        yield from compared(name, text, ours, theirs)


def pages(data: Path) -> Iterator[str]:
    """The text of real pages of seven types, in any order."""
    with tarfile.open(data / "extraction" / "wcxb" / "html.tar") as archive:
        files = [archive.extractfile(page) for page in archive if page.isfile()]
        every = [gzip.decompress(file.read()) for file in files if file]
    random.Random(0).shuffle(every)
    for page in every:
        yield extract_html(decode(page, declared=None, html=True)[0], engine="resiliparse").text


def mails(data: Path) -> Iterator[str]:
    with gzip.open(data / "labelled" / "spam.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def manuals(data: Path) -> Iterator[str]:
    from warcio.archiveiterator import ArchiveIterator

    with open(data / "web" / "prose.warc.gz", "rb") as file:
        for number, record in enumerate(ArchiveIterator(file)):
            is_page = record.rec_type == "response" and "html" in (record.http_headers.get_header("Content-Type") or "")
            if is_page and number % 8 == 2:
                body = decode(record.content_stream().read(), declared=None, html=True)[0]
                yield extract_html(body, engine="resiliparse").text


def books(data: Path) -> Iterator[str]:
    return members(data / "books.tar.gz", ".txt")


def code(data: Path) -> Iterator[str]:
    return members(data / "code.tar.gz", "")


def members(path: Path, suffix: str) -> Iterator[str]:
    with tarfile.open(path) as archive:
        files = [archive.extractfile(one) for one in archive if one.isfile() and one.name.endswith(suffix)]
        every = [file.read().decode("utf-8", errors="replace") for file in files if file]
    random.Random(0).shuffle(every)
    return iter(every)


TEXTS: dict[str, Callable[[Path], Iterator[str]]] = {
    "pages": pages, "mails": mails, "manuals": manuals, "books": books, "code": code
}  # fmt: skip


def first(texts: Iterator[str], megabytes: float) -> Iterator[str]:
    room = megabytes * 1e6
    for text in texts:
        if room <= 0:
            return
        room -= len(text.encode())
        yield text


def by_curate(texts: Sequence[str], kinds: Sequence[str]) -> list[list[Found]]:
    found = find_by_patterns(pl.Series(texts), [ENTITIES[kind] for kind in kinds])
    return [[Found(*one) for one in found.get(number, [])] for number in range(len(texts))]


def presidio(name: str, texts: Sequence[str], kinds: Sequence[str], keep: Path | None) -> list[list[Found]]:
    """All that its recognizers answer with the threshold that a run asks for, piece by piece."""
    digest = hashlib.sha256("\0".join([*kinds, *texts]).encode()).hexdigest()[:16]
    file = keep / f"{name}-{digest}.json" if keep else None
    if file and file.exists():
        return [[Found(*one) for one in found] for found in json.loads(file.read_text(encoding="utf-8"))]
    engine, started = analyzer(kinds), time.process_time()
    answers = [sorted(set(pieces_of(engine, text, kinds))) for text in texts]
    rate = sum(len(text.encode()) for text in texts) / 1e6 / (time.process_time() - started)
    print(f"Presidio, {name}: {rate:.2f} MB/s (CPU)", file=sys.stderr)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(answers), encoding="utf-8")
    return answers


def pieces_of(engine: Any, text: str, kinds: Sequence[str]) -> Iterator[Found]:
    """In overlapping pieces, as `curate.scrub.presidio` asks; a finding belongs to the piece in which it starts."""
    for at in range(0, len(text), MAX_PIECE):
        start = max(0, at - OVERLAP)
        piece = text[start : at + MAX_PIECE + OVERLAP]
        if re.search(r"[\d@:]", piece):  # nothing of these kinds has none of these
            for one in engine.analyze(piece, language="en", entities=[*kinds], score_threshold=MIN_SCORE):
                if at <= start + one.start < at + MAX_PIECE:
                    yield Found(start + one.start, start + one.end, one.entity_type)


def analyzer(kinds: Sequence[str]) -> Any:
    import presidio_analyzer
    import spacy
    from presidio_analyzer import predefined_recognizers
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    pipeline, engine = spacy.blank("en"), SpacyNlpEngine()
    pipeline.max_length = sys.maxsize
    engine.nlp = {"en": pipeline}
    classes = [getattr(predefined_recognizers, f"{RECOGNIZERS[kind]}Recognizer") for kind in kinds]
    every = [made(supported_language="en") for made in classes]
    registry = presidio_analyzer.RecognizerRegistry(recognizers=every, supported_languages=["en"])
    return presidio_analyzer.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


def compared(corpus: str, text: str, ours: Sequence[Found], theirs: Sequence[Found]) -> Iterator[Difference]:
    """Each finding of one side, and those of the other that no finding of the first meets."""
    for one in ours:
        met = [other for other in theirs if other.kind == one.kind and other.start < one.end and one.start < other.end]
        yield shown("same" if one in met else "other span" if met else "curate alone", corpus, text, one)
    for other in theirs:
        if not any(one.kind == other.kind and one.start < other.end and other.start < one.end for one in ours):
            yield shown("presidio alone", corpus, text, other)


def shown(side: str, corpus: str, text: str, found: Found) -> Difference:
    parts = text[max(0, found.start - SHOWN) : found.start], text[found.start : found.end], text[found.end :][:SHOWN]
    return Difference(side, corpus, found.kind, *(repr(part)[1:-1] for part in parts))


if __name__ == "__main__":
    main()
