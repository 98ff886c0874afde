"""What a model's tokens cost it, sequence by sequence: documents, or the parts of texts that follow a context.

sequences, what counts in each ─▶ windows of the model's context ─▶ rows of like length ─▶ nats of each sequence

Every sequence begins with what is given and not predicted, at least an end-of-text. One that is longer than the context
goes through in windows; each counted token is predicted once, and the last window takes as much before it as fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from curate.train_min.evaluate import MIN_BATCH_TOKENS, bits
from curate.train_min.head_loss import UNTRAINED
from curate.train_min.loader import TokenData, check_ids, move
from curate.train_min.model import GPT

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_LOGITS = 1 << 26
"""Held at once where the likeliest token is asked for."""


class TokenSequence(NamedTuple):
    """`tokens` int64[n], the first of which are given; `counted` bool[n]: which ones are predicted."""

    tokens: Ints
    counted: npt.NDArray[np.bool_]


class Predicted(NamedTuple):
    """By sequence: the nats of all that is counted, float64, and whether each of it was the likeliest token, bool."""

    nats: Floats
    likeliest: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DocumentScores:
    """One source's documents, in the order of their tokens: int64[n] tokens and bytes of what is predicted, and
    float64[n] nats; end-of-text is in none of them."""

    source: str
    tokens: Ints
    bytes: Ints
    nats: Floats

    @property
    def bits_per_byte(self) -> float:
        """Of all of them together."""
        return bits(float(self.nats.sum()), int(self.bytes.sum()))


def evaluate_documents(model: GPT, data: TokenData, *, max_documents: int | None = None) -> tuple[DocumentScores, ...]:
    """Score every validation document of every source, or the first ones, each by itself from an end-of-text on.

    Within a document no other is seen, so that documents can be drawn one by one, as a bootstrap does; figures differ a
    little from those of `evaluate`, whose windows go on over documents.
    """
    scores = []
    for source, array in data.validation.items():
        for shard in array.shards:
            check_ids(shard.tokens, data.record.vocabulary.size)
        count = min(len(array.ends), max_documents or len(array.ends))
        end = data.record.vocabulary.end_of_text
        sequences = [document_sequence(array.document(n), end, array.document_mask(n)) for n in range(count)]
        counted = [sequence.tokens[sequence.counted] for sequence in sequences]
        tokens = np.array([len(each) for each in counted], dtype=np.int64)
        size = np.array([data.token_bytes[each].sum() for each in counted], dtype=np.int64)
        scores.append(DocumentScores(source, tokens, size, sequence_nats(model, sequences)))
    return tuple(scores)


def document_sequence(
    tokens: npt.NDArray[np.integer[Any]], end_of_text: int, mask: npt.NDArray[np.uint8] | None = None
) -> TokenSequence:
    """A document behind an end-of-text; its own end-of-text does not count, nor what a `mask` (0) leaves out."""
    whole = np.concatenate([[end_of_text], tokens]).astype(np.int64)
    counted = whole != end_of_text
    if mask is not None:
        counted[1:] &= mask == 1
    return TokenSequence(whole, counted)


def sequence_nats(model: GPT, sequences: Sequence[TokenSequence], *, batch_tokens: int | None = None) -> Floats:
    """What the counted tokens of each sequence cost, in nats, float64[n]."""
    nats = np.zeros(len(sequences))
    device = model.embed.weight.device
    width = batch_tokens or (MIN_BATCH_TOKENS if device.type == "cpu" else 1 << 16)
    with torch.no_grad():
        for batch in _batches(sequences, model.config.context, width):
            inputs, targets = move(batch.inputs, device), move(batch.targets, device)
            _, costs = model.loss(inputs, targets, scale=1.0)  # what is not counted costs nothing
            np.add.at(nats, batch.numbers, costs.double().sum(dim=1).cpu().numpy())
    return nats


def predict(model: GPT, sequences: Sequence[TokenSequence]) -> Predicted:
    """Nats, and whether a greedy reader would have written all of what is counted."""
    nats, likeliest = np.zeros(len(sequences)), np.ones(len(sequences), dtype=bool)
    device = model.embed.weight.device
    width = min(MIN_BATCH_TOKENS, max(MAX_LOGITS // model.config.padded_vocab_size, 1))
    with torch.no_grad():
        for batch in _batches(sequences, model.config.context, width):
            targets = move(batch.targets, device)
            logs = torch.log_softmax(model(move(batch.inputs, device)), dim=-1)  # [B, T, V]
            counted = targets != UNTRAINED
            costs = -logs.gather(2, targets.clamp(min=0).unsqueeze(2)).squeeze(2).double() * counted
            hits = ((logs.argmax(dim=2) == targets) | ~counted).all(dim=1)
            np.add.at(nats, batch.numbers, costs.sum(dim=1).cpu().numpy())
            np.logical_and.at(likeliest, batch.numbers, hits.cpu().numpy())
    return Predicted(nats, likeliest)


class _Batch(NamedTuple):
    """inputs and targets int64[B, T], targets UNTRAINED where they do not count; the sequence of each row int64[B]."""

    inputs: Ints
    targets: Ints
    numbers: Ints


class _Window(NamedTuple):
    """Tokens [start, end) of a sequence, of which those from `first` on are predicted here."""

    number: int
    start: int
    first: int
    end: int


def _batches(sequences: Sequence[TokenSequence], context: int, batch_tokens: int) -> Iterator[_Batch]:
    """Windows sorted by length, so that little is filled up; in rows of as many tokens as asked, one at least."""
    windows = [each for number, one in enumerate(sequences) for each in _windows(number, one, context)]
    windows.sort(key=lambda window: (window.start - window.end, window.number, window.first))
    at = 0
    while at < len(windows):
        width = windows[at].end - windows[at].start - 1
        rows = windows[at : at + max(batch_tokens // max(width, 1), 1)]
        yield _batch(sequences, rows, width)
        at += len(rows)


def _windows(number: int, sequence: TokenSequence, context: int) -> Iterator[_Window]:
    places = np.flatnonzero(sequence.counted)
    if not len(places):
        return
    first, last = max(int(places[0]), 1), int(places[-1]) + 1
    while first < last:
        end = min(first + context, last)
        # A window takes context + 1 tokens: `context` inputs, and the same shifted by one.
        start = first - 1 if end < last else max(end - context - 1, 0)
        yield _Window(number, start, first, end)
        first = end


def _batch(sequences: Sequence[TokenSequence], rows: Sequence[_Window], width: int) -> _Batch:
    inputs = np.zeros((len(rows), width), dtype=np.int64)  # what fills up stands behind: nothing before it sees it
    targets = np.full((len(rows), width), UNTRAINED, dtype=np.int64)
    for row, window in enumerate(rows):
        tokens, counted = sequences[window.number]
        length = window.end - window.start - 1
        inputs[row, :length] = tokens[window.start : window.end - 1]
        here = slice(window.first - window.start - 1, length)
        wanted = slice(window.first, window.end)
        targets[row, here] = np.where(counted[wanted], tokens[wanted], UNTRAINED)
    return _Batch(inputs, targets, np.array([window.number for window in rows], dtype=np.int64))
