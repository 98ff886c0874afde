"""Near-duplicate detection on real pages, side by side with datasketch: speed as a ratio, recall against the S-curve.

    python benchmarks/dedup.py [DATA]        DATA: the folder with neardup/ and web/ (default: ../shared/data)

Speeds are documents per second of CPU time, the best of seven rounds. Where the
ratios of the rounds lie far apart, the machine was busy and no figure of speed counts. Similarities are exact, from
sets of Python tuples.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import datasketch
import numpy as np
import polars as pl
import xxhash
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from curate.dedup.exact import hash_texts
from curate.dedup.find import find_duplicates
from curate.dedup.minhash import band_keys, sign, signatures_of
from curate.dedup.s_curve import candidate_probability
from curate.text.shingles import shingles

NGRAM, BANDS, ROWS = 5, 14, 8
WORD = re.compile(r"[぀-ヿ㐀-鿿]|[^\W_぀-ヿ㐀-鿿]+")
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.01)
ROUNDS = 7
SPEED_PAGES = 300


def main(data: Path) -> None:
    if not (data / "neardup").is_dir():
        sys.exit(f"{data} has no folder neardup; name the folder that has: python benchmarks/dedup.py DATA")
    pairs = read_pairs(data)
    pages = read_pages(data, {url for pair in pairs for url in pair})
    pairs = [pair for pair in pairs if pages.keys() >= set(pair)]
    texts = list(pages.values())
    print(f"{len(texts)} pages, {sum(map(len, texts)) / len(texts):.0f} characters each; {len(pairs)} pairs\n")
    compare_speed(texts)
    with tempfile.TemporaryDirectory() as folder:
        show_recall(pages, pairs, Path(folder))


def read_pairs(data: Path) -> list[tuple[str, str]]:
    with gzip.open(data / "neardup" / "pairs.jsonl.gz") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["a"], row["b"]) for row in rows if min(row["words_a"], row["words_b"]) >= 20]


def read_pages(data: Path, urls: set[str]) -> dict[str, str]:
    pages: dict[str, str] = {}
    for name in ("neardup/web.warc.gz", "web/prose.warc.gz"):
        with open(data / name, "rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response, auto_decode="all"):
                url = record.headers["WARC-Target-URI"].strip("<>")
                if url in urls and url not in pages:
                    html = record.reader.read()
                    pages[url] = extract_plain_text(bytes_to_str(html, detect_encoding(html)), main_content=True)
    return pages


def compare_speed(texts: list[str]) -> None:
    """Texts to signatures, and shingle hashes to signatures: both sides on the same pages, evenly spread over all."""
    texts = texts[:: max(len(texts) // SPEED_PAGES, 1)]
    column = pl.Series(texts)
    found = shingles(column, ngram=NGRAM)
    hashes = [found.values[start:end].tolist() for start, end in pairwise(found.offsets)]
    print(f"speed on {len(texts)} pages, {column.str.len_bytes().sum() / len(texts):.0f} bytes each")
    print(f"{'documents per CPU second':28}{'curate':>10}{'datasketch':>12}{'ratios: median (least to most)':>34}")
    compare(
        "text to signature",
        lambda: sign(column, ngram=NGRAM, bands=BANDS, rows=ROWS),
        lambda: sketches([hash_ngrams(text) for text in texts]),
        len(texts),
    )
    compare(
        "hashes to signature",
        lambda: signatures_of(found, count=BANDS * ROWS),
        lambda: sketches(hashes),
        len(texts),
    )
    print()


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object], documents: int) -> None:
    """One row: a round times both sides one after the other; one round before them compiles and warms up."""
    rounds = np.array([(seconds(ours), seconds(theirs)) for _ in range(ROUNDS + 1)][1:])
    best = documents / rounds.min(axis=0)
    ratios = rounds[:, 1] / rounds[:, 0]
    spread = f"{np.median(ratios):.0f} ({ratios.min():.0f} to {ratios.max():.0f})"
    print(f"{name:28}{best[0]:10.0f}{best[1]:12.0f}{spread:>34}")


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def hash_ngrams(text: str) -> list[int]:
    """The lightest usual way with datasketch: words between spaces, joined, through a fast 32-bit hash."""
    words = text.lower().split()
    return [xxhash.xxh32_intdigest(" ".join(words[i : i + NGRAM]).encode()) for i in range(len(words) - NGRAM + 1)]


def sketches(documents: list[list[int]]) -> list[datasketch.MinHash]:
    """As its documentation advises for many documents: the permutations are drawn once."""
    settings = {"num_perm": BANDS * ROWS, "seed": 1, "scheme": "affine32", "hashfunc": int}
    return list(datasketch.MinHash.generator(documents, **settings))


def word_ngrams(text: str) -> set[tuple[str, ...]]:
    words = WORD.findall(text.casefold())
    return {tuple(words[i : i + NGRAM]) for i in range(max(len(words) - NGRAM + 1, 1))}


def show_recall(pages: dict[str, str], pairs: list[tuple[str, str]], folder: Path) -> None:
    """By similarity: the share of pairs with a common band, what the S-curve expects, the share in one cluster."""
    row = {url: i for i, url in enumerate(pages)}
    one, other = np.array([(row[a], row[b]) for a, b in pairs]).T
    signatures = signatures_of(shingles(pl.Series(list(pages.values())), ngram=NGRAM), count=BANDS * ROWS)
    keys = band_keys(signatures, bands=BANDS)
    labels = cluster_labels(pages, folder)
    measures = pl.DataFrame(
        {
            "exact": exact_similarities(pages, pairs),
            "estimate": (signatures[one] == signatures[other]).mean(axis=1),
            "band": (keys[one] == keys[other]).any(axis=1),
            "cluster": labels[one] == labels[other],
        }
    )
    print(f"{'similarity':14}{'pairs':>7}{'S-curve':>9}{'one band':>10}{'one cluster':>13}{'bias':>8}{'rmse':>8}")
    for low, high in pairwise(BINS):
        show_bin(
            f"{low:.1f} to {high:.1f}" if low < 1 else "1.0",
            measures.filter(pl.col("exact").is_between(low, high, closed="left")),
        )
    show_bin("all from 0.8", measures.filter(pl.col("exact") >= 0.8))


def exact_similarities(pages: dict[str, str], pairs: list[tuple[str, str]]) -> list[float]:
    sets = {url: word_ngrams(text) for url, text in pages.items()}
    return [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs]


def cluster_labels(pages: dict[str, str], folder: Path) -> np.ndarray:
    """Both passes: a signature file, then the cluster of each page."""
    texts = pl.Series(list(pages.values()))
    account = pl.DataFrame({"id": list(pages), "source": "web", "length": texts.str.len_chars()})
    signed = sign(texts, ngram=NGRAM, bands=BANDS, rows=ROWS)
    path = folder / "signatures.parquet"
    pl.concat([account, hash_texts(texts), signed], how="horizontal").write_parquet(path)
    start = time.process_time()
    found = find_duplicates([path], methods=("exact", "minhash"), bands=BANDS, prefer=())
    dropped = found["duplicate_of"].count()
    print(
        f"pass 2: {len(pages) / (time.process_time() - start):.0f} documents per CPU second; {dropped} are duplicates\n"
    )
    cluster = dict(found.select("id", "cluster").iter_rows())
    return np.array([cluster.get(url, url) for url in pages])


def show_bin(name: str, pairs: pl.DataFrame) -> None:
    expected = np.mean([candidate_probability(j, bands=BANDS, rows=ROWS) for j in pairs["exact"]])
    errors = pairs["estimate"] - pairs["exact"]
    band, cluster = pairs["band"].mean(), pairs["cluster"].mean()
    rmse = np.sqrt((errors**2).mean())
    print(f"{name:14}{len(pairs):7}{expected:9.3f}{band:10.3f}{cluster:13.3f}{errors.mean():8.3f}{rmse:8.3f}")


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
