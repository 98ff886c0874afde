"""Edited prose and what is none, from which the shipped quality model is learned, and on which it is judged.

DATA ─▶ manuals, books, mails ─┬▶ main content, chapters ─────────────────────────────▶ prose
                               ├▶ menus, listings, error pages, spam ─────────────────┬▶ debris
                               └▶ words shuffled, cut, garbled; keywords; logs ───────┘

By hosts, books and mails: those of the test were not learned from. WCXB's and the articles' pages are only tested on.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from crawl_pages import Page, pages, text_of
from machine_texts import machine_texts
from toxicity_data import book_texts, share_of

from curate.extract.judge.golds import read_golds

TEST_HOSTS = ("debian-policy", "developers-reference", "debian-faq", "apt-doc", "debian-kernel-handbook", "jargon")
TEST_NOVELS = ("emma", "prideprejudice")
MOST_CHARACTERS = 6000
FEWEST_CHARACTERS = 300
BOOK_PIECES = (700, 1500, 3000, 5000)


class Text(NamedTuple):
    """`origin` is a host, a book or a mailbox: no two sides of a test share one."""

    text: str
    is_prose: bool
    kind: str
    origin: str
    is_test: bool


def texts(data: Path) -> Iterator[Text]:
    """All of them, each kind by itself."""
    yield from _crawl(data)
    yield from _books(data)
    yield from _rights(data)
    yield from _mails(data)
    for seed, (is_test, name) in enumerate(((False, "made"), (True, "made for the test"))):
        for number, (kind, text) in enumerate(machine_texts(random.Random(seed), 200 if is_test else 2000)):
            yield Text(text, False, kind, f"{name} {number}", is_test)


def _crawl(data: Path) -> Iterator[Text]:
    """Of a page its main content; what is around it; and what becomes of the content in other hands."""
    for number, page in enumerate(pages(data / "web" / "prose.warc.gz")):
        dice = random.Random(share_of(page.url))
        is_test = page.host.startswith(TEST_HOSTS)
        whole = text_of(page, main=False)
        if page.status != 200 or page.url.endswith("/") or "Index of /" in whole[:60]:
            yield Text(whole[:MOST_CHARACTERS], False, "listing", page.host, is_test)
            continue
        main = text_of(page, main=True)[:MOST_CHARACTERS]
        if menu := without_lines(whole, main):
            yield Text(menu[:MOST_CHARACTERS], False, "menu", page.host, is_test)
            yield Text(some_lines(menu, dice), False, "piece of a menu", page.host, is_test)
        if is_running_text(main):
            yield Text(main, True, "manual", page.host, is_test)
            name, spoil = SPOILS[number % len(SPOILS)]
            yield Text(spoil(main, dice), False, name, page.host, is_test)
            yield from _paragraph(main, dice, page.host, is_test=is_test)
        else:
            yield from _toc(page, main, is_test=is_test)


def _paragraph(text: str, dice: random.Random, origin: str, *, is_test: bool) -> Iterator[Text]:
    """A paragraph or a few sentences of it, and the same spoiled: short texts can be either."""
    paragraphs = [line for line in text.splitlines() if len(line) > 100]
    if paragraphs:
        paragraph = " ".join(re.split(r"(?<=[.!?])\s+", dice.choice(paragraphs))[: dice.randrange(1, 5)])
        yield Text(paragraph, True, "paragraph", origin, is_test)
        yield Text(dice.choice(SPOILS)[1](paragraph, dice), False, "spoiled paragraph", origin, is_test)


def some_lines(text: str, dice: random.Random) -> str:
    lines = text.splitlines()
    start = dice.randrange(len(lines))
    return "\n".join(lines[start : start + dice.randrange(1, 8)])


def _toc(page: Page, main: str, *, is_test: bool) -> Iterator[Text]:
    """Pages that are tables of contents: nearly all of their lines are short, and many."""
    lines = [line for line in main.splitlines() if line.strip()]
    if len(lines) > 15 and sorted(map(len, lines))[len(lines) * 9 // 10] < 80:
        yield Text(main, False, "contents", page.host, is_test)


def is_running_text(text: str) -> bool:
    """Whether half of it stands in lines that are paragraphs."""
    paragraphs = sum(len(line) for line in text.splitlines() if len(line) > 120)
    return len(text) >= FEWEST_CHARACTERS and paragraphs > len(text) / 2


def without_lines(whole: str, main: str) -> str:
    """The lines of the whole page that are not in its main content."""
    inside = {line.strip() for line in main.splitlines()}
    return "\n".join(line for line in whole.splitlines() if line.strip() and line.strip() not in inside)


def _books(data: Path) -> Iterator[Text]:
    for name, text in book_texts(data):
        stem = Path(name).stem
        is_test = stem in TEST_NOVELS or ("sotu" in name and share_of(name) >= 0.7)
        if "kjv" in name:
            continue
        dice, at = random.Random(share_of(name)), 0
        while at < len(text):
            piece = text[at : at + dice.choice(BOOK_PIECES)]
            at += len(piece) * (1 if "sotu" in name else 3)
            yield Text(piece, True, "book", stem, is_test)
            if dice.random() < 0.3:
                joined = re.sub(r"(?<!\n)\n(?!\n)", " ", piece)  # lines are wrapped there
                yield Text(joined, True, "book", stem, is_test)
                yield from _paragraph(joined, dice, stem, is_test=is_test)
            if dice.random() < 0.3:
                spoil_name, spoil = dice.choice(SPOILS)
                yield Text(spoil(piece, dice), False, spoil_name, stem, is_test)


def _rights(data: Path) -> Iterator[Text]:
    """The Declaration in all its languages: edited prose in many of them."""
    with zipfile.ZipFile(data / "udhr2.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".txt") and not name.startswith("_"):
                text = archive.read(name).decode("utf-8", "replace")[:3000]
                yield Text(text, True, "rights", name, share_of(name) >= 0.8)


def _mails(data: Path) -> Iterator[Text]:
    for line in gzip.decompress((data / "labelled" / "spam.jsonl.gz").read_bytes()).decode().splitlines():
        mail = json.loads(line)
        body = mail["text"].partition("\n\n")[2]
        if mail["label"] == "spam" and len(body) > 100:
            text = re.sub(r"<[^>]{0,500}>", " ", body) if "<html" in body.lower() else body
            yield Text(text[:MOST_CHARACTERS], False, "spam", mail["id"], share_of(mail["id"]) >= 0.5)


def gold_texts(data: Path) -> Iterator[Text]:
    """For the test alone: people's choice of the content of web pages, and what they left out."""
    for folder, kinds in (("wcxb", ("article",)), ("articles", (None,))):
        for page in read_golds([data / "extraction" / folder]):
            if page.type not in kinds or len(page.reference) < FEWEST_CHARACTERS:
                continue
            whole = text_of(Page(page.url, "", 200, page.html), main=False)
            around = without_gold(whole, page.reference)
            origin = f"{folder}/{page.name}"
            yield Text(page.reference[:MOST_CHARACTERS], True, "web article", origin, True)
            dice = random.Random(share_of(page.name))
            for part in _paragraph(page.reference, dice, origin, is_test=True):
                yield part._replace(kind=f"web {part.kind}")
            if len(around) >= FEWEST_CHARACTERS:
                yield Text(around[:MOST_CHARACTERS], False, "around a web article", origin, True)


