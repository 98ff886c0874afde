"""Signatures against datasketch bit for bit, and bands against the published S-curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup.minhash import band_keys, band_names, sign, signatures_of, unpack_signatures
from curate.dedup.s_curve import candidate_probability
from curate.errors import UsageError
from curate.text.shingles import Shingles, shingles

TEXT = (
    "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and "
    "nothing particular to interest me on shore, I thought I would sail about a little and see the watery part of "
    "the world. It is a way I have of driving off the spleen and regulating the circulation."
)


def signed_by_datasketch(values: list[int], count: int, seed: int) -> list[int]:
    minhash = MinHash(count, seed=seed, scheme="affine32", hashfunc=int)
    minhash.update_batch(values)
    return list(minhash.hashvalues.tolist())


def pairs_of_similarity(similarity: float, *, pairs: int, size: int = 200) -> Shingles:
    """Documents 2i and 2i + 1 are random sets whose Jaccard similarity is `similarity` (up to rounding)."""
    common = round(2 * size * similarity / (1 + similarity))
    values = np.random.default_rng(5).integers(0, 1 << 32, (pairs, 2, size), dtype=np.uint32)
    values[:, 1, :common] = values[:, 0, :common]
    return Shingles(values.reshape(-1), np.arange(0, 2 * pairs + 1, dtype=np.int64) * size)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=70), min_size=1, max_size=5),
    st.integers(1, 130),
    st.integers(0, 5),
)
def test_signatures_are_datasketch_s_for_the_same_hashes(documents: list[list[int]], count: int, seed: int) -> None:
    offsets = np.cumsum([0, *map(len, documents)], dtype=np.int64)
    found = Shingles(np.array([value for values in documents for value in values], dtype=np.uint32), offsets)
    expected = [signed_by_datasketch(values, count, seed) for values in documents]
    assert signatures_of(found, count=count, seed=seed).tolist() == expected


def unpacked(signed: pl.DataFrame) -> npt.NDArray[np.uint32]:
    column = signed["signature"].to_arrow()
    return unpack_signatures(pa.chunked_array([column]), np.arange(signed.height))


def test_signatures_are_taken_from_a_column_with_nulls_in_any_order() -> None:
    signed = sign(pl.Series(["", TEXT, "...", "a word", TEXT]), ngram=5, bands=3, rows=4)
    column = pa.chunked_array([signed[:2]["signature"].to_arrow(), signed[2:]["signature"].to_arrow()])
    one, other, again = unpack_signatures(column, np.array([3, 1, 4])).tolist()
    assert other == again != one


def test_a_document_longer_than_a_block_is_signed_like_a_short_one() -> None:
    text = " ".join(f"{word} {number}" for number in range(1500) for word in TEXT.split()[:10])
    found = shingles(pl.Series([TEXT, text]), ngram=5)
    assert len(found.values) > 10_000
    signed = unpacked(sign(pl.Series([TEXT, text]), ngram=5, bands=14, rows=8))
    assert signed[0].tolist() == signed_by_datasketch(found.values[: found.offsets[1]].tolist(), 112, 1)
    assert signed[1].tolist() == signed_by_datasketch(found.values[found.offsets[1] :].tolist(), 112, 1)


def test_columns_have_their_names_and_types_and_documents_without_words_are_null() -> None:
    frame = sign(pl.Series([TEXT, "", "...", None, "word"], dtype=pl.String), ngram=5, bands=3, rows=4)
    assert frame.schema == dict.fromkeys(band_names(3), pl.UInt64) | {"signature": pl.Binary}
    for column in frame:
        assert column.is_null().to_list() == [False, True, True, True, False]
    assert sign(pl.Series([], dtype=pl.String), ngram=5, bands=3, rows=4).schema == frame.schema


def test_band_keys_are_equal_where_all_rows_of_the_band_are() -> None:
    signatures = np.random.default_rng(1).integers(0, 2, (3000, 12), dtype=np.uint32)
    keys = band_keys(signatures, bands=4)
    for band in range(4):
        rows = signatures[:, band * 3 : band * 3 + 3]
        assert len(np.unique(keys[:, band])) == 8
        assert len(np.unique(np.column_stack([keys[:, band], rows]), axis=0)) == 8


def test_band_keys_of_many_bands_do_not_collide() -> None:
    signatures = np.random.default_rng(2).integers(0, 1 << 32, (200_000, 8), dtype=np.uint32)
    assert len(np.unique(band_keys(signatures, bands=1))) == 200_000


@pytest.mark.parametrize(
    ("bands", "rows", "expected"),
    [
        (14, 8, (0.053, 0.211, 0.565, 0.772, 0.924, 0.988, 1.000)),  # FineWeb, as its paper states too
        (450, 20, (0.000, 0.016, 0.302, 0.761, 0.995, 1.000, 1.000)),  # RefinedWeb, appendix
        (93, 15, (0.003, 0.043, 0.358, 0.714, 0.964, 1.000, 1.000)),  # DCLM
        (26, 11, (0.013, 0.090, 0.405, 0.674, 0.903, 0.991, 1.000)),  # OLMo 3
        (20, 13, (0.002, 0.026, 0.177, 0.382, 0.677, 0.924, 0.997)),  # NeMo Curator
        (9, 13, (0.001, 0.012, 0.084, 0.195, 0.399, 0.686, 0.929)),  # RedPajama v2 at .8
        (32, 4, (0.873, 0.988, 1.000, 1.000, 1.000, 1.000, 1.000)),  # Zyda
    ],
)
def test_the_s_curve_gives_the_figures_of_published_settings(
    bands: int, rows: int, expected: tuple[float, ...]
) -> None:
    similarities = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
    ours = [candidate_probability(similarity, bands=bands, rows=rows) for similarity in similarities]
    assert ours == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.8, 0.9])
def test_pairs_share_a_band_as_often_as_the_s_curve_says(similarity: float) -> None:
    signatures = signatures_of(pairs_of_similarity(similarity, pairs=2000), count=112)
    keys = band_keys(signatures, bands=14)
    share = float((keys[::2] == keys[1::2]).any(axis=1).mean())
    # Four standard deviations of 2,000 draws, and a little for the correlation of the 112 permutations.
    assert share == pytest.approx(candidate_probability(similarity, bands=14, rows=8), abs=0.05)


@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8])
def test_equal_places_estimate_the_jaccard_similarity(similarity: float) -> None:
    signatures = signatures_of(pairs_of_similarity(similarity, pairs=2000), count=112)
    estimates = (signatures[::2] == signatures[1::2]).mean(axis=1)
    assert estimates.mean() == pytest.approx(similarity, abs=0.01)
    assert estimates.std() == pytest.approx((similarity * (1 - similarity) / 112) ** 0.5, rel=0.25)


def test_an_edited_text_is_estimated_at_its_exact_similarity() -> None:
    words = (TEXT * 4).split()
    words = [f"{word}{i % 97}" for i, word in enumerate(words)]
    edited = [word if i % 40 else "edited" for i, word in enumerate(words)]
    texts = pl.Series([" ".join(words), " ".join(edited)])

    def ngrams(tokens: list[str]) -> set[tuple[str, ...]]:
        plain = ["".join(filter(str.isalnum, token)).lower() for token in tokens]
        return {tuple(plain[i : i + 5]) for i in range(len(plain) - 4)}

    one, other = ngrams(words), ngrams(edited)
    exact = len(one & other) / len(one | other)
    found: npt.NDArray[np.uint32] = unpacked(sign(texts, ngram=5, bands=32, rows=64))
    assert (found[0] == found[1]).mean() == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize(("ngram", "bands", "rows"), [(0, 14, 8), (5, 0, 8), (5, 14, 0)])
def test_parameters_below_one_are_refused(ngram: int, bands: int, rows: int) -> None:
    with pytest.raises(UsageError):
        sign(pl.Series(["a"]), ngram=ngram, bands=bands, rows=rows)
