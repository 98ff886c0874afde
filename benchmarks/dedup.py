"""Deduplication of real pages, side by side with other libraries: speed, recall and precision, and the S-curve.

    pages ─▶ Parquet ─▶ curate, peer_dedup.py ─▶ removed pages, CPU seconds ─▶ against measured similarities

    python -m venv PEERS && PEERS/bin/pip install datasketch rensa gaoya "datatrove[processing,io]" spacy
    python benchmarks/dedup.py --peers datasketch,rensa,gaoya,datatrove --peer-python PEERS/bin/python

Similarities are exact, from sets of Python tuples.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import scipy.sparse
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from curate.dedup.exact import hash_texts
from curate.dedup.find import find_duplicates
from curate.dedup.minhash import band_keys, sign, signatures_of
from curate.dedup.s_curve import candidate_probability
from curate.recipe_dedup import Dedup
from curate.standalone.dedup import dedup_files
from curate.text.shingles import shingles

NGRAM, BANDS, ROWS = 5, 14, 8
WORD = re.compile(r"[぀-ヿ㐀-鿿]|[^\W_぀-ヿ㐀-鿿]+")
TURNS = 10
COLUMNS = {"CPU s": 8, "fastest": 9, "docs/s": 8, "ratio": 7, "removed": 9, "recall": 9, "precision": 11, "worst": 7}
EXPLAINED = """
recall: one of the pair was removed; precision: removed pages with a kept one of Jaccard similarity 0.5 or more;
worst: the least of these similarities. CPU seconds to the verdicts, one thread: the mean of the repeats, and from the
fastest repeat (for the peers, of each document). curate reads the file, and again for candidates; the peers have the
texts in memory.
"""
OURS: tuple[tuple[str, Any, float], ...] = (
    ("minhash", ("minhash",), 0.0),
    ("minhash, verified", ("minhash",), 0.7),
    ("exact, minhash, ver.", ("exact", "minhash"), 0.7),
)
"""The first does what the peers do: who shares a band is a copy. The last is what a recipe without more words does."""
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.01)


def main() -> None:
    options = parse_options()
    data = options.data
    if not (data / "neardup").is_dir():
        sys.exit(f"{data} has no folder neardup; name the folder that has: python benchmarks/dedup.py DATA")
    pairs = read_pairs(data)
    pages = read_pages(data, {url for pair in pairs for url in pair})
    pages = dict(list(pages.items())[:: max(len(pages) // (options.pages or len(pages)), 1)])
    pairs = [pair for pair in pairs if pages.keys() >= set(pair)]
    texts = list(pages.values())
    print(f"{len(texts)} pages, {sum(map(len, texts)) / len(texts):.0f} characters each; {len(pairs)} pairs\n")
    compare_tools(pages, pairs, options)
    show_cores(pages, options.repeats)
    if options.pages is None:  # else few pairs are left
        with tempfile.TemporaryDirectory() as folder:
            show_recall(pages, pairs, Path(folder))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("data", type=Path, nargs="?", default=default, help="the folder with neardup/ and web/")
    parser.add_argument("--peers", default="", help="datasketch,rensa,gaoya,text-dedup,datatrove, or some")
    parser.add_argument("--peer-python", type=Path, default=Path(sys.executable), help="a Python that has them")
    parser.add_argument("--pages", type=int, help="only so many, evenly spaced")
    parser.add_argument(
        "--repeats", type=int, default=4, help="of each peer; curate's run is short and has ten times as many"
    )
    return parser.parse_args()


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


def compare_tools(pages: dict[str, str], pairs: list[tuple[str, str]], options: argparse.Namespace) -> None:
    """The same Parquet file to each: what it costs, which near pairs it leaves, which pages it loses for nothing."""
    similarities = exact_similarities(pages, pairs)
    near = [pair for pair, similarity in zip(pairs, similarities, strict=True) if similarity >= 0.8]
    expected = np.mean([candidate_probability(j, bands=BANDS, rows=ROWS) for j in similarities if j >= 0.8])
    shingle_counts = Overlaps.of(pages)
    print(f"{len(near)} pairs of similarity 0.8 or more; the S-curve finds {expected:.4f} of them\n")
    print(" " * 28 + "".join(f"{name:>{width}}" for name, width in COLUMNS.items()))
    ours = 0.0
    for tool, mean, fastest, removed in measured(pages, options):
        ours = ours or fastest  # the first
        gone = set(removed)
        recall = np.mean([one in gone or other in gone for one, other in near])
        best = shingle_counts.best_kept(gone)
        cost = f"{tool:28}{mean:8.2f}{fastest:9.2f}{len(pages) / fastest:8.0f}{fastest / ours:7.1f}"
        print(
            f"{cost}{len(gone):9}{recall:9.4f}{(best >= 0.5).mean():11.4f}{best.min(initial=1):7.2f}",
            flush=True,
        )
    print(EXPLAINED)


def measured(pages: dict[str, str], options: argparse.Namespace) -> Iterator[tuple[str, float, float, list[str]]]:
    """Tool, CPU seconds (mean and fastest), removed ids: curate with and without verification, then each peer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.parquet"
        pl.DataFrame({"id": list(pages), "text": list(pages.values())}).write_parquet(path)
        for name, methods, verify in OURS:
            dedup = Dedup(methods, bands=BANDS, rows=ROWS, ngram=NGRAM, verify=verify)
            verdicts = dedup_files([path], dedup).verdicts  # once before: compiles and warms up
            spent = [seconds(lambda dedup=dedup: dedup_files([path], dedup)) for _ in range(options.repeats * TURNS)]
            removed = verdicts.filter(pl.col("duplicate_of").is_not_null())["id"].to_list()
            yield f"curate, {name}", float(np.mean(spent)), min(spent), removed
        for tool in options.peers.split(",") if options.peers else ():
            yield tool, *run_peer(tool, path, Path(folder), options)


