"""curate.text: every signal against a plain definition in Python strings, on real text and on any Unicode."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.characters import IDEOGRAPH, TERMINAL, character_classes
from curate.text.signals import SIGNALS, text_signals
from curate.text.words import words_of

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

REAL = (
    "WASHINGTON (AP) — It's not easy, he said: \"We don't know what they'll do.\" Mr. Smith paid $5.00 (about €4.60)\n"
    "for 10km of well-known trails, e.g. the U.S. Route 66... See https://example.org/a-b?c=d or mail me@example.org.\n"
    "- one\n- two\n• three…\n- one\n\nSo what?\n\nSo what?\n\n"
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"
    "Быть или не быть — вот в чём вопрос.\nภาษาไทย เขียน ติดกัน\nLorem Ipsum {dolor} #hash ## 100%\n"
    "🎉🎉 e\u0301 \U0001d400\n"
)

PIECES = [
    "a",
    "be",
    "the",
    "of",
    "don't",
    "x_y",
    "...",
    ".",
    "…",
    "#",
    "-",
    "•",
    "{",
    "中",
    "の",
    "🎉",
    "𝐀",
    "ß",
    "Ⅷ",
    "٣",
    "ก",
    "é",
    "US$",
    "5km",
]
PIECES += [" ", "  ", "\n", "\n\n", "\r\n", "\x00", "\x1c", "\x85", "\u2028", "lorem ipsum", "LOREM IPSUM", "x. "]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=60).map("".join)


def expected(text: str) -> dict[str, float]:
    """The definitions, said as plainly as Python can; words are those of `words_of`."""
    words, lines, length = words_of(text), text.splitlines(), len(text)
    counted = [word for word in words if not all(is_symbol(character) for character in word)]
    pieces, paragraphs = re.split("\n+", text), re.split("\n{2,}", text.strip())
    full = [line for line in text.split("\n") if line.strip()]
    stop_words = {"the", "be", "to", "of", "and", "that", "have", "with"}
    return {
        "character_count": length,
        "byte_count": len(text.encode()),
        "word_count": len(counted),
        "mean_word_length": ratio(sum(map(len, counted)), len(counted)),
        "line_count": len(lines),
        "paragraph_count": len(paragraphs) if text.strip() else 0,
        "hash_symbol_ratio": ratio(text.count("#"), len(words)),
        "ellipsis_ratio": ratio(text.count("...") + text.count("…"), len(words)),
        "bullet_line_ratio": ratio(sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)),
        "ellipsis_line_ratio": ratio(sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)),
        "alphabetic_word_ratio": ratio(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "stop_word_count": len(stop_words.intersection(words)),
        "digit_ratio": ratio(sum(map(str.isdecimal, text)), length),
        "uppercase_ratio": ratio(sum(map(str.isupper, text)), length),
        "whitespace_ratio": ratio(sum(map(str.isspace, text)), length),
        "punctuation_ratio": ratio(sum(category(character) == "P" for character in text), length),
        "ideograph_count": sum(map(is_ideograph, text)),
        "duplicate_line_ratio": ratio(duplicates(pieces)[0], len(pieces)),
        "duplicate_paragraph_ratio": ratio(duplicates(paragraphs)[0], len(paragraphs)),
        "duplicate_line_character_ratio": ratio(duplicates(pieces)[1], length),
        "duplicate_paragraph_character_ratio": ratio(duplicates(paragraphs)[1], length),
        **{f"top_{n}gram_ratio": ratio(top_ngram(words, n), length) for n in (2, 3, 4)},
        **{f"duplicate_{n}gram_ratio": ratio(duplicate_ngrams(words, n), length) for n in range(5, 11)},
        "longest_word": max(map(len, text.split()), default=0),
        "terminal_punctuation_line_ratio": ratio(sum(is_terminal(line[-1]) for line in full), len(full)),
        "short_line_ratio": ratio(sum(len(line) <= 30 for line in full), len(full)),
        "duplicate_full_line_character_ratio": ratio(duplicates(full)[1], len(text.replace("\n", ""))),
        "newline_word_ratio": ratio(text.count("\n"), len(words)),
        "curly_bracket_count": text.count("{"),
        "lorem_ipsum_count": len(re.findall("lorem ipsum", text, re.IGNORECASE | re.ASCII)),
    }


def ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def category(character: str) -> str:
    return unicodedata.category(character)[0]


def is_symbol(character: str) -> bool:
    printable = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"
    control = category(character) == "C" and (ord(character) < 32 or 127 <= ord(character) < 160)
    return character in printable or control or is_terminal(character)


def is_ideograph(character: str) -> bool:
    return bool(character_classes()[ord(character)] & IDEOGRAPH)


def is_terminal(character: str) -> bool:
    return bool(character_classes()[ord(character)] & TERMINAL)


def test_sets_of_characters_hold_what_their_names_say() -> None:
    assert all(map(is_ideograph, "漢々〇ひカーﾀ𠮷"))
    assert not any(map(is_ideograph, "、。「a한ก①・"))
    assert all(map(is_terminal, ".!?。！？।։؟"))
    assert not any(map(is_terminal, "…,;:、-"))


def duplicates(pieces: list[str]) -> tuple[int, int]:
    again = [piece for at, piece in enumerate(pieces) if piece in pieces[:at]]
    return len(again), sum(map(len, again))


def top_ngram(words: list[str], n: int) -> int:
    ngrams = Counter(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
    return max((len(ngram) * count for ngram, count in ngrams.most_common(1)), default=0)


def duplicate_ngrams(words: list[str], n: int) -> int:
    seen: set[str] = set()
    characters = at = 0
    while at + n <= len(words):
        ngram = "".join(words[at : at + n])
        characters += len(ngram) if ngram in seen else 0
        at += n if ngram in seen else 1
        seen.add(ngram)
    return characters


def assert_signals(batch: list[str]) -> None:
    measured = text_signals(pl.Series(batch, dtype=pl.String))
    for row, text in zip(measured.iter_rows(named=True), batch, strict=True):
        single = {signal.name for signal in SIGNALS if signal.dtype == pl.Float32}
        plain = expected(text)
        assert row == {name: float(np.float32(value)) if name in single else value for name, value in plain.items()}


def test_every_signal_of_real_text_is_what_its_definition_says() -> None:
    assert_signals([REAL, REAL.replace("\n", "\r\n"), REAL * 3, *REAL.split("\n")])


@settings(deadline=None, max_examples=150)
@given(st.lists(texts, max_size=4))
def test_every_signal_of_any_text_is_what_its_definition_says(batch: list[str]) -> None:
    assert_signals(batch)


def test_books_are_measured_as_defined() -> None:
    path = SHARED / "tinyshakespeare.txt"
    if not path.exists():
        pytest.skip("shared/data/tinyshakespeare.txt is absent")
    text = path.read_text(encoding="utf-8")
    assert_signals([text[at : at + 4000] for at in range(0, 80_000, 4000)])


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    together = text_signals(pl.Series([REAL, "", "x " * 5000, REAL[:50]]))
    alone = [text_signals(pl.Series([text])) for text in (REAL, "", "x " * 5000, REAL[:50])]
    assert together.equals(pl.concat(alone))


def test_null_counts_as_empty_and_no_documents_give_no_rows() -> None:
    assert text_signals(pl.Series([None, ""], dtype=pl.String)).n_unique() == 1
    empty = text_signals(pl.Series([], dtype=pl.String))
    assert empty.shape == (0, len(SIGNALS))


def test_a_slice_of_a_column_is_measured_where_it_starts() -> None:
    column = pl.Series(["skipped", REAL, "b"])
    assert text_signals(column[1:2]).equals(text_signals(pl.Series([REAL])))


def test_the_table_of_signals_describes_the_columns() -> None:
    measured = text_signals(pl.Series([REAL]))
    assert [signal.name for signal in SIGNALS] == measured.columns
    assert [signal.dtype for signal in SIGNALS] == measured.dtypes
    for signal in SIGNALS:
        value = measured[signal.name].item()
        assert signal.minimum <= value <= (signal.maximum if signal.maximum is not None else value)


@pytest.mark.parametrize("piece", ["x", "\n", ".", "(", "a@", "a.", "a\n", "%"])
def test_three_megabytes_of_one_thing_are_measured_in_linear_time(piece: str) -> None:
    text = piece * (3_000_000 // len(piece))
    assert text_signals(pl.Series([text]))["character_count"].item() == len(text)


def test_the_words_of_a_text_stand_in_it_in_order_without_spaces() -> None:
    assert "".join(words_of(REAL)) == "".join(REAL.split())
    assert all(first <= second for first, second in pairwise(word_positions(REAL)))


def word_positions(text: str) -> list[int]:
    positions, at = [], 0
    for word in words_of(text):
        at = text.index(word, at)
        positions.append(at)
        at += len(word)
    return positions
