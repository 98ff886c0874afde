"""Best-fit packing: every token once, nothing cut that fits, rows as full as they can be told to be."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.tokenize.pack import cut_documents, pack

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=200)


@given(LENGTHS, st.integers(1, 128))
def test_a_document_is_cut_only_where_it_is_longer_than_a_row(tokens: list[int], row_length: int) -> None:
    pieces = cut_documents(np.array(tokens, dtype=np.int64), row_length)
    for number, size in enumerate(tokens):
        mine = pieces.document == number
        assert pieces.begin[mine].tolist() == [*range(0, size, row_length)]
        assert pieces.length[mine].sum() == size
        assert (pieces.length[mine][:-1] == row_length).all()


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 128))
def test_pieces_lie_in_their_rows_beside_one_another_from_the_first_place_on(
    tokens: list[int], row_length: int
) -> None:
    length = cut_documents(np.array(tokens, dtype=np.int64), row_length).length
    packing = pack(length, row_length)
    assert sorted({*packing.row.tolist()}) == [*range(packing.rows)]
    for row in range(packing.rows):
        order = np.argsort(packing.place[packing.row == row])
        places, lengths = packing.place[packing.row == row][order], length[packing.row == row][order]
        assert places.tolist() == (np.cumsum(lengths) - lengths).tolist()
        assert lengths.sum() <= row_length


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 128))
def test_no_two_rows_would_fit_into_one(tokens: list[int], row_length: int) -> None:
    length = cut_documents(np.array(tokens, dtype=np.int64), row_length).length
    packing = pack(length, row_length)
    filled = np.sort(np.bincount(packing.row, weights=length))
    assert len(filled) < 2 or filled[0] + filled[1] > row_length


def one_by_one(lengths: list[int], row_length: int) -> int:
    """How many rows best fit, longest first, needs, piece by piece as its authors write it."""
    room: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [at for at, left in enumerate(room) if left >= length]
        if fitting:
            best = min(fitting, key=lambda at: room[at])
            room[best] -= length
        else:
            room.append(row_length - length)
    return len(room)


@settings(deadline=None)
@given(st.lists(st.integers(1, 64), min_size=1, max_size=150))
def test_as_many_rows_are_needed_as_by_one_piece_after_the_other(lengths: list[int]) -> None:
    assert pack(np.array(lengths, dtype=np.int64), 64).rows == one_by_one(lengths, 64)


def test_documents_of_a_corpus_fill_their_rows() -> None:
    sizes = np.random.default_rng(1).lognormal(6, 1.2, size=20_000).astype(np.int64) + 1
    pieces = cut_documents(sizes, 2048)
    packing = pack(pieces.length, 2048)
    assert sizes.sum() / (packing.rows * 2048) > 0.998
