"""A tokenizer.json of Hugging Face's `tokenizers`, encoded by fastokens where it gives the same ids on a probe.

content ─▶ table ─▶ end-of-text ─▶ control tokens ─▶ encoder without them ─▶ ids
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.tokenize.backends import Encoded, bounds, flat, library_errors, printable
from curate.tokenize.control import control_tokens, is_text, without_control
from curate.tokenize.end_of_text import choose_end_of_text, ordinary_tokens, read_config, unknown_token
from curate.tokenize.inside import without_first_space
from curate.tokenize.probe import PROBE
from curate.tokenize.vocabulary import SPELLING, ids_of, read_table, spell_ids

if TYPE_CHECKING:
    import tokenizers

LIBRARY_BATCH_CHARACTERS = 1 << 20
"""The reference library takes about 100 bytes of memory a byte of text; it gets no more at a time."""
PROBED_TOKENS = 300
"""Added tokens whose spelling is in the probe as well, in the order of the file."""


def declared_end_of_text(content: str, place: Path, named: str | None = None) -> str:
    """The token that ends a text, from the file alone: in a tenth of the time that an encoder of it takes to make.

    Raises:
        UsageError: the file is no tokenizer.json, or names none or several.
    """
    table = read_table(content, place)
    return choose_end_of_text(named, table, read_config(place), ids_of(table), place)


class JsonFile:
    """Encodes by a copy of the file whose model knows no control token; decodes by the file as it is.

    The fast encoder, and the bytes of ids, are made for the first who asks: four processes of a run open a tokenizer,
    and one or two of them encode.
    """

    def __init__(self, content: str, place: Path, end_of_text: str | None = None, named: Collection[str] = ()) -> None:
        table = read_table(content, place)
        config = read_config(place)
        self._place = place
        self._library = _open(content, place)
        ids: dict[str, int] = self._library.get_vocab(with_added_tokens=True)
        self.vocab_size = max(ids.values()) + 1
        self.end_of_text_token = choose_end_of_text(end_of_text, table, config, ids, place)
        self.end_of_text = ids[self.end_of_text_token]
        _check_end_of_text(self.end_of_text_token, table, place)
        control = control_tokens(table, config, self.end_of_text_token)
        control |= {token for token in named if token in ids and not _is_of_text(token, table)}
        self.control: Mapping[str, int] = {token: ids[token] for token in control if token in ids}
        ordinary, silent = {*ordinary_tokens(table)} - control, control | {unknown_token(table) or ""}
        spelling = {key: value for key, value in table["model"].items() if key in SPELLING}
        self._spell_ids = functools.partial(
            spell_ids, ids, spelling, ordinary, silent, is_byte_level=_is_byte_level(table)
        )
        encoder = without_control(table, control, ids)
        is_changed = encoder != table
        written = json.dumps(encoder) if is_changed else content
        self._encoder = _open(written, place) if is_changed else self._library
        inner = without_first_space(encoder)
        self._inner = _open(json.dumps(inner), place) if inner != encoder else None
        self._probe_texts, self._unbuilt = _probe(table), _uncut(written, encoder)
        with library_errors(f"{place} cannot encode a text"):
            self._probed = self._encode_by_library(self._probe_texts)
        self.splits_at_spaces = self._probe_spaces()

    @property
    def encoder(self) -> str:
        return "tokenizers" if self._fast is None else "fastokens"

    @functools.cached_property
    def pieces(self) -> tuple[bytes, ...]:
        return tuple(self._spell_ids().pieces)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        return self._spell_ids().sizes

    def encode(self, texts: list[str]) -> Encoded:
        return flat(self._fast, texts) if self._fast is not None else self._encode_by_library(texts)

    def encode_inside(self, texts: list[str]) -> Encoded:
        return self.encode(texts) if self._inner is None else _encode_by(self._inner, texts)

    def decode(self, ids: list[int]) -> str:
        return str(self._library.decode(ids, skip_special_tokens=False))

    def _encode_by_library(self, texts: list[str]) -> Encoded:
        return _encode_by(self._encoder, texts)

    @functools.cached_property
    def _fast(self) -> Any:
        """The fast encoder, or None where it does not know this tokenizer or differs on the probe."""
        import fastokens

        expected, written = self._probed, self._unbuilt
        self._unbuilt = ""  # of a large vocabulary tens of megabytes, which nobody else asks for
        try:
            with library_errors("fastokens"):
                fast = fastokens.Tokenizer.from_json_str(written)
                found = flat(fast, self._probe_texts)
        except UsageError:  # it refuses kinds of tokenizers that it does not know; the library then encodes
            return None
        same = np.array_equal(found[0], expected[0]) and np.array_equal(found[1], expected[1])
        return fast if same else None

    def _probe_spaces(self) -> bool:
        """Whether its own split cuts between a letter and a space or newline before a letter."""
        splitter = self._library.pre_tokenizer
        if splitter is None or self._library.normalizer is not None:
            return False
        probe = "Ab cd\nef gé\nÉ 日 本\nи a"
        with library_errors(f"{self._place} cannot split a text"):
            ends = {end for _, (_, end) in splitter.pre_tokenize_str(probe)}
        return all(place in ends for place, character in enumerate(probe) if character.isspace())


def _encode_by(library: tokenizers.Tokenizer, texts: list[str]) -> Encoded:
    parts = [np.zeros(0, dtype=np.uint32)]
    for group in _groups(texts):
        encodings = library.encode_batch_fast(group, add_special_tokens=False)
        parts += [np.array(encoding.ids, dtype=np.uint32) for encoding in encodings]
    return np.concatenate(parts), bounds([len(part) for part in parts[1:]])


def _open(content: str, place: Path) -> tokenizers.Tokenizer:
    """Truncation and padding are settings of a model's caller, never of a corpus."""
    import tokenizers  # a run asks most files only what ends a text, which their table says

    with library_errors(f"{place} is no tokenizer.json"):
        library = tokenizers.Tokenizer.from_str(content)
        library.encode_special_tokens = True
        library.no_truncation()
        library.no_padding()
        return library


def _uncut(written: str, table: Mapping[str, Any]) -> str:
    """A file without the settings that `_open` turns off."""
    is_cut = table.get("truncation") is not None or table.get("padding") is not None
    return json.dumps({**table, "truncation": None, "padding": None}) if is_cut else written


def _is_byte_level(table: Mapping[str, Any]) -> bool:
    """A part of the file says so; a piece may happen to be the same word."""
    return '"ByteLevel"' in json.dumps([table.get(part) for part in ("pre_tokenizer", "post_processor", "decoder")])


def _check_end_of_text(token: str, table: Mapping[str, Any], place: Path) -> None:
    if _is_of_text(token, table):
        raise UsageError(f'{place}: "{printable(token)}" stands for text, so it cannot be the mark that ends one')


def _is_of_text(token: str, table: Mapping[str, Any]) -> bool:
    return token == unknown_token(table) or is_text(token, table)


def _probe(table: Mapping[str, Any]) -> list[str]:
    added = [entry["content"] for entry in table.get("added_tokens") or ()]
    return [*PROBE, *(f"a{token}b {token} c" for token in added[:PROBED_TOKENS])]


def _groups(texts: list[str]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for text in texts:
        if group and size + len(text) > LIBRARY_BATCH_CHARACTERS:
            yield group
            group, size = [], 0
        group.append(text)
        size += len(text)
    if group:
        yield group
