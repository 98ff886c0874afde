"""Train a Unigram tokenizer (Kudo 2018, after SentencePiece's trainer) on texts.

words, counted ─▶ strings that come often ─▶ expectation, maximization ─▶ without those least missed ─▶ tokenizer.json
                                                ▲                                      │
                                                └──────────────────────────────────────┘

Pieces are of characters and hold their spaces as they are; a character that is too rare for the vocabulary is written
in bytes, so every text encodes, and decodes to itself. The trainer of `tokenizers` gives other scores each time, as it
sums in the order of a hash table; this one gives the same bytes on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, models

from curate.tokenize.backends import END_OF_TEXT
from curate.tokenize.count_words import CountedWords, count_words
from curate.tokenize.own_control import BYTES, UNKNOWN, check_control
from curate.tokenize.split import DEFAULT, WordSplit
from curate.tokenize.unigram_pieces import (
    MAX_PIECE,
    Segments,
    Trie,
    best_counts,
    count_longer,
    expected_counts,
    logs,
    losses,
    segments_of,
    trie_of,
)

COVERAGE = 0.9995
"""The share of all characters that are pieces by themselves."""
NOT_A_CHARACTER = "▁"
"""Loaders read it as a space, so a text that has it has it as bytes."""
MIN_COUNT = 2
SEEDS = 10
"""Strings to begin with, for each piece that is wanted."""
ROUNDS = 2
"""Of expectation and maximization between two prunings."""
STAYING = 0.75
"""The share of the pieces that one pruning leaves."""
ENOUGH = 1.1
"""Times as many pieces as are wanted: from there on the rarest go without more ado."""
MIN_EXPECTED = 0.5
MIN_CHANCE = 1e-9
NEVER = -1000.0
"""The score of what no text is to be cut into."""


class ScoredPieces(NamedTuple):
    """Piece i is `characters[firsts[i]:firsts[i] + lengths[i]]`, and has the chance `chances[i]`."""

    firsts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    chances: npt.NDArray[np.float64]


def train_unigram(
    texts: Iterable[str],
    *,
    vocab_size: int,
    end_of_text: str = END_OF_TEXT,
    special_tokens: Sequence[str] = (),
    split: WordSplit = DEFAULT,
) -> str:
    """The tokenizer as the text of a tokenizer.json; equal texts give equal bytes on any machine.

    Id 0 is end-of-text, then come the special tokens, `<unk>`, which is never given, the 256 bytes, and the pieces,
    likeliest first. Texts with too few different strings give a smaller vocabulary than `vocab_size`.

    Raises:
        UsageError: `vocab_size` has no room for the bytes and the control tokens, or one of these cannot be one.
    """
    control = [end_of_text, *special_tokens]
    check_control(control, vocab_size, kind="unigram")
    unused = [*control, UNKNOWN, *(f"<0x{value:02X}>" for value in range(BYTES))]
    pieces = unigram_pieces(count_words(texts, split), vocab_size - len(unused), taken=unused)
    tokenizer = Tokenizer(
        models.Unigram([*((token, NEVER) for token in unused), *pieces], unk_id=len(control), byte_fallback=True)
    )
    if split.normalizer is not None:
        tokenizer.normalizer = split.normalizer
    tokenizer.pre_tokenizer = split.pre_tokenizer
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(control)
    return str(tokenizer.to_str(pretty=True)) + "\n"


def unigram_pieces(words: CountedWords, room: int, *, taken: Sequence[str] = ()) -> list[tuple[str, float]]:
    """Up to `room` pieces with the logarithms of their chances, likeliest first; none of those that are taken."""
    text, offsets = _characters(words)
    numbers = _numbered(text, words, offsets, room)
    segments = Segments(numbers, *segments_of(numbers, offsets, words.counts))
    if not len(segments.starts):
        return []
    pieces = _seeds(segments, SEEDS * room)
    while True:
        for _ in range(ROUNDS):
            pieces = _maximized(pieces, expected_counts(*segments, _trie(segments, pieces), pieces.chances))
        if len(pieces.firsts) <= ENOUGH * room:
            break
        pieces = _pruned(segments, pieces, ENOUGH * room)
    return _named(text, pieces, room, set(taken))


def _characters(words: CountedWords) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The code points of all words, and where each word begins among them."""
    text = np.frombuffer(words.data.tobytes().decode().encode("utf-32-le"), dtype=np.uint32)
    begun = np.concatenate([[0], np.cumsum(words.data & 0xC0 != 0x80)])
    return text, begun[words.offsets].astype(np.int64)


