"""Both passes on real near-duplicates: pages of one manual for two architectures, with measured Jaccard similarity."""

from __future__ import annotations

import gzip
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pytest
from datasketch import MinHash, MinHashLSH
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from curate.dedup.clusters import components
from curate.dedup.exact import hash_texts
from curate.dedup.find import find_duplicates
from curate.dedup.minhash import band_names, sign, unpack_signatures
from curate.dedup.s_curve import candidate_probability
from curate.recipe_dedup import Dedup, Verify
from curate.text.shingles import shingles

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
NGRAM, BANDS, ROWS = 5, 14, 8
EVERY = 7  # of 949 pairs that this file holds: 136 pairs, 272 pages


class Crawl(NamedTuple):
    table: pl.DataFrame  # id (the URL), source, length, text, hashes, bands, signature; sorted by id
    pairs: npt.NDArray[np.int64]  # [n, 2], rows of the table
    similarities: npt.NDArray[np.float64]  # [n], exact Jaccard similarity from sets of Python tuples


@pytest.fixture(scope="module")
def crawl() -> Crawl:
    if not (SHARED / "neardup").is_dir():
        pytest.skip("the real near-duplicates (../shared/data/neardup) are not here")
    html = read_html()
    pairs = [pair for pair in read_pairs() if html.keys() >= set(pair)][::EVERY]
    urls = sorted({url for pair in pairs for url in pair})
    texts = {url: extract(html[url]) for url in urls}
    sets = {url: word_ngrams(text) for url, text in texts.items()}
    similarities = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs]
    rows = [(urls.index(a), urls.index(b)) for a, b in pairs]
    return Crawl(pass_1(texts), np.array(rows), np.array(similarities))


def read_pairs() -> list[tuple[str, str]]:
    with gzip.open(SHARED / "neardup" / "pairs.jsonl.gz") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["a"], row["b"]) for row in rows if min(row["words_a"], row["words_b"]) >= 20]


def read_html() -> dict[str, bytes]:
    with open(SHARED / "neardup" / "web.warc.gz", "rb") as file:
        records = ArchiveIterator(file, record_types=WarcRecordType.response, auto_decode="all")
        return {record.headers["WARC-Target-URI"].strip("<>"): record.reader.read() for record in records}


def extract(html: bytes) -> str:
    return str(extract_plain_text(bytes_to_str(html, detect_encoding(html)), main_content=True))


def word_ngrams(text: str, ngram: int = NGRAM) -> set[tuple[str, ...]]:
    words = re.findall(r"[぀-ヿ㐀-鿿]|[^\W_぀-ヿ㐀-鿿]+", text.casefold())
    return {tuple(words[i : i + ngram]) for i in range(max(len(words) - ngram + 1, 1))}


def pass_1(pages: dict[str, str]) -> pl.DataFrame:
    texts = pl.Series("text", list(pages.values()))
    account = pl.DataFrame({"id": list(pages), "source": "web", "length": texts.str.len_chars(), "text": texts})
    signed = sign(texts, ngram=NGRAM, bands=BANDS, rows=ROWS)
    return pl.concat([account, hash_texts(texts), signed], how="horizontal")


def share_a_band(crawl: Crawl) -> npt.NDArray[np.bool_]:
    keys = crawl.table.select(band_names(BANDS)).to_numpy()
    one, other = crawl.pairs.T
    return np.asarray((keys[one] == keys[other]).any(axis=1))


