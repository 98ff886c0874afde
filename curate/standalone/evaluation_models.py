"""Models that say how likely a text is after another: a checkpoint of the trainer, or n-grams.

context, text ─▶ tokens, as of one text ─▶ nats of those behind the context's; would a greedy reader write them
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.filters.ngram.model import NgramModel, load_ngram_model
from curate.filters.ngram.words import Units, WordStream, token_stream, word_stream
from curate.run_files import MIXTURE
from curate.standalone.evaluation_items import Continuation
from curate.standalone.perplexity_judged import UNKNOWN_BITS
from curate.text.buffers import text_buffers
from curate.tokenize.encode import Tokenizer, load_tokenizer

if TYPE_CHECKING:
    from curate.train_min.model import GPT

Ints = npt.NDArray[np.int64]


class Continued(NamedTuple):
    """By continuation: nats of the text after its context, float64[n], and whether each token of it was the likeliest
    (bool[n]; None where that was not asked for, or the model has no vocabulary to choose from)."""

    nats: npt.NDArray[np.float64]
    likeliest: npt.NDArray[np.bool_] | None


class TextModel(Protocol):
    """What evaluation asks of a model."""

    def continued(self, continuations: Sequence[Continuation], *, likeliest: bool) -> Continued: ...


def open_model(path: str | Path, *, tokenizer: str | Path | None = None, device: str = "auto") -> TextModel:
    """A folder of a training or of a checkpoint, or an n-gram model (`.clm`); `tokenizer` (a file, or a run's folder)
    is that of an n-gram model of tokens.

    Raises:
        UsageError: there is no model, PyTorch is not installed, or a tokenizer is lacking.
    """
    if Path(path).is_dir():
        return _open_checkpoint(Path(path), device)
    model = load_ngram_model(str(path))
    if model.units != "tokens":
        return NgramTexts(model, None)
    if tokenizer is None:
        raise UsageError(f"{path} is a model of tokens: say with --tokenizer whose (a file, or the run's folder)")
    return NgramTexts(model, _tokenizer_of(Path(tokenizer)))


@dataclass(frozen=True, slots=True)
class CheckpointTexts:
    """A trained GPT with its tokenizer."""

    model: GPT
    tokenizer: Tokenizer

    def continued(self, continuations: Sequence[Continuation], *, likeliest: bool) -> Continued:
        from curate.train_min.sequences import TokenSequence, predict, sequence_nats

        end = self.tokenizer.end_of_text
        sequences = [
            TokenSequence(np.concatenate([[end], ids]), np.arange(len(ids) + 1) > given)
            for ids, given in _encode(self.tokenizer, continuations)
        ]
        if not likeliest:
            return Continued(sequence_nats(self.model, sequences), None)
        return Continued(*predict(self.model, sequences))


@dataclass(frozen=True, slots=True)
class NgramTexts:
    """An n-gram model, with the tokenizer of its tokens where it is one of these."""

    model: NgramModel
    tokenizer: Tokenizer | None

    def continued(self, continuations: Sequence[Continuation], *, likeliest: bool) -> Continued:
        if self.tokenizer is not None:
            encoded = _encode(self.tokenizer, continuations)
            wholes, contexts = [ids for ids, _ in encoded], [ids[:given] for ids, given in encoded]
            vocabulary = self.tokenizer.vocab_size
        elif self.model.units == "bytes":
            contexts = [_bytes(each.context) for each in continuations]
            wholes = [_bytes(each.context + each.text) for each in continuations]
            vocabulary = 256
        else:
            return Continued(self._words(continuations), None)
        nats = self._nats(_open(wholes, self.model.units)) - self._nats(_open(contexts, self.model.units))
        if not likeliest:
            return Continued(nats, None)
        hits = [
            self._would_write(whole, len(context), vocabulary) for whole, context in zip(wholes, contexts, strict=True)
        ]
        return Continued(nats, np.array(hits))

    def _words(self, continuations: Sequence[Continuation]) -> npt.NDArray[np.float64]:
        wholes = pl.Series([each.context + each.text for each in continuations], dtype=pl.String)
        contexts = pl.Series([each.context for each in continuations], dtype=pl.String)
        streams = (_without_last(word_stream(text_buffers(texts), self.model.units)) for texts in (wholes, contexts))
        whole, context = (self._nats(stream) for stream in streams)
        return whole - context

    def _nats(self, stream: WordStream) -> npt.NDArray[np.float64]:
        scores = self.model.scores_of(stream)
        bits = UNKNOWN_BITS.get(self.model.units, 0)
        return np.asarray(scores.unknown * bits * math.log(2) - scores.logarithms * math.log(10))

    def _would_write(self, ids: Ints, given: int, vocabulary: int) -> bool:
        """Whether no other token is likelier anywhere in the text; of the context the last ones are enough."""
        before = self.model.tables.table.order - 1
        for place in range(given, len(ids)):
            near = ids[max(place - before, 0) : place]
            rows = np.concatenate([np.tile(near, (vocabulary, 1)), np.arange(vocabulary)[:, None]], axis=1)
            if int(self._nats(_open([*rows], self.model.units)).argmin()) != ids[place]:
                return False
        return True


def _open_checkpoint(path: Path, device: str) -> CheckpointTexts:
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.train_min.checkpoint import latest_checkpoint, load_model, read_state
    from curate.train_min.train import pick_device

    folder = latest_checkpoint(path) or path
    vocabulary = read_state(folder).vocabulary
    name = vocabulary["tokenizer"]
    file = name if name == "bytes" else folder / name
    tokenizer = load_tokenizer(file, end_of_text=vocabulary.get("end_of_text_token"))
    return CheckpointTexts(load_model(folder).to(pick_device(device)), tokenizer)


def _tokenizer_of(path: Path) -> Tokenizer:
    if not (path / MIXTURE).is_file():
        return load_tokenizer(path)
    from curate.tokenize.mix import read_mixture

    vocabulary = read_mixture(path / MIXTURE).vocabulary
    file = vocabulary.tokenizer if vocabulary.tokenizer == "bytes" else path / vocabulary.tokenizer
    return load_tokenizer(file, end_of_text=vocabulary.end_of_text_token)


def _encode(tokenizer: Tokenizer, continuations: Sequence[Continuation]) -> list[tuple[Ints, int]]:
    """The ids of context and text as one, and how many of them the context alone has, too: a token that reaches over
    the border belongs to what is predicted."""
    ids, bounds = tokenizer.encode_texts(
        [text for each in continuations for text in (each.context, each.context + each.text)]
    )
    parts = [ids[first:last].astype(np.int64) for first, last in pairwise(bounds.tolist())]
    return [(whole, _common(context, whole)) for context, whole in zip(parts[::2], parts[1::2], strict=True)]


def _common(context: Ints, whole: Ints) -> int:
    length = min(len(context), len(whole))
    differ = np.flatnonzero(context[:length] != whole[:length])
    return int(differ[0]) if len(differ) else length


def _bytes(text: str) -> Ints:
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64)


def _open(rows: Sequence[Ints], units: Units) -> WordStream:
    """Ids or bytes as texts that go on: no end behind them."""
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    # A byte is hashed as an id of the same number is.
    return _without_last(token_stream(np.concatenate([np.zeros(0, dtype=np.int64), *rows]), offsets))


def _without_last(stream: WordStream) -> WordStream:
    """Each text without its last word, which is an end: what comes after a context is not its end."""
    has_words = np.diff(stream.offsets) > 0
    hashes = np.delete(stream.hashes, stream.offsets[1:][has_words] - 1)
    offsets = stream.offsets - np.concatenate([[0], np.cumsum(has_words)])
    return WordStream(hashes, offsets, stream.starts, stream.ends)