def _numbered(
    text: npt.NDArray[np.uint32], words: CountedWords, offsets: npt.NDArray[np.int64], room: int
) -> npt.NDArray[np.int64]:
    """The numbers of characters, the most frequent first, and -1 for those that are too rare."""
    codes, which = np.unique(text, return_inverse=True)
    counts = np.bincount(which, weights=np.repeat(words.counts, np.diff(offsets)), minlength=len(codes))
    counts[codes == ord(NOT_A_CHARACTER)] = 0
    order = np.lexsort((codes, -counts))
    before = np.cumsum(counts[order]) - counts[order]
    is_kept = (before < COVERAGE * counts.sum()) & (counts[order] > 0)
    kept = min(int(is_kept.sum()), room)
    number_of = np.full(len(codes), -1, dtype=np.int64)
    number_of[order[:kept]] = np.arange(kept)
    return number_of[which]


def _seeds(segments: Segments, most: int) -> ScoredPieces:
    """Every character, and of the strings that come twice or more the `most` that cover most of the texts."""
    numbers, known = segments.characters, segments.characters
    kept, firsts = np.unique(numbers, return_index=True)
    singles = firsts[kept >= 0]
    found = [(np.zeros(0, dtype=np.int64),) * 3]
    for length in range(2, MAX_PIECE + 1):
        known, firsts, counts = count_longer(known, numbers, segments.starts, segments.ends, segments.counts, length)
        is_often = counts >= MIN_COUNT
        new = np.append(np.where(is_often, np.cumsum(is_often) - 1, -1), -1)  # -1 stays what it is, as the last entry
        known = new[known]
        found.append((firsts[is_often], np.full(is_often.sum(), length), counts[is_often]))
    firsts, lengths, counts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    chosen = np.argsort(-counts * lengths, kind="stable")[:most]
    firsts = np.concatenate([singles, firsts[chosen]])
    lengths = np.concatenate([np.ones_like(singles), lengths[chosen]])
    expected = np.concatenate([_times(segments, len(singles)), counts[chosen]])
    return ScoredPieces(firsts, lengths, _chances(expected))


def _times(segments: Segments, characters: int) -> npt.NDArray[np.int64]:
    """How often each character comes."""
    sizes = segments.ends - segments.starts
    places = np.repeat(segments.starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    which, counts = segments.characters[places], np.repeat(segments.counts, sizes)
    return np.bincount(which, weights=counts, minlength=characters).astype(np.int64)


def _maximized(pieces: ScoredPieces, expected: npt.NDArray[np.float64]) -> ScoredPieces:
    """Without what is hardly ever expected. Half an occurrence is taken from each, as variational Bayes with a sparse
    prior does: e to the digamma of x is about x - 1/2 + 1 / (24 x)."""
    stays = (expected >= MIN_EXPECTED) | (pieces.lengths == 1)
    expected = np.maximum(expected[stays], MIN_EXPECTED)
    return ScoredPieces(pieces.firsts[stays], pieces.lengths[stays], _chances(expected - 0.5 + 1 / (24 * expected)))


def _chances(weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """In proportion to weights; `fsum` gives the same in any order."""
    return np.maximum(weights / math.fsum(weights), MIN_CHANCE)


def _trie(segments: Segments, pieces: ScoredPieces) -> Trie:
    return Trie(*trie_of(segments.characters, pieces.firsts, pieces.lengths))


def _pruned(segments: Segments, pieces: ScoredPieces, least: float) -> ScoredPieces:
    """The pieces whose loss would be felt most, three of four or `least`, and every character."""
    trie = _trie(segments, pieces)
    used = best_counts(*segments, trie, pieces.chances)
    lost = losses(segments.characters, pieces.firsts, pieces.lengths, trie, pieces.chances, used)
    order = np.argsort(-lost, kind="stable")
    order = order[lost[order] >= 0][: max(int(least), int(STAYING * len(lost)))]
    stays = np.sort(order)
    return ScoredPieces(*(column[stays] for column in pieces))


def _named(text: npt.NDArray[np.uint32], pieces: ScoredPieces, room: int, taken: Set[str]) -> list[tuple[str, float]]:
    """The characters and the likeliest others, as text."""
    names = [
        text[first : first + length].tobytes().decode("utf-32-le")
        for first, length in zip(pieces.firsts, pieces.lengths, strict=True)
    ]
    ranked = sorted(range(len(names)), key=lambda piece: (len(names[piece]) > 1, -pieces.chances[piece], names[piece]))
    chosen = [piece for piece in ranked if names[piece] not in taken][:room]
    scores = logs(pieces.chances)
    return sorted(((names[piece], float(scores[piece])) for piece in chosen), key=lambda named: (-named[1], named[0]))
