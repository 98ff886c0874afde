"""curate.text: every signal against a plain definition in Python strings, on real text and on any Unicode."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

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
PIECES += [
    "1.",
    "2) ",
    "* ",
    "http://a.b",
    "use",
    "s cookies",
    " cookies",
    "JavaScript",
    "terms of use",
    "! ",
    "?",
    "\t",
]
PIECES += [" ", "  ", "\n", "\n\n", "\r\n", "\x00", "\x1c", "\x85", "\u2028", "lorem ipsum", "LOREM IPSUM", "x. "]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=60).map("".join)


def expected(text: str) -> dict[str, Any]:
    """The definitions, said as plainly as Python can; words are those of `words_of`."""
    words, lines, length = words_of(text), text.splitlines(), len(text)
    rest = iter(words)
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
        "stop_word_occurrence_count": sum(word in stop_words for word in words),
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
        "lorem_ipsum_count": occurrences("lorem ipsum", text),
        "javascript_count": occurrences("javascript", text),
        "policy_phrase_count": sum(occurrences(phrase, text) for phrase in POLICIES),
        "sentence_count": sum(sentences(line, rest) for line in lines),
        "url_count": text.count("://"),
        "list_item_line_ratio": ratio(sum(bool(ITEM.match(line)) for line in lines), len(lines)),
        "distinct_word_ratio": ratio(len(set(words)), len(words)),
        "word_entropy": entropy(words),
        "compression_ratio": ratio(len(compress(text.encode())), len(text.encode())),
    }


POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
ITEM = re.compile(r"\s*([-–—*+•‣▪▫●○◦■□▶◀·∙⁃►]|[0-9]{1,3}[.)])\s+\S")


def occurrences(phrase: str, text: str) -> int:
    return len(re.findall(f"(?={phrase})", text, re.IGNORECASE | re.ASCII))


def sentences(line: str, words: Iterator[str]) -> int:
    """By the rule of spaCy's sentencizer; a space belongs to the word before it, more white space is a word."""
    tokens = [token for piece in re.findall(r"\s+|\S+", line.strip()) for token in tokens_of(piece, words)]
    count, has_ended = min(len(tokens), 1), False
    for token in tokens:
        if has_ended and not is_end(token) and not all(category(character) == "P" for character in token):
            count, has_ended = count + 1, False
        elif is_end(token):
            has_ended = True
    return count


def tokens_of(piece: str, words: Iterator[str]) -> Iterator[str]:
    """What `words`, those of the whole text, has for this piece."""
    if piece.isspace():
        yield from filter(None, [piece.removeprefix(" ")])
        return
    left = len(piece)
    while left:
        yield (word := next(words))
        left -= len(word)


def is_end(token: str) -> bool:
    return len(token) == 1 and is_terminal(token)


def entropy(words: list[str]) -> float:
    return -sum(count / len(words) * math.log2(count / len(words)) for count in Counter(words).values())


def compress(data: bytes) -> bytes:
    """An LZ4 block that takes the last place where the same four bytes stood in a table of 4,096."""
    places: dict[int, int] = {}
    block = bytearray()
    literals = at = 0
    while at < len(data) - 12:
        place = (int.from_bytes(data[at : at + 4], "little") * 2654435761 & 0xFFFFFFFF) >> 20
        before, places[place] = places.get(place, -1), at
        if before < 0 or at - before > 0xFFFF or data[before : before + 4] != data[at : at + 4]:
            at += 1
            continue
        match = 4
        while at + match < len(data) - 5 and data[before + match] == data[at + match]:
            match += 1
        block += sequence(data[literals:at], match - 4) + (at - before).to_bytes(2, "little") + more(match - 4)
        literals = at = at + match
    return bytes(block + sequence(data[literals:], 0)) if data else b""


def sequence(literals: bytes, match: int) -> bytes:
    return bytes([min(len(literals), 15) << 4 | min(match, 15)]) + more(len(literals)) + literals


def more(length: int) -> bytes:
    return b"" if length < 15 else b"\xff" * ((length - 15) // 255) + bytes([(length - 15) % 255])


def decompress(block: bytes) -> bytes:
    """LZ4's block format, from its description."""
    data, at = bytearray(), 0

    def length(first: int) -> int:
        nonlocal at
        total = first
        while first == 15:
            total, at = total + block[at], at + 1
            first = 15 if block[at - 1] == 255 else 0
        return total

    while at < len(block):
        token, at = block[at], at + 1
        count = length(token >> 4)
        data += block[at : at + count]
        at += count
        if at < len(block):
            offset, at = int.from_bytes(block[at : at + 2], "little"), at + 2
            for _ in range(length(token & 15) + 4):
                data.append(data[-offset])
    return bytes(data)


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
    seen: set[tuple[str, ...]] = set()
    characters = at = 0
    while at + n <= len(words):
        ngram = tuple(words[at : at + n])
        characters += sum(map(len, ngram)) if ngram in seen else 0
        at += n if ngram in seen else 1
        seen.add(ngram)
    return characters


def assert_signals(batch: list[str]) -> None:
    measured = text_signals(pl.Series(batch, dtype=pl.String))
    for row, text in zip(measured.iter_rows(named=True), batch, strict=True):
        single = {signal.name for signal in SIGNALS if signal.dtype == pl.Float32}
        plain = expected(text)
        plain["word_entropy"] = pytest.approx(plain["word_entropy"], rel=1e-5, abs=1e-5)  # sums in another order
        assert row == {name: rounded(value) if name in single else value for name, value in plain.items()}


def rounded(value: Any) -> Any:
    return float(np.float32(value)) if isinstance(value, float) else value


def test_every_signal_of_real_text_is_what_its_definition_says() -> None:
    assert_signals([REAL, REAL.replace("\n", "\r\n"), REAL * 3, *REAL.split("\n")])


@settings(deadline=None, max_examples=150)
@given(st.lists(texts, max_size=4))
def test_every_signal_of_any_text_is_what_its_definition_says(batch: list[str]) -> None:
    assert_signals(batch)


def test_the_block_whose_size_is_measured_holds_the_text() -> None:
    for text in (REAL * 20, "", "a", "ab" * 4000, "".join(chr(at * 7919 % 0xD000) for at in range(3000))):
        assert decompress(compress(text.encode())) == text.encode()
    assert len(compress(REAL.encode() * 20)) < len(REAL.encode()) * 1.5


def test_sentences_are_those_of_spacys_rule() -> None:
    spacy = pytest.importorskip("spacy", reason="the oracle comes with the extra presidio")
    english = spacy.blank("en")
    english.add_pipe("sentencizer")
    lines = [line.strip() for line in (REAL + 'He asked: "Why?"  "No."\nOne.Two. Three!? (four.) five...six... seven.')
             .splitlines() if line.strip()]  # fmt: skip
    for line in lines:
        if "。" in line:
            continue  # to spaCy's English a Japanese line is one word, with the full stops inside
        expected_count = sum(bool(sentence.text.strip()) for sentence in english(line).sents)
        assert text_signals(pl.Series([line]))["sentence_count"].item() == expected_count, line


def test_books_are_measured_as_defined() -> None:
    path = SHARED / "tinyshakespeare.txt"
    if not path.exists():
        pytest.skip("shared/data/tinyshakespeare.txt is absent")
    text = path.read_text(encoding="utf-8")
    assert_signals([text[at : at + 4000] for at in range(0, 80_000, 4000)])


def test_a_row_does_not_depend_on_its_neighbors() -> None:
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
