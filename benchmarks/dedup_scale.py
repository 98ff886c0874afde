"""Pass 2 of deduplication on drawn signatures with planted clusters: time and memory from 100 thousand to 10 million.

    planted clusters ─▶ signature files (Parquet) ─▶ find_duplicates, in a process of its own ─▶ CPU s, memory, recall

    python benchmarks/dedup_scale.py --sizes 100000,1000000,10000000

Four of ten documents are in clusters of 2 to 50, whose members agree with the first in each row of the signature with
probability 0.9: pairs of Jaccard similarity 0.9 as MinHash sees them. Verification estimates from signatures, as there
are no texts. A file of 10 million has 5.7 GB.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.find import find_duplicates
from curate.dedup.minhash import band_keys, band_names, pack_signatures
from curate.recipe_dedup import Dedup

BANDS, ROWS = 14, 8
AGREEMENT = 0.9
IN_CLUSTERS = 0.4
LARGEST = 50
FILE_DOCUMENTS = 200_000


def main() -> None:
    options = parse_options()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    sizes = [int(size) for size in options.sizes.split(",")]
    heads = {"documents": 12, "CPU s": 9, "wall s": 9, "memory MB": 11, "us a document": 15, "copies": 11, "found": 12}
    print("".join(f"{name:>{width}}" for name, width in heads.items()))
    seconds = [run_size(size, options.folder) for size in sizes]
    if len(sizes) > 1:
        exponent = math.log(seconds[-1] / seconds[0]) / math.log(sizes[-1] / sizes[0])
        print(f"\nCPU time grows as N^{exponent:.2f} from {sizes[0]:,} to {sizes[-1]:,}")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--folder", type=Path, help="where the files are drawn (default: the temporary folder)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def run_size(size: int, folder: Path | None) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        planted = draw(size, Path(work))
        os.sync()  # what was drawn is not written while it is read
        command = [sys.executable, __file__, "--measure", work]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    cpu = float(found["cpu"])
    share = found["copies"] / planted
    memory, each = found["memory"] / 1e6, cpu / size * 1e6
    print(
        f"{size:12,}{cpu:9.1f}{found['wall']:9.1f}{memory:11.0f}{each:15.1f}{found['copies']:11,}{share:12.4f}",
        flush=True,
    )
    return cpu


def measure(folder: Path) -> dict[str, float]:
    files = sorted(folder.glob("*.parquet"))
    dedup = Dedup(method=("minhash",), bands=BANDS)
    find_duplicates(files[:1], dedup, scratch=folder)  # compiled and loaded
    cpu, wall = time.process_time(), time.perf_counter()
    found = find_duplicates(files, dedup, scratch=folder).verdicts
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "copies": int(found["duplicate_of"].count()),
    }


def draw(size: int, folder: Path) -> int:
    """Write the files; returns how many documents repeat the first of their cluster."""
    rng = np.random.default_rng(size)
    planted = 0
    for number, start in enumerate(range(0, size, FILE_DOCUMENTS)):
        count = min(FILE_DOCUMENTS, size - start)
        signatures, copies = draw_signatures(count, rng)
        planted += copies
        shuffled = rng.permutation(count)
        ids = pl.Series("id", start + shuffled).cast(pl.String).str.zfill(12)
        keys = band_keys(signatures, bands=BANDS)
        table = pl.DataFrame(
            {"id": ids, "source": pl.repeat("web", count, eager=True), "length": rng.integers(200, 20_000, count)}
            | {name: keys[:, band] for band, name in enumerate(band_names(BANDS))}
            | {"signature": pack_signatures(signatures)}
        )
        table.write_parquet(folder / f"{number:04}.parquet", compression="uncompressed")
    return planted


def draw_signatures(count: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint32], int]:
    """Clusters one after the other, then documents that stand alone."""
    sizes = []
    while sum(sizes) < count * IN_CLUSTERS:
        sizes.append(int(min(2 + rng.geometric(0.25), LARGEST)))
    first = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)[:count]
    first = np.concatenate([first, np.arange(len(first), count)])
    signatures = rng.integers(0, 1 << 32, (count, BANDS * ROWS), dtype=np.uint32)
    is_copy = first != np.arange(count)
    agrees = (rng.random((count, BANDS * ROWS), dtype=np.float32) < AGREEMENT) & is_copy[:, None]
    np.copyto(signatures, signatures[first], where=agrees)
    return signatures, int(is_copy.sum())


if __name__ == "__main__":
    main()
