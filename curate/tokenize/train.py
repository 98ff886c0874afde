"""Train a byte-level BPE tokenizer on texts: texts ─▶ pieces without endless words ─▶ merges ─▶ tokenizer.json."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from curate.errors import UsageError
from curate.tokenize.backends import END_OF_TEXT

MIN_VOCAB_SIZE = 257
MAX_WORD_CHARACTERS = 512
"""Training time grows faster than the length of a word; longer runs are cut here, in training alone."""
WORDS = "|".join(
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
"""Where merges end: the split of OpenAI's cl100k_base in the spelling of Llama 3, which every loader knows by heart.

Digits in groups of at most three keep long numbers from filling the vocabulary. A word takes one character before it
along, so quotes, brackets and indents do not break it, and runs of spaces and of newlines stay whole, which code needs.
"""
LONG_RUN = re.compile(rf"\S{{{MAX_WORD_CHARACTERS}}}(?=\S)|\s{{{MAX_WORD_CHARACTERS}}}(?=\s)")


def train_bpe(
    texts: Iterable[str], *, vocab_size: int, end_of_text: str = END_OF_TEXT, special_tokens: Sequence[str] = ()
) -> str:
    """The tokenizer as the text of a tokenizer.json; equal texts in equal order give equal bytes on any machine.

    Id 0 is end-of-text, then come further `special_tokens`, the 256 bytes, and the merges in their order. Texts that
    hold too few pairs which come twice give a smaller vocabulary than `vocab_size`.

    Raises:
        UsageError: `vocab_size` has no room for the bytes and end-of-text, or a text can hold that as a byte.
    """
    for mark in (end_of_text, *special_tokens):
        check_mark(mark)
    if vocab_size < MIN_VOCAB_SIZE + len(special_tokens):
        least = MIN_VOCAB_SIZE + len(special_tokens)
        raise UsageError(f"a byte-level vocabulary needs at least {least} ids, not {vocab_size}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[end_of_text, *special_tokens],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_pieces(texts), trainer)
    return str(tokenizer.to_str(pretty=True)) + "\n"


def check_mark(end_of_text: str) -> None:
    """Raises UsageError where a mark is one character: the alphabet of bytes has it already."""
    if len(end_of_text) < 2:
        raise UsageError(f'end_of_text = "{end_of_text}" must have two characters or more, as "{END_OF_TEXT}" has')


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        start = 0
        for run in LONG_RUN.finditer(text):
            yield text[start : run.end()]
            start = run.end()
        yield text[start:]
