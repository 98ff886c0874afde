"""One other library deduplicates a Parquet file of `id, text`; run by benchmarks/dedup.py in the peers' environment.

    python peer_dedup.py TOOL IN.parquet OUT.json FOLDER      TOOL: datasketch, rensa, gaoya, datatrove

Each as its documentation shows, at word 5-grams, 14 bands of 8 rows. Writes the ids that it removes, and the CPU
seconds from opening the file to knowing them; imports do not count.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

NGRAM, BANDS, ROWS = 5, 14, 8
THRESHOLD = 0.7  # rensa and gaoya verify estimates against it
WORD = re.compile(r"[぀-ヿ㐀-鿿]|[^\W_぀-ヿ㐀-鿿]+")


def main() -> None:
    tool, source, out, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    work = TOOLS[tool](folder)
    started = time.process_time()
    table = pq.read_table(source, columns=["id", "text"]).to_pydict()
    removed = work(table["id"], table["text"])
    out.write_text(json.dumps({"seconds": time.process_time() - started, "removed": removed}))


Work = Callable[[list[str], list[str]], list[str]]


def ngrams(text: str) -> list[str]:
    words = WORD.findall(text.casefold())
    return [" ".join(words[at : at + NGRAM]) for at in range(max(len(words) - NGRAM + 1, 1))] if words else []


def with_datasketch(folder: Path) -> Work:
    """Its README: a sketch a document, LSH, connected components over what queries return."""
    from datasketch import MinHash, MinHashLSH

    def work(ids: list[str], texts: list[str]) -> list[str]:
        index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        parents = list(range(len(ids)))
        tokens = [[shingle.encode() for shingle in ngrams(text)] for text in texts]
        for number, sketch in enumerate(MinHash.generator(tokens, num_perm=BANDS * ROWS)):
            if not tokens[number]:
                continue
            for other in index.query(sketch):
                unite(parents, number, other)
            index.insert(number, sketch)
        return [ids[number] for number in range(len(ids)) if root(parents, number) != number]

    return work


def with_rensa(folder: Path) -> Work:
    """Its deduplicator with LSH: what is similar to one that was added before is not added."""
    from rensa import RMinHash, RMinHashDeduplicator

    def work(ids: list[str], texts: list[str]) -> list[str]:
        tokens = {id: some for id, text in zip(ids, texts, strict=True) if (some := ngrams(text))}
        sketches = RMinHash.from_token_sets(list(tokens.values()), BANDS * ROWS, 42)
        unique = RMinHashDeduplicator(THRESHOLD, BANDS * ROWS, True, BANDS)
        added = unique.add_pairs(list(zip(tokens, sketches, strict=True)))
        return [id for id, is_new in zip(tokens, added, strict=True) if not is_new]

    return work


def with_gaoya(folder: Path) -> Work:
    """Its string index: query, then insert what is new."""
    from gaoya.minhash import MinHashStringIndex

    def work(ids: list[str], texts: list[str]) -> list[str]:
        settings = {"num_bands": BANDS, "band_size": ROWS, "num_hashes": BANDS * ROWS, "ngram_range": (NGRAM, NGRAM)}
        index = MinHashStringIndex(32, THRESHOLD, analyzer="word", lowercase=True, **settings)
        removed = []
        for number, text in enumerate(texts):
            if index.query(text):
                removed.append(ids[number])
            else:
                index.insert_document(number, text)
        return removed

    return work


def with_datatrove(folder: Path) -> Work:
    """Its four stages, one task each."""
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig

    config = MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS)
    places = [str(folder / name) for name in ("signatures", "buckets", "remove")]

    def execute(stage: str, steps: list[Any]) -> None:
        LocalPipelineExecutor(pipeline=steps, tasks=1, workers=1, logging_dir=str(folder / "logs" / stage)).run()

    def work(ids: list[str], texts: list[str]) -> list[str]:
        documents = [Document(text=text, id=id) for id, text in zip(ids, texts, strict=True)]
        kept: list[str] = []

        def collect(data: Any, rank: int = 0, world_size: int = 1) -> Any:
            for document in data:
                kept.append(document.id)
                yield document

        execute("signatures", [documents, MinhashDedupSignature(places[0], config=config)])
        for bucket in range(BANDS):
            step = MinhashDedupBuckets(places[0], places[1], config=config)
            step.run(rank=bucket, world_size=BANDS)
        execute("cluster", [MinhashDedupCluster(places[1], places[2], config=config)])
        execute("filter", [documents, MinhashDedupFilter(places[2]), collect])
        stays = set(kept)
        return [id for id in ids if id not in stays]

    return work


def unite(parents: list[int], one: int, other: int) -> None:
    one, other = root(parents, one), root(parents, other)
    parents[max(one, other)] = min(one, other)


def root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


TOOLS: dict[str, Callable[[Path], Work]] = {
    "datasketch": with_datasketch,
    "rensa": with_rensa,
    "gaoya": with_gaoya,
    "datatrove": with_datatrove,
}


if __name__ == "__main__":
    main()
