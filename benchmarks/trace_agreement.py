"""From samples to documents and back, on a finished run: do both ways agree, and how long does each take?

positions by chance ─▶ spans of documents ─▶ of one of them, every position that shows it ─▶ is the first among them?

    python benchmarks/trace_agreement.py RUN [--positions 10000] [--row-length 1024]

Of a materialized mixture too, where the run has one. Exits with 1 where they differ.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from curate.run_files import MIXED, shards
from curate.tokenize.run_rows import open_rows
from curate.tokenize.shards import open_shards
from curate.tokenize.trace import InOrder, Tracer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--positions", type=int, default=10_000)
    parser.add_argument("--row-length", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args()
    begun = time.perf_counter()
    rows = open_rows(options.run, row_length=options.row_length)
    print(
        f"opened in {time.perf_counter() - begun:.3f} s: {sum(len(a.ends) for a in rows.arrays.values()):,} documents"
    )
    wrong = compare("drawn", Tracer(rows, rows.arrays), options.positions, options.seed)
    folder = options.run / shards("train", MIXED)
    if folder.is_dir():
        mixed = open_shards(folder)
        tracer = Tracer(InOrder(MIXED, len(mixed), options.row_length), {MIXED: mixed})
        wrong += compare("materialized", tracer, options.positions, options.seed)
    sys.exit(1 if wrong else 0)


def compare(name: str, tracer: Tracer, count: int, seed: int) -> int:
    """How many of so many positions are not among those of a document that they show."""
    chance, wrong, forth, back = random.Random(seed), 0, 0.0, 0.0
    for _ in range(count):
        position = chance.randrange(tracer.rows.rows)
        begun = time.perf_counter()
        spans = list(tracer.spans(position))
        forth += time.perf_counter() - begun
        span = chance.choice(spans)
        begun = time.perf_counter()
        wrong += position not in tracer.positions(span.source, span.document).tolist()
        back += time.perf_counter() - begun
        assert sum(part.last - part.first for part in spans) == spans[-1].last
    per = 1e3 / count
    print(f"{name}: {count - wrong:,} of {count:,} agree, {forth * per:.2f} ms to documents, {back * per:.2f} ms back")
    return wrong


if __name__ == "__main__":
    main()
