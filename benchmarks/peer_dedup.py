"""One other library deduplicates a Parquet file of `id, text`; run by benchmarks/dedup.py in the peers' environment.

    python peer_dedup.py TOOL IN.parquet OUT.json FOLDER REPEATS   TOOL: datasketch, rensa, gaoya, text-dedup, datatrove

Each as its documentation shows, at word 5-grams, 14 bands of 8 rows. Writes the ids that it removes, and CPU seconds
from the texts in memory to knowing them: the mean of the repeats, and from the fastest repeat of each document, since
a machine may stand still now and then. Imports do not count. datatrove runs once, as a whole.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from datasketch import MinHash, MinHashLSH
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from gaoya.minhash import MinHashStringIndex
from rensa import RMinHash, RMinHashDeduplicator

NGRAM, BANDS, ROWS = 5, 14, 8
THRESHOLD = 0.7  # rensa and gaoya verify estimates against it
WORD = re.compile(r"[぀-ヿ㐀-鿿]|[^\W_぀-ヿ㐀-鿿]+")


class Work(NamedTuple):
    """One run: a step for each document in turn, then the ids that go."""

    step: Callable[[int], None]
    end: Callable[[], list[str]]


def main() -> None:
    tool, source, out, folder, repeats = sys.argv[1], *map(Path, sys.argv[2:5]), int(sys.argv[5])
    table = pq.read_table(source, columns=["id", "text"]).to_pydict()
    begin = TOOLS[tool]
    runs, removed = [], []
    for number in range(repeats if tool != "datatrove" else 1):
        work = begin(table["id"], table["text"], folder / str(number))
        spent = [cpu(work.step, at)[0] for at in range(len(table["id"]))]
        last, removed = cpu(work.end)
        runs.append([*spent, last])
    mean = sum(map(sum, runs)) / len(runs)
    fastest = sum(map(min, zip(*runs, strict=True)))
    out.write_text(json.dumps({"mean": mean, "fastest": fastest, "removed": removed}))


def cpu(work: Callable[..., Any], *arguments: int) -> tuple[float, Any]:
    started = time.process_time()
    result = work(*arguments)
    return time.process_time() - started, result


def ngrams(text: str) -> list[str]:
    words = WORD.findall(text.casefold())
    return [" ".join(words[at : at + NGRAM]) for at in range(max(len(words) - NGRAM + 1, 1))] if words else []


def with_datasketch(ids: list[str], texts: list[str], folder: Path) -> Work:
    """Its README: a sketch a document, LSH, connected components over what queries return."""
    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    first = MinHash(num_perm=BANDS * ROWS)  # its permutations are drawn once, as in its own generator
    parents = list(range(len(ids)))

    def step(number: int) -> None:
        shingles = [shingle.encode() for shingle in ngrams(texts[number])]
        if not shingles:
            return
        sketch = first.copy()
        sketch.update_batch(shingles)
        for other in index.query(sketch):
            unite(parents, number, other)
        index.insert(number, sketch)

    return Work(step, lambda: [ids[number] for number in range(len(ids)) if root(parents, number) != number])


def with_rensa(ids: list[str], texts: list[str], folder: Path) -> Work:
    """Its deduplicator with LSH: what is similar to one that was added before is not added."""
    unique = RMinHashDeduplicator(THRESHOLD, BANDS * ROWS, True, BANDS)
    removed: list[str] = []

    def step(number: int) -> None:
        shingles = ngrams(texts[number])
        if shingles:
            sketches = RMinHash.from_token_sets([shingles], BANDS * ROWS, 42)
            if not unique.add_pairs([(ids[number], sketches[0])])[0]:
                removed.append(ids[number])

    return Work(step, lambda: removed)


def with_gaoya(ids: list[str], texts: list[str], folder: Path) -> Work:
    """Its string index: query, then insert what is new."""
    settings = {"num_bands": BANDS, "band_size": ROWS, "num_hashes": BANDS * ROWS, "ngram_range": (NGRAM, NGRAM)}
    index = MinHashStringIndex(32, THRESHOLD, analyzer="word", lowercase=True, **settings)
    removed: list[str] = []

    def step(number: int) -> None:
        if index.query(texts[number]):
            removed.append(ids[number])
        else:
            index.insert_document(number, texts[number])

    return Work(step, lambda: removed)


def with_text_dedup(ids: list[str], texts: list[str], folder: Path) -> Work:
    """Its minhash.py, step by step, without the files of `datasets` that it keeps between them."""
    from text_dedup.minhash import SIGNATURE_COLUMN, embed_func
    from text_dedup.utils import UnionFind, xxh3_32hash

    count, most = BANDS * ROWS, np.uint32((1 << 32) - 1)
    prime, draw = np.uint64((1 << 61) - 1), np.random.RandomState(42)
    permutations = draw.randint(1, prime, count, np.uint64), draw.randint(0, prime, count, np.uint64)
    ranges = [(band * ROWS, (band + 1) * ROWS) for band in range(BANDS)]
    how = {"num_perm": count, "ngram_size": NGRAM, "min_length": 0, "hashranges": ranges, "permutations": permutations}
    how |= {"hash_func": xxh3_32hash, "dtype": np.uint64, "max_hash": most, "modulo_prime": prime}
    tables: list[dict[bytes, set[int]]] = [defaultdict(set) for _ in ranges]

    def step(number: int) -> None:
        for table, key in zip(tables, embed_func(texts[number], number, **how)[SIGNATURE_COLUMN], strict=True):
            table[key].add(number)

    def end() -> list[str]:
        clusters = UnionFind()
        for members in (members for table in tables for members in table.values() if len(members) > 1):
            for member in members:
                clusters.union(member, min(members))
        return [ids[number] for number in range(len(ids)) if clusters.find(number) != number]

    return Work(step, end)


def with_datatrove(ids: list[str], texts: list[str], folder: Path) -> Work:
    """Its four stages, one task each."""
    config = MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS)
    places = [str(folder / name) for name in ("signatures", "buckets", "remove")]

    def execute(stage: str, steps: list[Any]) -> None:
        LocalPipelineExecutor(pipeline=steps, tasks=1, workers=1, logging_dir=str(folder / "logs" / stage)).run()

    def end() -> list[str]:
        documents = [Document(text=text, id=id) for id, text in zip(ids, texts, strict=True)]
        kept: set[str] = set()

        def collect(data: Any, rank: int = 0, world_size: int = 1) -> Any:
            for document in data:
                kept.add(document.id)
                yield document

        execute("signatures", [documents, MinhashDedupSignature(places[0], config=config)])
        for bucket in range(BANDS):
            MinhashDedupBuckets(places[0], places[1], config=config).run(rank=bucket, world_size=BANDS)
        execute("cluster", [MinhashDedupCluster(places[1], places[2], config=config)])
        execute("filter", [documents, MinhashDedupFilter(places[2]), collect])
        return [id for id in ids if id not in kept]

    return Work(lambda number: None, end)


def unite(parents: list[int], one: int, other: int) -> None:
    one, other = root(parents, one), root(parents, other)
    parents[max(one, other)] = min(one, other)


def root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


TOOLS = {
    "datasketch": with_datasketch,
    "rensa": with_rensa,
    "gaoya": with_gaoya,
    "text-dedup": with_text_dedup,
    "datatrove": with_datatrove,
}


if __name__ == "__main__":
    main()