def find(crawl: Crawl, folder: Path, *methods: str, verify: float | Verify = 0.0) -> pl.DataFrame:
    halves = [crawl.table[::2], crawl.table[1::2]]
    paths = [folder / "0.parquet", folder / "1.parquet"]
    for half, path in zip(halves, paths, strict=True):
        half.drop("text").write_parquet(path)

    def texts(number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
        return halves[number]["text"].gather(rows)

    dedup = Dedup(methods, ngram=NGRAM, bands=BANDS, rows=ROWS, verify=verify, prefer=("web",))  # type: ignore[arg-type]
    return find_duplicates(paths, dedup, texts=texts if verify else None, scratch=folder).verdicts


def test_near_duplicates_are_found_as_often_as_the_s_curve_says(crawl: Crawl) -> None:
    near = crawl.similarities >= 0.5
    assert near.sum() > 60
    expected = np.array([candidate_probability(j, bands=BANDS, rows=ROWS) for j in crawl.similarities])
    deviation = np.sqrt((expected * (1 - expected)).sum())
    assert abs(share_a_band(crawl).sum() - expected.sum()) < 4 * deviation
    assert share_a_band(crawl)[crawl.similarities >= 0.9].all()
    assert not share_a_band(crawl)[crawl.similarities < 0.2].any()


def test_signatures_estimate_the_exact_similarity_of_real_pages(crawl: Crawl) -> None:
    column = pa.chunked_array([crawl.table["signature"].to_arrow()])
    signatures = unpack_signatures(column, np.arange(crawl.table.height))
    one, other = crawl.pairs.T
    errors = (signatures[one] == signatures[other]).mean(axis=1) - crawl.similarities
    assert abs(errors.mean()) < 0.015
    assert np.sqrt((errors**2).mean()) < 0.05  # theory: at most 0.5 / sqrt(112) = 0.047


def test_every_pair_that_shares_a_band_is_in_one_cluster(crawl: Crawl, tmp_path: Path) -> None:
    found = find(crawl, tmp_path, "exact", "minhash")
    cluster = dict(zip(found["id"], found["cluster"], strict=True))
    urls = crawl.table["id"]
    for one, other in crawl.pairs[share_a_band(crawl)]:
        assert cluster[urls[int(one)]] == cluster[urls[int(other)]]
    assert found.filter(pl.col("duplicate_of").is_not_null())["similarity"].is_not_null().all()


def test_verified_copies_are_as_similar_as_asked_and_none_of_a_near_pair_is_left_beside_the_other(
    crawl: Crawl, tmp_path: Path
) -> None:
    found = find(crawl, tmp_path, "exact", "minhash", verify=0.7)
    sets = {url: word_ngrams(text) for url, text in crawl.table.select("id", "text").iter_rows()}
    copies = found.filter(pl.col("duplicate_of").is_not_null())
    assert copies.height > 60
    for id, original, similarity in copies.select("id", "duplicate_of", "similarity").iter_rows():
        exact = len(sets[id] & sets[original]) / len(sets[id] | sets[original])
        assert similarity == pytest.approx(exact, abs=0.01)
        assert similarity >= 0.7
    removed = set(copies["id"])
    urls = crawl.table["id"]
    near = crawl.pairs[share_a_band(crawl) & (crawl.similarities >= 0.8)]
    assert len(near) > 40
    for one, other in near:
        assert urls[int(one)] in removed or urls[int(other)] in removed


def test_pages_go_only_where_three_quarters_of_them_stand_in_the_page_that_stays(crawl: Crawl, tmp_path: Path) -> None:
    found = find(crawl, tmp_path, "exact", "minhash", verify=Verify(containment=0.75))
    texts = dict(crawl.table.select("id", "text").iter_rows())
    trigrams = {url: word_ngrams(text, 3) for url, text in texts.items()}
    words = {url: word_ngrams(text, 1) for url, text in texts.items()}
    copies = found.filter(pl.col("method") == "minhash")
    assert copies.height > 30
    for row in copies.iter_rows(named=True):
        mine, theirs = trigrams[row["id"]], trigrams[row["duplicate_of"]]
        assert row["containment"] == pytest.approx(len(mine & theirs) / len(mine), abs=0.01)
        assert row["containment"] >= 0.75
        assert row["novel_words"] == pytest.approx(len(words[row["id"]] - words[row["duplicate_of"]]), abs=3)
    # Nothing stays beside a page of its bucket that holds more than that of it, as brute force sees it.
    kept = set(crawl.table["id"]) - set(found.filter(pl.col("duplicate_of").is_not_null())["id"])
    urls = crawl.table["id"]
    for one, other in crawl.pairs[share_a_band(crawl)]:
        a, b = trigrams[urls[int(one)]], trigrams[urls[int(other)]]
        if min(len(a & b) / len(a), len(a & b) / len(b)) > 0.77:
            assert not {urls[int(one)], urls[int(other)]} <= kept


def test_clusters_are_those_of_datasketch_s_index_over_the_same_hashes(crawl: Crawl, tmp_path: Path) -> None:
    found = shingles(crawl.table["text"], ngram=NGRAM)
    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    sketches = []
    for start, end in pairwise(found.offsets):
        sketches.append(MinHash(BANDS * ROWS, seed=1, scheme="affine32", hashfunc=int))
        sketches[-1].update_batch(found.values[start:end].tolist())
        index.insert(len(sketches) - 1, sketches[-1])
    edges = [(row, other) for row, sketch in enumerate(sketches) for other in index.query(sketch)]
    pairs = np.array(edges, dtype=np.int64)
    theirs = components([(pairs.ravel(), np.repeat(np.arange(len(pairs), dtype=np.uint64), 2))], len(sketches))
    kept = dict(find(crawl, tmp_path, "minhash").select("id", "cluster").iter_rows())
    ours = [kept.get(url, url) for url in crawl.table["id"]]
    assert len(set(zip(ours, theirs, strict=True))) == len(set(ours)) == len(set(theirs.tolist()))
