"""A SentencePiece model (`tokenizer.model`), read and asked through its own library.

protocol buffer ─▶ kinds of pieces ─▶ end-of-text ─▶ specials that a text could spell are control ─▶ library

Installed with the extra `curate-corpus[sentencepiece]`; nothing of it is imported before such a file is opened.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.tokenize.backends import NO_BYTES, Encoded, bounds, library_errors, printable, sizes_of
from curate.tokenize.end_of_text import CONFIG, read_config

FIRST_BYTE = b"\n"
"""Of such a file: field 1 of a protocol buffer, the list of pieces."""
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""Kinds of pieces (sentencepiece_model.proto)."""
BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
SPACE = "\u2581"
"""How pieces spell a space."""
WITHOUT_SPACE = b"\x1a\x02\x18\x00"
"""Behind a model: normalizer_spec.add_dummy_prefix = false, since of a field that stands twice the last counts."""
VARINT, FIXED64, BLOCK, FIXED32 = 0, 1, 2, 5
"""Kinds of fields on the wire."""


class VocabularyPiece(NamedTuple):
    """A piece of the vocabulary; `at` is where in the file its kind stands, -1 where it has the default."""

    text: str
    kind: int
    at: int


class SentencePieceFile:
    """Encodes by a copy of the model to which no special piece can be spelled; decodes by the model as it is."""

    encoder = "sentencepiece"
    splits_at_spaces = False  # a space belongs to the word behind it, and the first word of a text has one as well

    def __init__(
        self, content: bytes, path: Path, end_of_text: str | None = None, control: Collection[str] = ()
    ) -> None:
        with library_errors(f"{path} is no SentencePiece model"):
            found = list(_pieces(content))
        config = read_config(path)
        self.vocab_size = len(found)
        self.end_of_text = _end_of_text(end_of_text, config, found, _open(content, path), path)
        self.end_of_text_token = found[self.end_of_text].text
        special = _special_tokens(config) | {self.end_of_text_token, *control}
        self.control: Mapping[str, int] = {
            piece.text: number for number, piece in enumerate(found) if _is_control(piece, special)
        }
        self._names = {number: name for name, number in self.control.items()}
        self._decoder = _open(content, path)
        self._path, self._content = path, _as_control(content, found, special)
        self._encoder = _open(self._content, path)
        self.pieces = tuple(_bytes_of(piece, special) for piece in found)
        with library_errors(f"{path} cannot encode a text"):
            self._encoder.encode(["a probe"], out_type=int)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        return sizes_of(self.pieces)

    def encode(self, texts: list[str]) -> Encoded:
        return _encoded(self._encoder, texts)

    def encode_inside(self, texts: list[str]) -> Encoded:
        return _encoded(self._inner, texts)

    @functools.cached_property
    def _inner(self) -> Any:
        return _open(self._content + WITHOUT_SPACE, self._path)

    def decode(self, ids: list[int]) -> str:
        """The library says nothing of control pieces, and takes the space from what follows one."""
        text, part = "", list[int]()
        for token in ids:
            if token in self._names:
                text, part = text + str(self._decoder.decode(part)) + self._names[token], []
            else:
                part.append(token)
        return text + str(self._decoder.decode(part))


def _encoded(model: Any, texts: list[str]) -> Encoded:
    parts = [np.array(ids, dtype=np.uint32) for ids in model.encode(texts, out_type=int)]
    return np.concatenate([np.zeros(0, dtype=np.uint32), *parts]), bounds([len(part) for part in parts])


def is_sentencepiece(content: bytes) -> bool:
    """Whether a file begins as such a model does: a list of pieces, of which the first has a text."""
    return content[:1] == FIRST_BYTE and len(content) > 2 and content[2:3] == FIRST_BYTE


def _open(content: bytes, path: Path) -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        told = 'the library for it is not installed: pip install "curate-corpus[sentencepiece]"'
        raise UsageError(f"{path} is a SentencePiece model, and {told}") from error
    with library_errors(f"{path} is no SentencePiece model"):
        model = sentencepiece.SentencePieceProcessor()
        model.LoadFromSerializedProto(content)
        return model