def without_gold(whole: str, reference: str) -> str:
    """The lines whose words are not in the reference."""
    inside = " ".join(re.findall(r"\w+", reference.lower()))
    lines = (line for line in whole.splitlines() if line.strip())
    return "\n".join(line for line in lines if " ".join(re.findall(r"\w+", line.lower())) not in inside)


def _shuffled(text: str, dice: random.Random) -> str:
    """The words of each line in another order, as in keyword spam."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        dice.shuffle(words)
        lines.append(" ".join(words))
    return "\n".join(lines)


def _keywords(text: str, dice: random.Random) -> str:
    """A bag of its longer words, with commas, bars, or a line each."""
    words = [*{word.strip(".,;:()\"'").lower() for word in text.split() if len(word) > 3}]
    words.sort(key=share_of)
    dice.shuffle(words)
    phrases = [" ".join(words[at : at + 1 + dice.randrange(3)]) for at in range(0, len(words), 3)]
    return dice.choice((", ", " | ", "\n", " - ", " ")).join(phrases)


def _cut(text: str, dice: random.Random) -> str:
    """Beginnings of lines and sentences: teasers, search results."""
    parts = re.split(r"(?<=[.!?])\s+|\n+", text)
    made = [" ".join(part.split()[: dice.randrange(3, 9)]) + dice.choice(("...", " …", "")) for part in parts if part]
    return dice.choice(("\n", "\n\n", " ")).join(made)


def _translated(text: str, dice: random.Random) -> str:
    """As a poor translation leaves it: small words gone or doubled, neighbors swapped, some words of elsewhere."""
    words = text.split()
    others = [*dict.fromkeys(words)]
    made: list[str] = []
    for word in words:
        chance = dice.random()
        if chance < 0.18 and len(word) < 5:
            continue
        if chance < 0.3:
            word = dice.choice(others)
        made.append(word)
        if chance > 0.92 and len(made) > 1:
            made[-2:] = made[:-3:-1]
        if chance > 0.97:
            made.append(word)
    return " ".join(made)


def _misread(text: str, dice: random.Random) -> str:
    """As a scanner reads it: signs for signs, spaces lost and found."""
    signs = "|!1l;:.,~^'`*#0O"
    rate = dice.choice((0.06, 0.12, 0.2))
    return "".join(
        dice.choice((dice.choice(signs), "", " ", sign + " ")) if dice.random() < rate else sign for sign in text
    )


def _misdecoded(text: str, dice: random.Random) -> str:
    """In the wrong charset, once or twice; texts in ASCII lose their vowels instead, as in a broken export."""
    if text.isascii():
        return re.sub(r"[aeiou]", dice.choice(("?", "�", "Ã¢", "_")), text)
    return text.encode("utf-8").decode(dice.choice(("cp1252", "latin-1", "cp437")), "replace")


def _repeated(text: str, dice: random.Random) -> str:
    """One phrase again and again, with a word changed."""
    words = text.split()
    start = dice.randrange(max(len(words) - 12, 1))
    phrase = words[start : start + dice.randrange(3, 12)]
    return dice.choice((" ", "\n", ". ")).join(" ".join([*phrase, dice.choice(words)]) for _ in range(60))


SPOILS: tuple[tuple[str, Callable[[str, random.Random], str]], ...] = (
    ("shuffled", _shuffled),
    ("keywords", _keywords),
    ("teasers", _cut),
    ("translated", _translated),
    ("misread", _misread),
    ("misdecoded", _misdecoded),
    ("repeated", _repeated),
)
