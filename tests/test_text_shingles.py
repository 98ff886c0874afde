"""Shingles against a plain-Python reading of the same rules, on real sentences in many scripts."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UsageError
from curate.text.folding import ALONE, BEYOND, IGNORED, SEPARATOR, Normalize, code_table
from curate.text.shingles import shingles, shingles_of_lengths

AUSTEN = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a "
    "wife. However little known the feelings or views of such a man may be on his first entering a neighbourhood, "
    "this truth is so well fixed in the minds of the surrounding families, that he is considered as the rightful "
    "property of some one or other of their daughters."
)
HUMAN_RIGHTS = {  # article 1 of the Universal Declaration
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "zh": "人人生而自由，在尊严和权利上一律平等。",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
}


def words_in_python(text: str) -> list[str]:
    """The rules of the docstring in the slow way; the characters of the tests are all older than Unicode 3.2."""
    words, word = [], ""
    for character in text:
        category = unicodedata.category(character)
        if category == "Cf":
            continue
        spaceless = any(name in unicodedata.name(character, "") for name in ("CJK", "HIRAGANA", "KATAKANA", "THAI"))
        if category[0] in "ZPSC" or spaceless:
            words, word = [*words, word], ""
            words += [character] if spaceless and category[0] not in "ZPSC" else []
        else:
            word += character.casefold() if len(character.casefold()) == 1 else character
    return [word for word in [*words, word] if word]


def shingles_in_python(text: str, ngram: int) -> list[tuple[str, ...]]:
    words = words_in_python(text)
    return [tuple(words[i : i + ngram]) for i in range(max(len(words) - ngram + 1, min(len(words), 1)))]


def hashes(text: str, ngram: int = 5) -> list[int]:
    return shingles(pl.Series([text]), ngram=ngram).values.tolist()


@pytest.mark.parametrize("ngram", [1, 2, 5, 13])
@pytest.mark.parametrize("text", [AUSTEN, AUSTEN.upper(), *HUMAN_RIGHTS.values()])
def test_equal_hashes_stand_exactly_where_equal_word_ngrams_do(text: str, ngram: int) -> None:
    ours, plain = hashes(text, ngram), shingles_in_python(text, ngram)
    assert len(ours) == len(plain)
    assert len(dict(zip(ours, plain, strict=True))) == len(set(plain)) == len(set(zip(ours, plain, strict=True)))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text("aB é-.,ß中ก\u00ad\n7", max_size=30), min_size=1, max_size=4), st.integers(1, 4))
def test_a_batch_gives_what_each_document_gives_alone(texts: list[str], ngram: int) -> None:
    found = shingles(pl.Series(texts), ngram=ngram)
    pieces = [found.values[start:end].tolist() for start, end in pairwise(found.offsets)]
    assert pieces == [hashes(text, ngram) for text in texts]
    assert list(map(len, pieces)) == [len(shingles_in_python(text, ngram)) for text in texts]


def test_case_punctuation_and_white_space_do_not_count_but_digits_and_accents_do() -> None:
    assert hashes("The end -- (of) 2024!") == hashes("the END of\n\n2024")
    assert hashes("the end of 2024") != hashes("the end of 2025")
    assert hashes("résumé") != hashes("resume")
    assert hashes("ΟΔΟΣ ПРАВО ÄPFEL") == hashes("οδος право äpfel")


def test_soft_hyphens_joiners_and_variation_selectors_leave_no_trace() -> None:
    assert hashes("hyphen\u00adation \u2764\ufe0f works") == hashes("hyphenation works")
    assert hashes("می\u200cخواهم") == hashes("میخواهم")


def test_characters_beyond_the_basic_plane_are_letters_pictures_or_han() -> None:
    assert len(hashes("𐐀𐐁 𐐂", ngram=1)) == 2
    assert len(hashes("𠀀𠀁", ngram=1)) == 2
    assert hashes("good 😀🫠 day") == hashes("good day")


def test_a_text_shorter_than_the_ngram_has_one_shingle_and_one_without_words_none() -> None:
    found = shingles(pl.Series(["one two three", "", " -- ... ", None, "one two"], dtype=pl.String), ngram=5)
    assert np.diff(found.offsets).tolist() == [1, 0, 0, 0, 1]
    assert found.values[0] != found.values[1]


def test_a_sliced_column_and_an_empty_one_are_read_from_their_own_offsets() -> None:
    texts = pl.Series([AUSTEN, "a b c d e f", AUSTEN])
    assert shingles(texts[1:2], ngram=5).values.tolist() == hashes("a b c d e f")
    assert shingles(texts[:0], ngram=5).offsets.tolist() == [0]


def test_texts_packed_with_one_letter_words_fit_their_buffers() -> None:
    assert len(hashes("a " * 1000 + "中" * 1000, ngram=1)) == 2000


def test_hashes_of_32_bits_are_spread_evenly() -> None:
    numbers = shingles(pl.Series([" ".join(map(str, range(200_000)))]), ngram=1).values
    counts = np.bincount(numbers >> np.uint32(24), minlength=256)
    chi_square = float(((counts - counts.mean()) ** 2 / counts.mean()).sum())
    assert 160 < chi_square < 370  # 255 degrees of freedom: five standard deviations on either side
    assert len(numbers) - len(np.unique(numbers)) < 20  # 4.7 collisions are expected


def test_the_classes_of_characters_are_the_same_on_every_python() -> None:
    table = code_table()
    assert xxhash.xxh3_64_hexdigest(table[:BEYOND].tobytes()) == "2233e742052aec60"
    assert table[ord("\u00ad")] == IGNORED
    assert table[ord("_")] == SEPARATOR
    assert table[ord("中")] == ord("中") | int(ALONE)


def test_hashes_are_those_of_every_earlier_run_and_release() -> None:
    text = "\n".join([AUSTEN, *HUMAN_RIGHTS.values()])
    assert xxhash.xxh3_64_hexdigest(np.array(hashes(text), dtype="<u4").tobytes()) == "307c1e2a28ce75da"


def test_an_ngram_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="ngram is 0"):
        shingles(pl.Series(["a"]), ngram=0)


def characters_in_python(text: str) -> str:
    """What counts of a text, with one space for whatever separates two words of it."""
    return " ".join(words_in_python(text))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text("aB é-.,ß\u00ad\n7", max_size=30), min_size=1, max_size=4), st.integers(1, 5))
def test_equal_hashes_stand_exactly_where_equal_runs_of_characters_do(texts: list[str], ngram: int) -> None:
    found = shingles(pl.Series(texts), ngram=ngram, unit="characters")
    plain: list[str] = []
    for text in map(characters_in_python, texts):
        plain += [text[at : at + ngram] for at in range(max(len(text) - ngram + 1, min(len(text), 1)))]
    assert len(found.values) == len(plain)
    assert len(set(zip(found.values.tolist(), plain, strict=True))) == len(set(plain)) == len(set(found.values))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text("ab c-中", max_size=20), min_size=1, max_size=4), st.lists(st.integers(1, 9), min_size=1))
def test_several_lengths_at_once_are_each_what_one_alone_is(texts: list[str], ngrams: list[int]) -> None:
    batch = pl.Series(texts)
    for ngram, found in zip(ngrams, shingles_of_lengths(batch, ngrams), strict=True):
        alone = shingles(batch, ngram=ngram)
        assert found.offsets.tolist() == alone.offsets.tolist()
        assert found.values.tolist() == alone.values.tolist()


def test_ccnet_compares_without_accents_and_digits_and_none_compares_all_but_white_space() -> None:
    def same(one: str, other: str, normalize: Normalize) -> bool:
        pair = (shingles(pl.Series([text]), ngram=2, normalize=normalize).values.tolist() for text in (one, other))
        return next(pair) == next(pair)

    assert same("Café No. 12", "cafe no 97", "ccnet")
    assert not same("Café No. 12", "cafe no 97", "words")
    assert same("Café  No.\n12", "Café No. 12", "none")
    assert not same("café No. 12", "Café No. 12", "none")
    assert not same("Café No 12", "Café No. 12", "none")
