"""Words against spaCy's own English tokenizer, whose rules they follow: on novels, on any mixture of words and marks,
on addresses, and list by list."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import curate
from curate.text.contractions import UNITS, all_words
from curate.text.words import words_of

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"
WORDS = """
a be the I'm don't x_y 5 10 km é ß Ж A Bc aB can't cannot gonna let's it's its I've could've o'clock 9am 1,000 3.5
and/or well-known n't 's ’s 'll John's R2D2 don’t WON'T 25% 3km² $5
"""
MARKS = """
... . , ! ? ( ) [ ] " $ % US$ € - -- – — ~ / # @ & * + ^ | \\ °C ° 🎉 © ½ « » C++ _ { }
"""
ADDRESSES = """
http:// https:// ftp:// www. a example x-y - 1 127.1 .com .org .c .co.uk :80 :8 / /a/b ?q=1 #top user@ me.too@ é _
A.B :// . x.org
"""


@pytest.fixture(scope="module")
def english() -> Any:
    return pytest.importorskip("spacy", reason="the oracle comes with the extra pii").blank("en").tokenizer


def differences(english: Any, texts: list[str]) -> list[tuple[str, list[str], list[str]]]:
    found = [(text, words_of(text), [str(token) for token in english(text) if not token.is_space]) for text in texts]
    return [(text, ours, theirs) for text, ours, theirs in found if ours != theirs]


def mixtures(pieces: list[str], number: int, *, seed: int) -> list[str]:
    """Texts of the same pieces on every machine."""
    chooser = random.Random(seed)
    return ["".join(chooser.choices(pieces, k=chooser.randint(1, 8))) for _ in range(number)]


@pytest.mark.parametrize("book", ["persuasion.txt", "northangerabbey.txt"])
def test_a_novel_is_cut_into_the_words_of_spacy(english: Any, book: str) -> None:
    paragraphs = (BOOKS / book).read_text(encoding="utf-8").split("\n\n")
    assert len(paragraphs) > 500
    assert not differences(english, paragraphs)


def test_words_and_marks_in_any_mixture_are_cut_as_by_spacy(english: Any) -> None:
    texts = mixtures([*WORDS.split(), *MARKS.split(), *[" "] * 25], 4000, seed=17)
    assert not differences(english, texts)


def test_addresses_and_what_only_looks_like_one_are_told_apart_as_by_spacy(english: Any) -> None:
    texts = mixtures(ADDRESSES.split(), 4000, seed=17)
    assert sum(len(words_of(text)) == 1 for text in texts) > 400, "many are whole"
    assert sum(len(words_of(text)) > 1 for text in texts) > 400, "and many are not"
    assert not differences(english, texts)


def test_a_dotted_quadruple_of_numbers_is_an_address_with_any_path_behind_it(english: Any) -> None:
    """To spaCy only some numbers are, and none of a private network: the one difference that is meant."""
    assert words_of("10.0.0.1/a/b") == ["10.0.0.1/a/b"]
    assert [str(token) for token in english("10.0.0.1/a/b")] == ["10.0.0.1", "/", "a", "/", "b"]


def test_the_list_of_contractions_abbreviations_and_emoticons_is_spacys(english: Any) -> None:
    theirs = {word: tuple(piece[65] for piece in pieces) for word, pieces in english.rules.items()}
    ours = all_words()
    assert {word: theirs.get(word) for word in ours} == ours
    # What they have besides is one word in any case: white space, and words without an apostrophe that is not needed.
    assert all(
        len(pieces) == 1 and (word.isspace() or word.isalpha()) for word, pieces in theirs.items() - ours.items()
    )


def test_a_unit_or_a_currency_is_cut_off_its_number_as_by_spacy(english: Any) -> None:
    units = UNITS.split()
    assert len(units) > 100
    assert not differences(english, [f"12{unit}" for unit in units] + [f"about 3.5{unit}, or so" for unit in units])
