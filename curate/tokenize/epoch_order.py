"""One source's documents in a new order every epoch, and the rows that an epoch is cut into.

row of an epoch ─▶ its window of the ring ─▶ the window's documents in the order of a hash ─▶ runs of tokens
token of the ring ─▶ window ─▶ its place in that order ─▶ rows that show it

A source is a ring of documents. An epoch begins at a token of its own and goes once round, window by window. In a
window documents are shuffled whole; only the two that its borders cut keep their places, at its ends, so that rows are
cut nowhere but at their own ends. So a document has other neighbors in every epoch, which packing once and shuffling
rows does not give, and which is worth more than a seed's noise where a corpus is seen often (NanoGPT slowrun, 2026).
Nothing is held for it but the ends of documents.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.tokenize.draw import GOLDEN, U64, Int64s, Keys, derive, rows_of_epoch, scramble

WINDOW_DOCUMENTS = 256
"""About so many are shuffled together: enough for new neighbors, few enough to be ordered anew for every row."""
MIN_WINDOW_ROWS = 8
HASH_BITS = 32
PLACE_BITS = 20
MAX_GROUPS = 1 << (64 - HASH_BITS - PLACE_BITS)
"""What fits into one number for sorting: a hash, a place for where hashes are equal, and the group."""


class TokenRuns(NamedTuple):
    """Tokens of rows in pieces: those of row i are number `bounds[i]` to `bounds[i + 1]`."""

    starts: Int64s
    """Where a piece begins in the ring."""
    lengths: Int64s
    bounds: Int64s


class OrderedPieces(NamedTuple):
    """Windows one after the other, each in its new order. The last piece of each is no part of it, but the token that
    follows it in the source: the last target of its last row."""

    starts: Int64s
    """In the ring without its end: a token of a later turn has the tokens of all turns before it added."""
    lengths: Int64s
    bounds: Int64s
    """Of window i the pieces `bounds[i]` to `bounds[i + 1]`."""


class EpochOrder:
    """The rows of `row_length` tokens, and one more, that epochs of a source are cut into."""

    def __init__(self, ends: Int64s, *, row_length: int, key: U64) -> None:
        """`ends` are those of all documents, int64[documents], cumulative: the last is the length of the ring."""
        self._ends, self._held, self._key = ends, int(ends[-1]), key
        self._row_length = row_length
        self.rows = rows_of_epoch(self._held, row_length)
        wanted = round(WINDOW_DOCUMENTS * self._held / len(ends) / row_length)
        self._window_rows = min(max(wanted, MIN_WINDOW_ROWS), self.rows)

    def runs(self, epochs: Int64s, rows: Int64s) -> TokenRuns:
        """What rows consist of, `row_length` + 1 tokens each; the last is the first of the row behind it, but at the
        end of a window, where it is what follows in the source. Epochs and rows are int64[n]."""
        numbers, inside = np.divmod(rows, self._window_rows)
        windows = self._ordered(epochs, numbers)
        ends = np.cumsum(windows.lengths)
        first = (ends - windows.lengths)[windows.bounds[:-1]] + inside * self._row_length
        last = first + self._row_length + 1
        low, high = np.searchsorted(ends, first, side="right"), np.searchsorted(ends, last) + 1
        piece, bounds = ragged(low, high)
        row = np.repeat(np.arange(len(rows)), high - low)
        begin = np.maximum(first[row] - (ends - windows.lengths)[piece], 0)
        stop = np.minimum(last[row] - ends[piece], 0) + windows.lengths[piece]
        return TokenRuns((windows.starts[piece] + begin) % self._held, stop - begin, bounds)

    def find(self, epoch: int, first: int, last: int) -> Int64s:
        """The rows of an epoch, in order, that hold one of the tokens [first, last) of the ring."""
        found = [np.zeros(0, dtype=np.int64)]
        begin = (first - int(self._phases(np.array([epoch]))[0])) % self._held
        size, covered = last - first, self.rows * self._row_length
        # A ring that is shorter than a row comes round in it; and a part that its end cuts begins in the turn before.
        for turn in range(begin - self._held, covered + 1, self._held):
            low, high = max(turn, 0), min(turn + size, covered + 1)
            if low < high:
                found.append(self._rows_over(epoch, low, high))
        return np.unique(np.concatenate(found))

    def _rows_over(self, epoch: int, low: int, high: int) -> Int64s:
        """Those with a token of [low, high), counted in the ring from where the epoch begins."""
        size, phase = self._window_rows * self._row_length, int(self._phases(np.array([epoch]))[0])
        last = -(-self.rows // self._window_rows) - 1
        # From the window before, to which its first token is the last target.
        numbers = np.arange(max((low - 1) // size, 0), min((high - 1) // size, last) + 1)
        starts, lengths, bounds = self._ordered(np.full(len(numbers), epoch), numbers)
        window = np.repeat(np.arange(len(numbers)), np.diff(bounds))
        places = np.cumsum(lengths) - lengths
        places -= places[bounds[window]]
        begin, end = np.maximum(low + phase - starts, 0), np.minimum(high + phase - starts, lengths)
        first = numbers[window] * self._window_rows
        # A row's last token is the first of the next one.
        near = np.maximum(-(-(places + begin - self._row_length) // self._row_length), 0)
        far = np.minimum((places + end - 1) // self._row_length, np.minimum(self._window_rows, self.rows - first) - 1)
        shown = begin < end
        return ragged((first + near)[shown], (first + far)[shown] + 1)[0]

    def _phases(self, epochs: Int64s) -> Int64s:
        """The tokens of the ring with which epochs begin."""
        return (scramble(self._keys(epochs) ^ GOLDEN) % U64(self._held)).astype(np.int64)

    def _keys(self, epochs: Int64s) -> Keys:
        return derive(self._key, epochs)

    def _ordered(self, epochs: Int64s, numbers: Int64s) -> OrderedPieces:
        """Windows of epochs, their documents in the order of a hash of epoch and document; what a border cuts stays at
        its end of the window."""
        first = numbers * self._window_rows
        begin = self._phases(epochs) + first * self._row_length
        end = begin + np.minimum(self._window_rows, self.rows - first) * self._row_length
        low, high = self._ends_up_to(begin), self._ends_up_to(end - 1)
        documents, bounds = ragged(low, high + 2)  # and what follows
        window = np.repeat(np.arange(len(numbers)), np.diff(bounds))
        ends = self._ends_of(documents)
        heads, tails = bounds[:-1], bounds[1:] - 2
        is_cut = np.zeros(len(documents), dtype=bool)
        is_cut[heads] = self._ends_up_to(begin - 1) == low
        is_cut[tails] |= ends[tails] != end
        ends[tails], ends[tails + 1] = end, end + 1
        starts = np.concatenate([begin[:1], ends[:-1]])
        starts[heads] = begin
        place = documents - low[window]
        hashes = derive(self._keys(epochs)[window], documents) >> U64(64 - HASH_BITS)
        # What is cut, and what follows, is not moved: the first is least of all, the others are greatest.
        hashes[is_cut] = np.where(place[is_cut] == 0, 0, (1 << HASH_BITS) - 1)
        hashes[tails + 1] = (1 << HASH_BITS) - 1
        order = order_within(window, hashes, place)
        return OrderedPieces(starts[order], (ends - starts)[order], bounds)

    def _ends_up_to(self, places: Int64s) -> Int64s:
        """How many documents end at places of the ring or before them, in their turn and those before."""
        turn, place = np.divmod(places, self._held)
        return turn * len(self._ends) + np.searchsorted(self._ends, place, side="right")

    def _ends_of(self, documents: Int64s) -> Int64s:
        """Where documents end, by their numbers over all turns."""
        turn, number = np.divmod(documents, len(self._ends))
        ends: Int64s = self._ends[number] + turn * self._held
        return ends


def ragged(low: Int64s, high: Int64s) -> tuple[Int64s, Int64s]:
    """The numbers of all ranges [low[i], high[i]) one after the other, and int64[n + 1] bounds of each range there."""
    bounds = np.concatenate([[0], np.cumsum(high - low)]).astype(np.int64)
    return np.arange(bounds[-1], dtype=np.int64) + np.repeat(low - bounds[:-1], high - low), bounds


def order_within(groups: Int64s, hashes: Keys, places: Int64s) -> Int64s:
    """Sorts by hash within groups, which rise from 0, and by place where hashes of HASH_BITS are equal."""
    if groups[-1] >= MAX_GROUPS or int(places.max()) >> PLACE_BITS:
        return np.lexsort((places, hashes, groups))
    # One number of all three: as they are distinct, any way of sorting does, and takes a fifth of the time.
    low, high = U64(PLACE_BITS), U64(HASH_BITS + PLACE_BITS)
    return np.argsort(groups.astype(U64) << high | hashes << low | places.astype(U64))
