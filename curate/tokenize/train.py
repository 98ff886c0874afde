"""Train a tokenizer on texts: byte-level BPE here, Unigram in `train_unigram`.

texts ─▶ words, counted ─▶ merges ─▶ tokenizer.json
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from curate.recipe import TrainTokenizer
from curate.tokenize.backends import END_OF_TEXT
from curate.tokenize.count_words import CountedWords, count_words
from curate.tokenize.merge_pairs import BYTES, merge_pairs
from curate.tokenize.own_control import check_control
from curate.tokenize.split import DEFAULT, WordSplit
from curate.tokenize.train_unigram import train_unigram
from curate.tokenize.vocabulary import byte_alphabet

MIN_COUNT = 2
"""A pair that comes once is no pair of the language."""


def train_tokenizer(
    texts: Iterable[str], wanted: TrainTokenizer, *, end_of_text: str = END_OF_TEXT, special_tokens: Sequence[str] = ()
) -> str:
    """The tokenizer.json that a recipe asks for; see `train_bpe` and `train_unigram`. `special_tokens` are those that
    the recipe needs, which those of its table are among."""
    split = WordSplit(wanted.digits, wanted.whitespace, wanted.case)
    train = train_unigram if wanted.kind == "unigram" else train_bpe
    return train(
        texts,
        vocab_size=wanted.vocab_size,
        end_of_text=end_of_text,
        special_tokens=special_tokens or wanted.special_tokens,
        split=split,
    )


def train_bpe(
    texts: Iterable[str],
    *,
    vocab_size: int,
    end_of_text: str = END_OF_TEXT,
    special_tokens: Sequence[str] = (),
    split: WordSplit = DEFAULT,
) -> str:
    """The tokenizer as the text of a tokenizer.json; equal texts in equal order give equal bytes on any machine.

    Id 0 is end-of-text, then come the special tokens, the 256 bytes, and the merges in their order: those that
    `tokenizers` would find, in a tenth of its time, but for one that would spell a control token. Texts that hold too
    few pairs which come twice give a smaller vocabulary than `vocab_size`.

    Raises:
        UsageError: `vocab_size` has no room for the bytes and the control tokens, or one of these cannot be one.
    """
    control = [end_of_text, *special_tokens]
    check_control(control, vocab_size)
    words = count_words(texts, split)
    tokens = [*control, *sorted(byte_alphabet())]
    merges = _merges(words, tokens, vocab_size)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    if split.normalizer is not None:
        tokenizer.normalizer = split.normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split.pre_tokenizer, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(control)
    return str(tokenizer.to_str(pretty=True)) + "\n"


def _merges(words: CountedWords, tokens: list[str], vocab_size: int) -> list[tuple[str, str]]:
    """The merges, whose tokens are added to `tokens`; one that would spell a control token is forbidden, and the search
    made anew, which goes the same way up to there."""
    bytes_from = len(tokens) - BYTES
    control = set(tokens[:bytes_from])
    forbidden: list[int] = []
    while True:
        found = merge_pairs(
            _symbols(words),
            words.offsets,
            words.counts,
            max_merges=vocab_size - len(tokens),
            min_count=MIN_COUNT,
            forbidden=np.array(forbidden, dtype=np.uint64),
        ).tolist()
        made = tokens[bytes_from:]
        for first, second in found:
            made.append(made[first] + made[second])
            if made[-1] in control:
                forbidden.append(first << 32 | second)
                break
        else:
            tokens[bytes_from:] = made
            return [(made[first], made[second]) for first, second in found]


def _symbols(words: CountedWords) -> np.ndarray:
    """Bytes as ids: in the order of the characters that stand for them in the file."""
    number_of = np.empty(BYTES, dtype=np.int32)
    number_of[[value for _, value in sorted(byte_alphabet().items())]] = np.arange(BYTES)
    return number_of[words.data]