def show_cores(pages: dict[str, str], repeats: int) -> None:
    """Wall seconds on one core and on two: the fastest of the repeats, on four edited copies of the pages."""
    table = pl.DataFrame({"id": list(pages), "text": list(pages.values())})
    edits = [
        table.with_columns(pl.col("id") + f"#{word}", pl.col("text").str.replace_all("the", word))
        for word in ("the", "teh", "het", "hte")
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.parquet"
        pl.concat(edits).write_parquet(path, row_group_size=1000)
        wall = {cores: [clocked(path, cores) for _ in range(repeats + 1)] for cores in (1, 2)}
    one, two = min(wall[1]), min(wall[2])
    print(f"exact, minhash, verified: {one:.2f} s on one core, {two:.2f} s on two: {one / two:.2f} times as fast\n")


def clocked(path: Path, cores: int) -> float:
    start = time.perf_counter()
    dedup_files([path], Dedup(), workers=cores)
    return time.perf_counter() - start


def run_peer(tool: str, pages: Path, folder: Path, options: argparse.Namespace) -> tuple[float, float, list[str]]:
    work, out = folder / tool, folder / f"{tool}.json"
    work.mkdir()
    script = Path(__file__).with_name("peer_dedup.py")
    single = dict.fromkeys(("RAYON_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    command = [str(word) for word in (options.peer_python, script, tool, pages, out, work, options.repeats)]
    subprocess.run(command, check=True, env=os.environ | single, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    answer = json.loads(out.read_text())
    return answer["mean"], answer["fastest"], answer["removed"]


class Overlaps(NamedTuple):
    """Which pages have which shingles, so that all similarities between removed and kept pages are one product."""

    ids: list[str]
    members: scipy.sparse.csr_matrix

    @classmethod
    def of(cls, pages: dict[str, str]) -> Overlaps:
        sets = [word_ngrams(text) for text in pages.values()]
        number = {shingle: at for at, shingle in enumerate(dict.fromkeys(shingle for some in sets for shingle in some))}
        columns = [number[shingle] for some in sets for shingle in some]
        rows = np.repeat(np.arange(len(sets)), [len(some) for some in sets])
        shape = (len(sets), len(number))
        return cls(list(pages), scipy.sparse.csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape=shape))

    def best_kept(self, removed: set[str]) -> np.ndarray:
        """For each removed page the similarity to the kept one that is nearest."""
        is_gone = np.array([id in removed for id in self.ids])
        sizes = np.asarray(self.members.sum(axis=1)).ravel()
        shared = (self.members[is_gone] @ self.members[~is_gone].T).tocoo()
        gone, kept = sizes[is_gone], sizes[~is_gone]
        similarity = shared.data / (gone[shared.row] + kept[shared.col] - shared.data)
        best = np.zeros(len(gone))
        np.maximum.at(best, shared.row, similarity)
        return best


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


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
    found = find_duplicates([path], Dedup(bands=BANDS, rows=ROWS, verify=0.0)).verdicts
    cluster = dict(found.select("id", "cluster").iter_rows())
    return np.array([cluster.get(url, url) for url in pages])


def show_bin(name: str, pairs: pl.DataFrame) -> None:
    expected = np.mean([candidate_probability(j, bands=BANDS, rows=ROWS) for j in pairs["exact"]])
    errors = pairs["estimate"] - pairs["exact"]
    band, cluster = pairs["band"].mean(), pairs["cluster"].mean()
    rmse = np.sqrt((errors**2).mean())
    print(f"{name:14}{len(pairs):7}{expected:9.3f}{band:10.3f}{cluster:13.3f}{errors.mean():8.3f}{rmse:8.3f}")


if __name__ == "__main__":
    main()
