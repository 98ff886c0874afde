"""Words, lines, sentences and paragraphs with their places, against a plain definition of each."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.buffers import text_buffers
from curate.text.units import KINDS, Kind, Span, all_windows, new_sketch, see_windows, take_windows

ALPHABET = 'ab B.1 \n\t"!?…。中é-'
LETTERS = "abB1é"


def words_of(text: str) -> list[str]:
    """For the characters of the alphabet."""
    return re.findall(r"[abB1é]+|中", text)


def units_in_python(text: str, kind: Kind) -> list[str]:
    """A text in pieces that together are the text, each with a word of its own."""
    breaks = {
        "word": r"(?=(?<![abB1é])[abB1é]|中)",
        "line": r"(?<=\n)",
        "sentence": r"(?<=\n)|(?<=。)|(?<=[ \t])",
        "paragraph": r"(?<=\n)",
    }[kind]
    pieces = [piece for piece in re.split(breaks, text) if piece]
    joined: list[str] = []
    for piece in pieces:
        if joined and not ends(joined[-1], kind):
            joined[-1] += piece
        else:
            joined.append(piece)
    while len(joined) > 1 and not words_of(joined[-1]):
        joined[-2:] = [joined[-2] + joined[-1]]
    return joined if words_of(text) else []


def ends(piece: str, kind: Kind) -> bool:
    if not words_of(piece):
        return False
    if kind == "sentence":
        return re.search(r'(\n|。|[.!?…]["]*[ \t])$', piece) is not None
    if kind == "paragraph":
        return re.search(r"(^|\n)[ \t]*\n$", piece) is not None
    return True


def units(text: str, kind: Kind, span: int = 1, min_words: int = 0) -> list[str]:
    """All windows, in order: a text twice in a batch has each at least twice."""
    texts = text_buffers(pl.Series([text, text]))
    how = Span(kind, span, min_words, "words")
    sketch = new_sketch(1 << 12)
    count = see_windows(texts, how, sketch)
    found = take_windows(texts, how, sketch)
    assert count == len(found.hashes)
    half = count // 2
    assert found.hashes[:half].tolist() == found.hashes[half:].tolist()
    data = text.encode()
    pairs = zip(found.starts[:half].tolist(), found.ends[:half].tolist(), strict=True)
    return [data[start:end].decode() for start, end in pairs]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=300)
@given(text=st.text(ALPHABET, max_size=60))
def test_units_are_the_text_in_pieces_and_each_has_words(kind: Kind, text: str) -> None:
    found = units(text, kind)
    assert found == units_in_python(text, kind)
    assert "".join(found) == (text if found else "")


def test_a_sentence_ends_with_white_space_behind_its_mark_or_with_its_line() -> None:
    text = 'He said "no." Then he left! Version 2.0 is out\nA list\n\n你好。再见。'
    assert units(text, "sentence") == [
        'He said "no." ',
        "Then he left! ",
        "Version 2.0 is out\n",
        "A list\n",
        "\n你好。",
        "再见。",
    ]


def test_paragraphs_have_an_empty_line_between_them() -> None:
    assert units("one\ntwo\n \n\nthree\n***\n", "paragraph") == ["one\ntwo\n \n", "\nthree\n***\n"]


def test_windows_are_runs_of_units_with_enough_words() -> None:
    text = "a b. Three more words. No. The last of all."
    assert units(text, "sentence", 2) == ["a b. Three more words. ", "Three more words. No. ", "No. The last of all."]
    assert units(text, "sentence", 2, min_words=5) == ["a b. Three more words. ", "No. The last of all."]
    assert units("one two", "word", 3) == []


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text("ab c\n", max_size=20), min_size=1, max_size=5), st.integers(1, 3))
def test_equal_hashes_stand_exactly_where_equal_words_do(texts: list[str], span: int) -> None:
    buffers = text_buffers(pl.Series(texts))
    how = Span("word", span, 0, "words")
    sketch = np.full(64, 0b10101010, dtype=np.uint8)  # as if all had been seen twice
    found = take_windows(buffers, how, sketch)
    plain = [tuple(words[at : at + span]) for words in map(str.split, texts) for at in range(len(words) - span + 1)]
    pairs = set(zip(found.hashes.tolist(), plain, strict=True))
    assert len(pairs) == len(set(plain)) == len(set(found.hashes.tolist()))


def test_a_sketch_never_forgets_what_occurs_twice_however_small_it_is() -> None:
    words = [f"w{number}" for number in range(3000)]
    texts = text_buffers(pl.Series([" ".join(words), " ".join(words[:500])]))
    for slots in (64, 1 << 20):
        sketch = new_sketch(slots)
        how = Span("word", 1, 0, "words")
        see_windows(texts, how, sketch)
        taken = take_windows(texts, how, sketch)
        assert np.bincount(taken.documents)[1] == 500
        once = np.bincount(taken.documents)[0] - 500
        assert once == 2500 if slots == 64 else once < 20


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(ALPHABET, max_size=40), min_size=1, max_size=4), st.sampled_from(KINDS), st.integers(1, 4))
def test_all_windows_are_found_whatever_document_they_stand_in(texts: list[str], kind: Kind, span: int) -> None:
    found = all_windows(text_buffers(pl.Series(texts)), Span(kind, span, 0, "words"))
    for number, text in enumerate(texts):
        of_it = found.documents == number
        pieces = units_in_python(text, kind)
        ends = np.cumsum([len(piece.encode()) for piece in pieces]).tolist()
        windows = range(len(pieces) - span + 1)
        assert found.starts[of_it].tolist() == [[0, *ends][at] for at in windows]
        assert found.ends[of_it].tolist() == [ends[at + span - 1] for at in windows]


@pytest.mark.parametrize("slots", [1, 2, 63, 64, 65, 1000, 1 << 20])
def test_a_sketch_has_two_bits_for_each_slot_of_the_next_power_of_two(slots: int) -> None:
    sketch = new_sketch(slots)
    assert 4 * len(sketch) >= max(slots, 64)
    assert 4 * len(sketch) < max(2 * slots, 65)
    assert len(sketch) & (len(sketch) - 1) == 0


def test_a_window_of_too_few_words_is_not_even_counted() -> None:
    texts = text_buffers(pl.Series(["One. Two words. Three more words."] * 2))
    for fewest, counted in ((0, 6), (2, 4), (3, 2), (4, 0)):
        assert see_windows(texts, Span("sentence", 1, fewest, "words"), new_sketch(64)) == counted
