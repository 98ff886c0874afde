"""Which control tokens a vocabulary that is trained here may have: end-of-text, and what a recipe names besides."""

from __future__ import annotations

from collections.abc import Sequence

from curate.errors import UsageError
from curate.tokenize.backends import END_OF_TEXT, printable
from curate.tokenize.vocabulary import BYTE_PIECE

BYTES = 256
UNKNOWN = "<unk>"
"""What a Unigram file has to name, and never gives, as it has all bytes."""


def check_control(tokens: Sequence[str], vocab_size: int, *, kind: str = "bpe") -> None:
    """Control tokens, end-of-text first, that a vocabulary of this size can have beside the bytes.

    Raises:
        UsageError: one is too short, is there twice, or spells a byte; or there is no room for all.
    """
    check_mark(tokens[0])
    for number, token in enumerate(tokens):
        if len(token) < 2 or BYTE_PIECE.fullmatch(token) or token == UNKNOWN:
            told = f"must have two characters or more, and be neither {UNKNOWN} nor a byte as <0x41>"
            raise UsageError(f'the special token "{printable(token)}" {told}')
        if token in tokens[:number]:
            raise UsageError(f'the special token "{printable(token)}" stands twice, or ends a text already')
    least = BYTES + len(tokens) + (kind == "unigram")  # which has `<unk>` besides
    if vocab_size < least:
        raise UsageError(f"a vocabulary of bytes and control tokens needs at least {least} ids, not {vocab_size}")


def check_mark(end_of_text: str) -> None:
    """Raises UsageError where a mark is one character: the alphabet of bytes has it already."""
    if len(end_of_text) < 2:
        raise UsageError(f'end_of_text = "{end_of_text}" must have two characters or more, as "{END_OF_TEXT}" has')