def _pieces(content: bytes) -> Iterator[VocabularyPiece]:
    """The vocabulary of a ModelProto: what is needed of it, as the library does not tell kinds by their place."""
    for field, kind, begin, end in _fields(content, 0, len(content)):
        if field == 1 and kind == BLOCK:
            yield _piece(content, begin, end)


def _piece(content: bytes, begin: int, end: int) -> VocabularyPiece:
    text, sort, at = "", NORMAL, -1
    for field, kind, first, last in _fields(content, begin, end):
        if field == 1 and kind == BLOCK:
            text = content[first:last].decode()
        elif field == 3 and kind == VARINT:
            sort, at = content[first], first
    return VocabularyPiece(text, sort, at)


def _fields(content: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, kind on the wire, and where the value of each field lies.

    Raises:
        ValueError: it is no protocol buffer.
    """
    while at < end:
        key, at = _varint(content, at)
        kind = key & 7
        if kind == BLOCK:
            size, at = _varint(content, at)
        elif kind == VARINT:
            size = _varint(content, at)[1] - at
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if at + size > end:
            raise ValueError("a field reaches beyond the end")
        yield key >> 3, kind, at, at + size
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = content[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")


def _end_of_text(
    named: str | None, config: Mapping[str, Any], found: list[VocabularyPiece], model: Any, path: Path
) -> int:
    """The id of the piece that the recipe names, else `eos_token` of the file beside it, else the model's own."""
    declared = config.get("eos_token")
    token = named or (declared.get("content") if isinstance(declared, Mapping) else declared)
    if token is None:
        number = int(model.eos_id())
        if number < 0:
            told = 'name one in the recipe: [tokenize] end_of_text = "…"'
            raise UsageError(f"{path} declares no piece that ends a text; {told}")
        return number
    numbers = [number for number, piece in enumerate(found) if piece.text == token]
    if not numbers:
        where = path if named else path.with_name(CONFIG)
        raise UsageError(f'{where} names "{printable(token)}" for the end of a text; {path} has no such piece')
    if found[numbers[0]].kind in (NORMAL, UNKNOWN, BYTE):
        raise UsageError(f'{path}: "{printable(token)}" stands for text, so it cannot be the mark that ends one')
    return numbers[0]


def _special_tokens(config: Mapping[str, Any]) -> set[str]:
    """What the file beside the model calls special: whatever a text says, it is none of these."""
    more = config.get("additional_special_tokens") or []
    named = [config.get(key) for key in ("bos_token", "eos_token", "unk_token", "pad_token")]
    entries = [*named, *(more if isinstance(more, list) else [])]
    decoder = config.get("added_tokens_decoder")
    if isinstance(decoder, Mapping):
        entries += [entry for entry in decoder.values() if isinstance(entry, Mapping) and entry.get("special")]
    texts = (entry.get("content") if isinstance(entry, Mapping) else entry for entry in entries)
    return {text for text in texts if isinstance(text, str)}


def _as_control(content: bytes, found: list[VocabularyPiece], special: Collection[str]) -> bytes:
    """The model with its special pieces as control pieces, which no text becomes; a kind is one byte of the file."""
    changed = bytearray(content)
    for piece in found:
        if piece.text in special and piece.kind == USER_DEFINED:
            changed[piece.at] = CONTROL
    return bytes(changed)


def _is_control(piece: VocabularyPiece, special: Collection[str]) -> bool:
    return piece.kind == CONTROL or (piece.kind == USER_DEFINED and piece.text in special)


def _bytes_of(piece: VocabularyPiece, special: Collection[str]) -> bytes:
    if piece.kind in (UNKNOWN, CONTROL, UNUSED) or piece.text in special:
        return NO_BYTES
    if piece.kind == BYTE and (byte := BYTE_PIECE.fullmatch(piece.text)):
        return bytes([int(byte[1], 16)])
    return piece.text.replace(SPACE, " ").encode()
