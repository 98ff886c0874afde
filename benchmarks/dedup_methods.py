"""What each method of deduplication keeps in memory, where one process does all of it and in parts, at two sizes.

    drawn pages ─▶ files of a run whose `filter` is done ─┬▶ dedup, one task ─▶ peak of the worker
                                                          └▶ dedup, in parts ─▶ peak of the worker, the same bytes?
    (the larger size's peak - the smaller one's) / more documents ─▶ bytes a document

    python benchmarks/dedup_methods.py --documents 40000,160000

Pages are 12 lines of 12 words, about 1,200 bytes; one line in four stands in other pages, too, and one page in four is
another one with a line changed. Embeddings have 64 numbers. Ranges have 8,192 documents, so that there are many.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from dedup_parts import SOURCE, measure

from curate.dedup.index import append_index
from curate.dedup.sign import sign_documents
from curate.engine.outputs import Outputs
from curate.engine.posix import PosixStore
from curate.engine.records import commit
from curate.pipeline.begin import begin
from curate.pipeline.parts import ASKED
from curate.pipeline.run import checked
from curate.recipe_dedup import Dedup
from curate.run_files import filtered

SPLIT_DOCUMENTS = 10_000
RANGE_DOCUMENTS = 8_192
WORDS = pl.select(pl.format("word{}", pl.int_range(50_000))).to_series()
LINES, LINE_WORDS, DIMENSIONS = 12, 12, 64
MINHASH = Dedup(method=("minhash",))
METHODS = {
    "exact": 'method = "exact"',
    "minhash": 'method = "minhash"',
    "cleanest": 'method = "minhash"\nkeep = "cleanest"',
    "against": 'method = "minhash"\nagainst = ["index"]',
    "lines": 'method = "lines"',
    "substring": 'method = "substring"\nsubstring = { min_words = 20 }',
    "ngrams": 'method = "ngrams"\nngrams = { ngram = 8 }',
    "semantic": 'method = "semantic"',
}


def main() -> None:
    options = parse_options()
    if options.measure is not None:
        print(json.dumps(measure(options.measure, options.processes)))
        return
    sizes = [int(size) for size in options.documents.split(",")]
    names = options.methods.split(",")
    found = {(name, ranged): [] for name in names for ranged in (False, True)}
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as work:
            draw(Path(work), size)
            for name in names:
                prepare(Path(work), name)
                sides = [side(Path(work) / name, size, ranged) for ranged in (False, True)]
                assert sides[0]["outputs"] == sides[1]["outputs"], f"{name}: other bytes in parts"
                for ranged, one in enumerate(sides):
                    found[name, bool(ranged)].append(one)
                shutil.rmtree(Path(work) / name)
    heads = (*(f"{size:,}" for size in sizes), "bytes a document", "CPU s")
    print(f"{'':>22}" + "".join(f"{head:>18}" for head in heads))
    for (name, ranged), sides in found.items():
        print(f"{name + (', in parts' if ranged else ''):>22}" + "".join(f"{cell:>18}" for cell in cells(sides, sizes)))


def cells(sides: list[dict], sizes: list[int]) -> list[str]:
    each = (sides[-1]["memory"] - sides[0]["memory"]) / max(sizes[-1] - sizes[0], 1)
    peaks = [f"{one['memory'] / 1e6:.0f} MB" for one in sides]
    return [*peaks, f"{each:.0f}", f"{sides[-1]['cpu']:.1f}"]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", default="40000,160000")
    parser.add_argument("--methods", default=",".join(METHODS), help="some of these (default: all)")
    parser.add_argument("--processes", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where pages are drawn (default: the temporary folder)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def draw(work: Path, documents: int) -> None:
    """Signatures and texts, split by split, and an index of a split's documents more."""
    dedup, rng = Dedup(method=("exact", "minhash", "semantic")), np.random.default_rng(documents)
    pool = lines_of(rng, documents)
    splits = -(-documents // SPLIT_DOCUMENTS)
    for number in range(splits + 1):
        count = min(SPLIT_DOCUMENTS, documents - number * SPLIT_DOCUMENTS) or SPLIT_DOCUMENTS
        ids = pl.select(pl.format("https://a.example/{}/{}", pl.lit(number), pl.int_range(count))).to_series()
        vectors = rng.standard_normal((count, DIMENSIONS)).astype(np.float32)
        rows = pl.DataFrame({"id": ids, "source": "web", "text": pages(rng, count, pool), "embedding": vectors})
        signed = work / f"{number:04}.signatures"
        sign_documents(rows, dedup).write_parquet(signed)
        rows.select("id", "text").write_parquet(work / f"{number:04}.documents")
    append_index(work / "index", MINHASH, [work / f"{splits:04}.signatures"])


def lines_of(rng: np.random.Generator, count: int) -> pl.Series:
    words = WORDS.gather(rng.integers(0, len(WORDS), count * LINE_WORDS))
    return words.reshape((count, LINE_WORDS)).cast(pl.List(pl.String)).list.join(" ")


def pages(rng: np.random.Generator, count: int, pool: pl.Series) -> pl.Series:
    own = np.arange(count * LINES).reshape(count, LINES)
    shared = len(own.ravel()) + rng.integers(0, len(pool), own.shape)
    which = np.where(np.arange(LINES) % 4 == 3, shared, own)
    which[3::4, 1:] = which[2::4, 1:][: len(which[3::4])]  # but for the first line the page before
    lines = pl.concat([lines_of(rng, own.size), pool]).gather(which.ravel())
    return lines.reshape((count, LINES)).cast(pl.List(pl.String)).list.join("\n")


def prepare(work: Path, name: str) -> None:
    """The folder of a run of which all is done up to `dedup`."""
    place = work / name
    place.mkdir()
    (place / "index").symlink_to(work / "index")
    signed = sorted(work.glob("*.signatures"))[:-1]
    for number in range(len(signed)):
        (place / f"{number:04}.jsonl").write_text('{"text": "a line", "vector": [1.0]}\n')
    columns = 'columns = { embedding = "vector" }\n'
    sources = "".join(SOURCE.format(number=number) + columns for number in range(len(signed)))
    recipe = f'name = "parts"\n{sources}[dedup]\n{METHODS[name]}\n[tokenize]\ntokenizer = "bytes"\n'
    (place / "recipe.toml").write_text(recipe)
    store = PosixStore(place / "run")
    for key, path in zip(begin(store, checked(place / "recipe.toml")).splits.keys(), signed, strict=True):
        outputs = Outputs(store.workspace(key))
        for kind in ("signatures", "documents"):
            outputs.write(filtered(key, kind), path.with_suffix(f".{kind}").read_bytes())
        commit(store, "filter", key, outputs, {"kept": SPLIT_DOCUMENTS})


def side(work: Path, documents: int, ranged: bool) -> dict:
    """In a process of its own, whose children are the workers."""
    ranges = -(-documents // RANGE_DOCUMENTS) if ranged else 0
    command = [sys.executable, __file__, "--measure", work, "--processes", "1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, ASKED: f"{ranges}"})
    found = json.loads(done.stdout)
    print(f"{work.name} {documents:,} {ranges} ranges: {found['memory'] / 1e6:.0f} MB", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
