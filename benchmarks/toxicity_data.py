"""The labeled sets and the plain prose from which models of toxic language are learned, and on which they are judged.

DATA (the shared folder), a language ─▶ labeled sets, prose, sentences with identities ─▶ Line
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from crawl_pages import pages, text_of

from curate.filters.language import load_lid

LANGUAGES = ("en", "de", "fr", "pt", "ko", "ar")
IDENTITIES = Path(__file__).with_name("toxicity_identities.toml")
PIECE = 500
"""Characters of prose that count as a text."""
TEST_SHARE = {"tweets": 0.5}
OTHER_TEST_SHARE = 0.2
TEST_NOVELS = ("emma", "northangerabbey", "prideprejudice")
TEST_MANUALS = ("debian-policy.bookworm.test", "jargon.bookworm.test", "debian-kernel-handbook.bookworm.test")
MOST_PIECES = 4000
"""Of prose, a language: each kind of it, as pieces and as single sentences."""
UDHR = {"en": "eng", "de": "deu", "fr": "fra", "pt": "por_BR", "ko": "kor", "ar": "arb"}


class Line(NamedTuple):
    """`is_toxic` None: people did not agree, so nothing is learned from it."""

    text: str
    is_toxic: bool | None
    name: str
    is_test: bool


def share_of(text: str, purpose: str = "") -> float:
    """A number in [0, 1) by a hash of the text."""
    return int.from_bytes(hashlib.sha256((purpose + text).encode()).digest()[:8]) / 2**64


def labeled(data: Path, language: str) -> Iterator[Line]:
    """What people labeled, each text once."""
    seen = set[str]()
    for name, text, is_toxic in SETS[language](data):
        if text not in seen:
            seen.add(text)
            yield Line(text, is_toxic, name, share_of(text) >= 1 - TEST_SHARE.get(name, OTHER_TEST_SHARE))


def _english(data: Path) -> Iterator[tuple[str, str, bool | None]]:
    """Of MLMA's English texts nine in ten are labeled toxic, the mere word of a group among them: with these the model
    takes every mention for an insult."""
    for row in _rows(data / "labelled" / "tweets.csv.gz"):
        yield "tweets", row["tweet"], row["class"] != "2"


def _german(data: Path) -> Iterator[tuple[str, str, bool | None]]:
    for line in _text(data / "toxicity" / "germeval2018-train.txt.gz").splitlines():
        text, label, _ = line.split("\t")
        yield "germeval2018", text, label == "OFFENSE"


def _portuguese(data: Path) -> Iterator[tuple[str, str, bool | None]]:
    """Three people each: two marks of any kind are toxic, none is not."""
    for row in _rows(data / "toxicity" / "told-br.csv.gz"):
        marks = sum(float(value) for name, value in row.items() if name != "text")
        yield "told-br", row["text"], None if marks == 1 else marks > 1


def _korean(data: Path) -> Iterator[tuple[str, str, bool | None]]:
    rows = csv.DictReader(
        io.StringIO(_text(data / "toxicity" / "korean-train.tsv.gz")), delimiter="\t", quoting=csv.QUOTE_NONE
    )
    for row in rows:
        yield "korean-hate-speech", row["comments"], row["hate"] != "none"


def _mlma(data: Path, language: str) -> Iterator[tuple[str, str, bool | None]]:
    """Labels are joined by "_"; fear alone is not toxic to one reader and is to the next."""
    with zipfile.ZipFile(data / "toxicity" / "mlma.zip") as archive:
        table = archive.read(f"hate_speech_mlma/{language}_dataset.csv").decode()
    for row in csv.DictReader(io.StringIO(table)):
        labels = {*row["sentiment"].split("_")}
        is_toxic = True if labels & {"hateful", "offensive", "abusive", "disrespectful"} else None
        text = row["tweet"].replace("@url", " ")
        yield f"mlma-{language}", text, False if labels == {"normal"} else is_toxic


SETS: dict[str, Any] = {
    "en": _english,
    "de": _german,
    "fr": lambda data: _mlma(data, "fr"),
    "pt": _portuguese,
    "ko": _korean,
    "ar": lambda data: _mlma(data, "ar"),
}


def prose(data: Path, language: str) -> Iterator[Line]:
    """Texts in which nobody insults anybody: manuals, human rights, in English novels, speeches and e-mails, too."""
    for name, text, is_test in _documents(data, language):
        for piece in pieces(text):
            yield Line(piece, False, name, is_test)


def _documents(data: Path, language: str) -> Iterator[tuple[str, str, bool]]:
    with zipfile.ZipFile(data / "udhr2.zip") as archive:
        yield "udhr", archive.read(f"udhr2/{UDHR[language]}.txt").decode(), False
    for host, text in crawl_texts(data).get(language, ()):
        yield "manuals", text, host in TEST_MANUALS
    if language == "en":
        for name, text in book_texts(data):
            if "jane-austen" in name:
                yield "austen", text, Path(name).stem in TEST_NOVELS
            elif "sotu" in name:
                yield "sotu", text, share_of(name) >= 0.3
            elif "kjv" in name:
                yield "kjv", text, True
        for line in _text(data / "labelled" / "spam.jsonl.gz").splitlines():
            mail = json.loads(line)
            if mail["label"] == "ham":
                yield "ham", mail["text"].partition("\n\n")[2], share_of(mail["text"]) >= 0.5


def pieces(text: str) -> Iterator[str]:
    """Runs of about `PIECE` characters that end at a space."""
    text = re.sub(r"\s+", " ", text).strip()
    while text:
        end = text.find(" ", PIECE) if len(text) > PIECE else -1
        yield text if end < 0 else text[:end]
        text = "" if end < 0 else text[end + 1 :]


def sentences(lines: list[Line]) -> Iterator[Line]:
    """Single sentences of prose: short texts that are not toxic either."""
    for line in lines:
        for sentence in re.split(r"(?<=[.!?。؟])\s+", line.text):
            if 15 < len(sentence) < 200:
                yield line._replace(text=sentence)


def training_lines(data: Path, language: str) -> list[Line]:
    """All that the model of a language learns from."""
    found = [line for line in labeled(data, language) if not line.is_test and line.is_toxic is not None]
    plain = [line for line in prose(data, language) if not line.is_test]
    return found + _some(plain) + _some([*sentences(plain)]) + identity_lines(language)


def _some(lines: list[Line]) -> list[Line]:
    """The same few of each kind, as many as there may be."""
    kinds: dict[str, list[Line]] = {}
    for line in lines:
        kinds.setdefault(line.name, []).append(line)
    most = MOST_PIECES // len(kinds) if kinds else 0
    return [line for kind in kinds.values() for line in sorted(kind, key=lambda each: share_of(each.text))[:most]]


def identity_lines(language: str) -> list[Line]:
    """Sentences of our own that name people without harm."""
    table = tomllib.loads(IDENTITIES.read_text(encoding="utf-8")).get(language)
    if table is None:
        return []
    made = [
        Line(_filled(sentence, key, name), False, "identities", False)
        for key, form in (("p", "plural"), ("s", "singular"))
        for name in table[form]
        for sentence in table[f"of_{form}"]
    ]
    return [line for line in made if share_of(line.text) < 0.6]


def _filled(sentence: str, key: str, name: str) -> str:
    filled = sentence.replace("{" + key + "}", name)
    return filled[0].upper() + filled[1:]


@cache
def crawl_texts(data: Path) -> dict[str, list[tuple[str, str]]]:
    """(host, text) of the manuals' pages by their language, as far as the shipped model is sure of it."""
    lid, found = load_lid(), dict[str, list[tuple[str, str]]]()
    for page in pages(data / "web" / "prose.warc.gz"):
        if page.status != 200 or page.url.endswith("/") or share_of(page.url) >= 0.4:
            continue
        text = text_of(page, main=True)
        chances = lid.probabilities_of(text)
        if len(text) > 600 and chances.max() > 0.8:
            language = lid.labels[int(chances.argmax())].removeprefix("__label__")
            found.setdefault(language, []).append((page.host, text))
    return found


@cache
def book_texts(data: Path) -> list[tuple[str, str]]:
    with tarfile.open(data / "books.tar.gz") as archive:
        members = sorted((member for member in archive if member.name.endswith(".txt")), key=lambda each: each.name)
        return [(member.name, archive.extractfile(member).read().decode("utf-8", "replace")) for member in members]  # type: ignore[union-attr]


def hatecheck(data: Path, language: str) -> list[tuple[str, str, bool]]:
    """(functionality, text, is hateful) of each case."""
    suffix = {"en": "", "de": "-german", "fr": "-french", "es": "-spanish"}[language]
    rows = _rows(data / "toxicity" / f"hatecheck{suffix}.csv.gz")
    return [(row["functionality"], row["test_case"], row["label_gold"] == "hateful") for row in rows]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.StringIO(_text(path)))


def _text(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()
