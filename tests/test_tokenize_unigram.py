"""Unigram: its kernels against sums over every way to cut a word, and that all texts encode and come back."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pydoc_data import topics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from curate.errors import UsageError
from curate.tokenize.count_words import count_words
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.split import DEFAULT, WordSplit
from curate.tokenize.train_unigram import train_unigram, unigram_pieces
from curate.tokenize.unigram_pieces import (
    best_counts,
    count_longer,
    expected_counts,
    logs,
    losses,
    segments_of,
    trie_of,
)

PROSE = list(topics.topics.values())[:30]
OTHERS = [
    "日本語のテキスト、ひらがなとカタカナ。" * 3,
    "Ελληνικά και русский язык e\u0301 🙂 ▁ <unk> <0x41> <|endoftext|>",
]
DIGEST = """
import hashlib
from pydoc_data import topics
from curate.tokenize.train_unigram import train_unigram
text = train_unigram(list(topics.topics.values())[:30], vocab_size=900)
print(hashlib.sha256(text.encode()).hexdigest())
"""
TEXT = "abababcabcba"
CHARACTERS = np.array(["abc".index(letter) for letter in TEXT], dtype=np.int64)
PIECES = ["a", "b", "c", "ab", "ba", "abc", "bab", "cab"]
CHANCES = np.array([0.2, 0.15, 0.1, 0.2, 0.1, 0.1, 0.1, 0.05])
SEGMENTS = (np.array([0, 7]), np.array([7, 12]), np.array([3, 2]))


def cuts(text: str, pieces: list[str]) -> Iterator[list[int]]:
    if not text:
        yield []
    for number, piece in enumerate(pieces):
        if piece and text.startswith(piece):
            yield from ([number, *rest] for rest in cuts(text[len(piece) :], pieces))


def chance_of(cut: list[int]) -> float:
    return math.prod(CHANCES[number] for number in cut)


def trie() -> object:
    firsts = np.array([TEXT.index(piece) for piece in PIECES])
    return trie_of(CHARACTERS, firsts, np.array([len(piece) for piece in PIECES]))


def test_expected_counts_are_those_of_all_cuts_together() -> None:
    expected = np.zeros(len(PIECES))
    for start, end, count in zip(*SEGMENTS, strict=True):
        ways = list(cuts(TEXT[start:end], PIECES))
        total = sum(map(chance_of, ways))
        for way in ways:
            for number in way:
                expected[number] += count * chance_of(way) / total
    np.testing.assert_allclose(expected_counts(CHARACTERS, *SEGMENTS, trie(), CHANCES), expected, rtol=1e-12)


def test_the_best_cut_is_the_likeliest_of_all() -> None:
    expected = np.zeros(len(PIECES), dtype=np.int64)
    for start, end, count in zip(*SEGMENTS, strict=True):
        for number in max(cuts(TEXT[start:end], PIECES), key=chance_of):
            expected[number] += count
    assert best_counts(CHARACTERS, *SEGMENTS, trie(), CHANCES).tolist() == expected.tolist()


def test_what_is_lost_without_a_piece_is_the_difference_of_likelihoods() -> None:
    firsts, lengths = np.array([TEXT.index(piece) for piece in PIECES]), np.array([len(piece) for piece in PIECES])
    used = np.array([5, 4, 3, 9, 2, 6, 0, 1])
    found = losses(CHARACTERS, firsts, lengths, trie(), CHANCES, used)
    total = used.sum()
    for number, piece in enumerate(PIECES):
        others = [other if other != piece else "" for other in PIECES]
        best = max((cut for cut in cuts(piece, others)), key=chance_of, default=[])
        if len(piece) == 1:
            assert found[number] == math.inf
        elif used[number] == 0 or chance_of(best) > CHANCES[number]:
            assert found[number] == -1
        else:
            whole = total + used[number] * (len(best) - 1)
            instead = sum(math.log((used[part] + used[number]) / whole) for part in best)
            loss = used[number] / total * (math.log(used[number] / total) - instead)
            assert found[number] == pytest.approx(loss, rel=1e-12)


def test_strings_are_counted_at_every_length() -> None:
    known = CHARACTERS
    for length in range(2, 6):
        known, firsts, counts = count_longer(known, CHARACTERS, *SEGMENTS, length)
        expected: dict[str, int] = {}
        for start, end, count in zip(*SEGMENTS, strict=True):
            for at in range(start, end - length + 1):
                piece = TEXT[at : at + length]
                expected[piece] = expected.get(piece, 0) + int(count)
        named = {TEXT[first : first + length]: int(count) for first, count in zip(firsts, counts, strict=True)}
        assert named == expected


def test_segments_end_at_characters_without_a_number_and_after_32() -> None:
    characters = np.array([-1, 0, 1, -1, -1, *[2] * 70, -1, 0], dtype=np.int64)
    starts, ends, counts = segments_of(characters, np.array([0, 3, len(characters)]), np.array([4, 5]))
    assert list(zip(starts, ends, counts, strict=True)) == [
        (1, 3, 4),
        (5, 37, 5),
        (37, 69, 5),
        (69, 75, 5),
        (76, 77, 5),
    ]


@settings(deadline=None)
@given(st.floats(1e-300, 1e300))
def test_the_logarithm_is_that_of_the_library_to_the_last_digits(number: float) -> None:
    assert logs(np.array([number]))[0] == pytest.approx(math.log(number), rel=1e-14, abs=1e-14)


def test_the_bytes_do_not_depend_on_the_process() -> None:
    settings = {"RAYON_NUM_THREADS": "2", "PYTHONHASHSEED": "3"}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env=os.environ | settings, capture_output=True, text=True, check=True
    )
    here = hashlib.sha256(train_unigram(PROSE, vocab_size=900).encode()).hexdigest()
    assert done.stdout.strip() == here


def test_the_vocabulary_is_control_tokens_unknown_bytes_then_pieces_by_chance() -> None:
    table = json.loads(train_unigram(PROSE, vocab_size=900, special_tokens=["<|user|>"]))
    names = [name for name, _ in table["model"]["vocab"]]
    assert len(names) == len(set(names)) == 900
    assert names[:4] == ["<|endoftext|>", "<|user|>", "<unk>", "<0x00>"]
    assert names[258] == "<0xFF>"
    assert " the" in names
    scores = [score for _, score in table["model"]["vocab"][259:]]
    assert scores == sorted(scores, reverse=True)
    assert set("etaoin \n") <= set(names)


def test_fewer_tokens_are_needed_than_with_characters_and_more_pieces_need_fewer() -> None:
    text = "".join(PROSE[:5])
    tokens = []
    for vocab_size in (500, 1000, 2000):
        tokenizer = Tokenizer.from_str(train_unigram(PROSE, vocab_size=vocab_size))
        tokens.append(len(tokenizer.encode(text).ids))
    assert len(text) > 1.5 * tokens[0] > 1.5 * tokens[1] > 1.5 * tokens[2]
    assert len(text) > 3 * tokens[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unigram") / "own.json"
    path.write_text(train_unigram([*PROSE, *OTHERS], vocab_size=900, special_tokens=["<|user|>"]))
    return path


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.sampled_from([*OTHERS, "<|user|><unk><0x0A>", *PROSE[:3]]))
def test_every_text_encodes_without_control_tokens_and_comes_back(trained: Path, text: str) -> None:
    tokenizer = load_tokenizer(trained, end_of_text="<|endoftext|>")
    ids, _ = tokenizer.encode_batch([text])
    assert not {0, 1, 2} & set(ids[:-1].tolist())
    assert tokenizer.decode(ids[:-1]) == text
    assert b"".join(tokenizer.backend.pieces[number] for number in ids[:-1]) == text.encode()


def test_a_piece_that_is_the_name_of_a_decoder_is_text_as_any_other(tmp_path: Path) -> None:
    text = train_unigram(['a "ByteLevel" decoder, ByteLevel'] * 9, vocab_size=300)
    assert '"ByteLevel"' in text
    (tmp_path / "own.json").write_text(text)
    tokenizer = load_tokenizer(tmp_path / "own.json")
    ids, _ = tokenizer.encode_batch(["é ByteLevel"])
    assert b"".join(tokenizer.backend.pieces[number] for number in ids[:-1]) == "é ByteLevel".encode()


def test_lower_case_and_single_digits_are_learned_so() -> None:
    table = json.loads(train_unigram(PROSE, vocab_size=900, split=WordSplit("single", "runs", "lower")))
    names = [name for name, _ in table["model"]["vocab"][258:]]
    assert all(name == name.lower() and sum(map(str.isdigit, name)) < 2 for name in names)


def test_texts_too_few_for_a_vocabulary_give_a_smaller_one() -> None:
    assert unigram_pieces(count_words([], DEFAULT), 100) == []
    names = [name for name, _ in unigram_pieces(count_words(["aaab ab ab"], DEFAULT), 100)]
    assert {"a", "b", " "} <= set(names)
    assert len(names) < 10
    assert len(json.loads(train_unigram(PROSE, vocab_size=258))["model"]["vocab"]) == 258


def test_a_vocabulary_without_room_for_bytes_and_unknown_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 258 ids, not 257"):
        train_unigram(PROSE, vocab_size=257)
