"""A vocabulary as it is described beside the tokens that it made, for who has no tokenizer there.

tokenizer ─┬─▶ Vocabulary, in tokens/mixture.json
           └─▶ bytes of each id, tokens/token_bytes.bin
"""

from __future__ import annotations

import numpy as np

from curate.tokenize.encode import Tokenizer
from curate.tokenize.mix import Vocabulary


def vocabulary_of(tokenizer: Tokenizer, name: str) -> Vocabulary:
    """What a trainer must know of it; `name` is how its file is called beside the tokens."""
    return Vocabulary(
        size=tokenizer.vocab_size,
        end_of_text=tokenizer.end_of_text,
        end_of_text_token=tokenizer.end_of_text_token,
        dtype="uint16" if tokenizer.dtype == np.uint16 else "uint32",
        fingerprint=tokenizer.fingerprint,
        tokenizer=name,
    )


def token_bytes_file(tokenizer: Tokenizer) -> bytes:
    """The content of `tokens/token_bytes.bin`: `token_bytes` as little-endian uint32."""
    return tokenizer.token_bytes().astype("<u4").tobytes()
