"""How fast a training is served: rows of a mixture in a new order of documents, beside windows at random places.

made shards of two sources, in the page cache ─▶ rows by position ─▶ tokens a second and process
                                              └▶ nanoGPT's way: windows of one memory map at random starts

    python benchmarks/loader.py [--documents 200000] [--rounds 5]

The second table is a plan of a billion rows: how long until its first batch, and one in its middle, is there.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from curate.tokenize.mix import plan_mixture
from curate.tokenize.run_rows import RunRows
from curate.tokenize.shards import TokenArray, open_shards, write_shard

BATCH = 64
WEIGHTS = {"web": 0.8, "books": 0.2}
TOKENS = {"web": 700, "books": 30_000}
"""By source, of a document, in the mean."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000, help="of the first source")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arrays = {name: made(Path(folder) / name, options.documents, size) for name, size in TOKENS.items()}
        print("tokens a row | M tokens/s | as windows at random | ratio")
        for row_length in (512, 1024, 2048, 4096):
            ours = median_rate(rows_of(arrays, row_length), row_length, options.rounds)
            plain = median_rate(windows_of(arrays["web"], row_length), row_length, options.rounds)
            print(f"{row_length:12,} | {ours:10.1f} | {plain:20.1f} | {ours / plain:5.2f}")
        first_batches(arrays)


def made(folder: Path, documents: int, size: int) -> TokenArray:
    """Documents of about so many random tokens; of long ones as many fewer."""
    folder.mkdir()
    chance = np.random.default_rng(17)
    count = max(documents * TOKENS["web"] // size // 4, 50) if size > TOKENS["web"] else documents
    lengths = np.maximum(chance.lognormal(np.log(size) - 0.5, 1, size=count).astype(np.int64), 2)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = chance.integers(1, 50_000, size=int(offsets[-1]), dtype=np.uint16)
    tokens[offsets[1:] - 1] = 0
    ids = pl.Series("id", [str(number) for number in range(count)])
    write_shard(folder, "00000", tokens, offsets, ids, pl.Series("bytes", 4 * lengths))
    return open_shards(folder)


def rows_of(arrays: Mapping[str, TokenArray], row_length: int) -> Callable[[int], object]:
    held = {name: len(array) for name, array in arrays.items()}
    mixture = plan_mixture(held, weights=WEIGHTS, tokens=sum(held.values()) // 2, max_epochs=4)
    rows = RunRows(mixture, arrays, row_length=row_length, seed=17)
    return lambda batch: rows.gather(np.arange(batch * BATCH, (batch + 1) * BATCH, dtype=np.int64))


def windows_of(array: TokenArray, row_length: int) -> Callable[[int], object]:
    tokens, chance = array.shards[0].tokens, np.random.default_rng(17)

    def batch(_: int) -> object:
        starts = chance.integers(0, len(tokens) - row_length - 1, size=BATCH)
        return np.stack([tokens[start : start + row_length + 1].astype(np.int64) for start in starts.tolist()])

    return batch


def median_rate(batch: Callable[[int], object], row_length: int, rounds: int) -> float:
    """Millions of tokens a second of CPU time, in the median of rounds of some seconds."""
    rates, number = [], 0
    for turn in range(rounds + 1):
        begun, first = time.process_time(), number
        while time.process_time() - begun < 1:
            batch(number)
            number += 1
        if turn:  # the first one reads the files into memory
            rates.append((number - first) * BATCH * row_length / (time.process_time() - begun) / 1e6)
    return statistics.median(rates)


def first_batches(arrays: Mapping[str, TokenArray]) -> None:
    held = {name: len(array) for name, array in arrays.items()}
    begun = time.perf_counter()
    mixture = plan_mixture(held, weights=WEIGHTS, tokens=64 * 10**9, max_epochs=10**6)
    rows = RunRows(mixture, arrays, row_length=64, seed=17)
    rows.gather(np.arange(BATCH, dtype=np.int64))
    first = time.perf_counter() - begun
    rows.gather(np.arange(rows.rows // 2, rows.rows // 2 + BATCH, dtype=np.int64))
    print(f"a plan of {rows.rows:,} rows: first batch after {first:.3f} s, one in its middle after ", end="")
    print(f"{time.perf_counter() - begun - first:.3f} s more")


if __name__ == "__main__":
    main()
