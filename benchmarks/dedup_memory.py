"""What each method of deduplication keeps in memory where one process does it: bytes of each document, at two sizes.

    drawn pages ─▶ signature files, texts ─▶ `find_duplicates` in a process of its own ─▶ peak of memory
                                              (the larger size's - the smaller one's) / more documents ─▶ bytes

    python benchmarks/dedup_memory.py --documents 50000,200000

Pages are 24 lines of 12 words; of three lines one stands in other pages, too, and one page in four is another one with
three words changed. Embeddings have 64 numbers.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.find import find_duplicates
from curate.dedup.index import append_index
from curate.dedup.sign import sign_documents
from curate.recipe_dedup import Dedup

SPLIT_DOCUMENTS = 10_000
LINES, WORDS, DIMENSIONS = 24, 12, 64
MEASURED = {
    "exact": Dedup(method=("exact",)),
    "minhash": Dedup(method=("minhash",)),
    "cleanest": Dedup(method=("minhash",), keep="cleanest"),
    "against": Dedup(method=("minhash",)),
    "lines": Dedup(method=("lines",)),
    "substring": Dedup(method=("substring",)),
    "ngrams": Dedup(method=("ngrams",)),
    "semantic": Dedup(method=("semantic",)),
}


def main() -> None:
    options = parse_options()
    if options.measure:
        print(peak(options.measure, options.method))
        return
    sizes = [int(size) for size in options.documents.split(",")]
    names = options.methods.split(",") if options.methods else [*MEASURED]
    found = {name: [] for name in names}
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as work:
            text = draw(Path(work), size)
            for name, peaks in found.items():
                command = [sys.executable, __file__, "--measure", work, "--method", name]
                peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(f"{text / size:,.0f} bytes of text a document")
    print(f"{'':>12}" + "".join(f"{f'{size:,}':>14}" for size in sizes) + f"{'bytes a document':>20}")
    for name, peaks in found.items():
        each = (peaks[-1] - peaks[0]) / (sizes[-1] - sizes[0])
        print(f"{name:>12}" + "".join(f"{value / 1e6:>11.0f} MB" for value in peaks) + f"{each:>20.0f}")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", default="50000,200000")
    parser.add_argument("--methods", help=f"some of {','.join(MEASURED)} (default: all)")
    parser.add_argument("--folder", type=Path, help="where pages are drawn (default: the temporary folder)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--method", help=argparse.SUPPRESS)
    return parser.parse_args()


def draw(work: Path, documents: int) -> int:
    """Signature files and texts; returns how many bytes of text."""
    dedup, size = Dedup(method=("exact", "minhash", "semantic")), 0
    rng = np.random.default_rng(documents)
    pool = lines_of(rng, documents)
    for number, first in enumerate(range(0, documents, SPLIT_DOCUMENTS)):
        count = min(SPLIT_DOCUMENTS, documents - first)
        ids = pl.select(pl.format("https://a.example/pages/{}", pl.int_range(first, first + count))).to_series()
        vectors = rng.standard_normal((count, DIMENSIONS)).astype(np.float32)
        texts = pages(rng, count, pool)
        rows = pl.DataFrame({"id": ids, "source": "web", "text": texts, "embedding": vectors})
        sign_documents(rows, dedup).write_parquet(work / f"{number:05}.signatures.parquet")
        rows.select("text").write_parquet(work / f"{number:05}.documents.parquet")
        size += int(rows["text"].str.len_bytes().sum())
    append_index(work / "index", Dedup(method=("minhash",)), sorted(work.glob("*1.signatures.parquet")))
    return size


def lines_of(rng: np.random.Generator, count: int) -> npt.NDArray[np.object_]:
    words = np.array([f"word{number}" for number in range(50_000)])
    return np.array([" ".join(line) for line in words[rng.integers(0, len(words), (count, WORDS))]], dtype=object)


def pages(rng: np.random.Generator, count: int, pool: npt.NDArray[np.object_]) -> list[str]:
    found: list[list[str]] = []
    for number in range(count):
        if number % 4 == 3:
            lines = [*found[-1]]
            for _ in range(3):
                lines[rng.integers(LINES)] += f" changed{rng.integers(1 << 30)}"
        else:
            lines = [*lines_of(rng, LINES)]
            for at in range(0, LINES, 3):
                lines[at] = pool[rng.integers(len(pool))]
        found.append(lines)
    return ["\n".join(lines) for lines in found]


def peak(work: Path, name: str) -> int:
    dedup = MEASURED[name]
    earlier = sorted((work / "index").glob("*.parquet")) if name == "against" else []
    signed, stored = (sorted(work.glob(f"*.{kind}.parquet")) for kind in ("signatures", "documents"))
    if earlier:
        signed, stored = (
            [path for path in paths if not path.name.split(".")[0].endswith("1")] for paths in (signed, stored)
        )

    def texts(number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
        return pl.read_parquet(stored[number])["text"].gather(rows)

    find_duplicates(signed, replace(dedup), texts=texts, scratch=work, earlier=earlier)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
