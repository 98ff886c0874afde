"""Texts to token ids.

documents ─▶ pieces of bounded length ─▶ ids of all in one array ─▶ end-of-text after each document
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import DocumentError, UsageError
from curate.tokenize.backends import Backend, Bytes, library_errors
from curate.tokenize.json_file import JsonFile, declared_end_of_text
from curate.tokenize.rank_file import RankFile, is_rank_file
from curate.tokenize.sentencepiece_file import SentencePieceFile, is_sentencepiece

PIECE_CHARACTERS = 1 << 20
"""Longer documents are encoded in pieces: encoders take many times the memory of their text."""
MAX_FILE_BYTES = 1 << 28
"""The largest published ones have some 35 MB."""
SAFE_CUT = re.compile(r"[^\W_](?=[ \n][^\W\d_])")
"""A letter or digit, then one space or newline, then a letter: every GPT-like split ends a word there."""


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A vocabulary, ready to encode. `fingerprint` is the SHA-256 of its file; `name` the file's name, or "bytes"."""

    name: str
    fingerprint: str
    backend: Backend

    @property
    def vocab_size(self) -> int:
        return self.backend.vocab_size

    @property
    def end_of_text(self) -> int:
        return self.backend.end_of_text

    @property
    def end_of_text_token(self) -> str:
        """How its vocabulary spells it."""
        return self.backend.end_of_text_token

    @property
    def control(self) -> Mapping[str, int]:
        """The ids of its control tokens, by their texts: no text becomes one."""
        return self.backend.control

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint16 for up to 65,536 ids, else uint32."""
        return np.dtype(np.uint16 if self.vocab_size <= 1 << 16 else np.uint32)

    def encode_batch(self, texts: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Tokens of all documents (of `dtype`) and int64[n + 1] offsets; each document ends with end-of-text.

        A literal `<|endoftext|>` in a text is text. Ids are those of the uncut text, however long it is.

        Raises:
            DocumentError: the tokenizer's library fails on a text.
        """
        ids, bounds = self.encode_texts(texts)
        ends = bounds[1:]
        tokens = np.insert(ids, ends, self.end_of_text)
        offsets = np.concatenate([[0], ends + np.arange(1, len(ends) + 1)]).astype(np.int64)
        return tokens, offsets

    def encode_texts(
        self, texts: Sequence[str], *, inside: bool = False
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Tokens of all texts (of `dtype`) and int64[n + 1] offsets, without end-of-text; of texts from `inside` of
        documents, without the space that some vocabularies put before a text.

        Raises:
            DocumentError: the tokenizer's library fails on a text.
        """
        pieces, counts = self._cut(texts)
        with library_errors(f"the tokenizer {self.name} cannot encode a text", DocumentError):
            ids, bounds = self.backend.encode_inside(pieces) if inside else self.backend.encode(pieces)
        borders = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        return ids.astype(self.dtype), bounds[borders]

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        """The text of ids; broken UTF-8 at the ends becomes U+FFFD."""
        return self.backend.decode([int(token) for token in ids])

    def token_bytes(self) -> npt.NDArray[np.int64]:
        """int64[vocab_size]: bytes of text that each id stands for, 0 for control tokens. For bits per byte."""
        return self.backend.sizes

    def _cut(self, texts: Sequence[str]) -> tuple[list[str], list[int]]:
        """The pieces of all texts, and how many each text has."""
        pieces: list[str] = []
        counts = []
        for text in texts:
            before = len(pieces)
            pieces += cut_text(text) if self.backend.splits_at_spaces and len(text) > PIECE_CHARACTERS else [text]
            counts.append(len(pieces) - before)
        return pieces, counts


def cut_text(text: str, length: int = PIECE_CHARACTERS) -> Iterator[str]:
    """Pieces of about `length` characters, cut only where a word ends for sure; without such a place, whole."""
    start = 0
    while len(text) - start > length and (place := SAFE_CUT.search(text, start + length - 1)):
        yield text[start : place.end()]
        start = place.end()
    yield text[start:]


def load_tokenizer(spec: str | Path, *, end_of_text: str | None = None, control: Collection[str] = ()) -> Tokenizer:
    """ "bytes" (257 ids), or the path of a tokenizer.json, of a tiktoken file named after its encoding, or of a
    SentencePiece model.

    `end_of_text` is the token that ends a text; without it the files must declare one (see `end_of_text`). Those of
    `control` that the vocabulary has are control tokens besides those that the files mark as special.

    Raises:
        UsageError: there is no such file, it is of neither kind or broken, or it does not say what ends a text.
    """
    if spec == "bytes":
        if end_of_text not in (None, Bytes.end_of_text_token):
            raise UsageError(f'the tokenizer "bytes" ends a text with the id 256; there is no "{end_of_text}"')
        return Tokenizer("bytes", hashlib.sha256(b"bytes/257").hexdigest(), Bytes())
    path = Path(spec)
    content = _read(path)
    return Tokenizer(path.name, hashlib.sha256(content).hexdigest(), _backend(content, path, end_of_text, control))


def end_of_text_of(path: Path, *, named: str | None = None) -> str:
    """The token that ends a text in the vocabulary of a file that `load_tokenizer` opens, `named` or declared there."""
    content = _read(path)
    if _is_json(content):
        return declared_end_of_text(content.decode("utf-8", "replace"), path, named)
    return _backend(content, path, named).end_of_text_token


def _read(path: Path) -> bytes:
    if not path.is_file():
        known = "a tokenizer.json, tiktoken file or SentencePiece model"
        raise UsageError(f'there is no tokenizer "{path}": give "bytes", or the path of {known}')
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{path} has {path.stat().st_size:,} bytes; no tokenizer has more than {MAX_FILE_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the tokenizer {path} cannot be read: {error.strerror}") from error


def _backend(content: bytes, path: Path, end_of_text: str | None, control: Collection[str] = ()) -> Backend:
    """By what the file holds; a name alone says little: Llama 3's `tokenizer.model` is a tiktoken file."""
    if _is_json(content):
        return JsonFile(content.decode("utf-8", "replace"), path, end_of_text, control)
    if is_rank_file(content) or path.suffix == ".tiktoken":
        return RankFile(content, path, end_of_text)
    if is_sentencepiece(content):
        return SentencePieceFile(content, path, end_of_text, control)
    raise UsageError(f"{path} is neither a tokenizer.json, a tiktoken file nor a SentencePiece model")


def _is_json(content: bytes) -> bool:
    return content.lstrip()[:1] == b"{"
