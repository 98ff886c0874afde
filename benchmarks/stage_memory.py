"""What the stages that see all documents in one process keep of each: `mix`, `materialize`, and of `dedup` in parts the
one task that knows all of them.

made-up tokens of a run, 1 and 4 million documents ─▶ each stage in a worker of its own ─▶ peak of memory
                                                                   (4 million's - 1 million's) / 3 million ─▶ bytes

    python benchmarks/stage_memory.py --documents 1000000,4000000

Two sources: of one the mixture takes half, the other goes in one and a half times. The sample of the tokenizer is read
split by split and has `sample_bytes`, however large the corpus is. Documents have 3 tokens, and a shard of the mixture
has 166,666 of them, as one of 100 million tokens of ordinary pages has. Of a document 14 bytes are those of its tokens
and of its end, in files that are mapped: they count here, and any other process may have their memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from dedup_parts import children

from curate.dedup.forests import Forest, Members, group_components
from curate.engine.outputs import Outputs
from curate.engine.plan import Split
from curate.engine.posix import PosixStore
from curate.engine.records import commit
from curate.engine.supervisor import Supervisor
from curate.pipeline.begin import begin
from curate.pipeline.mend import do_and_mend
from curate.pipeline.portions import write_tokens
from curate.pipeline.run import checked, engine_of, silent
from curate.pipeline.stages import stages
from curate.run_files import tokenized
from curate.tokenize.own_views import views_of

SPLIT_DOCUMENTS = 250_000
TOKENS = 3
STAGES = ("mix", "shards", "materialize")
COMPONENTS = "dedup-components"
RECIPE = """
name = "memory"
{sources}
[tokenize]
tokenizer = "bytes"
[mix]
tokens = {tokens}
weights = {{ half = 0.25, more = 0.75 }}
materialize = true
max_shard_tokens = 500_000
"""
SOURCE = '[[source]]\nname = "{name}"\nread = "tables"\npaths = ["{name}/*.jsonl"]\n'


def main() -> None:
    options = parse_options()
    if options.measure:
        print(peak(options.measure, options.stage))
        return
    sizes = [int(size) for size in options.documents.split(",")]
    peaks = [dict(measured(size, options.folder)) for size in sizes]
    print(f"{'':>18}" + "".join(f"{f'{size:,}':>14}" for size in sizes) + f"{'bytes a document':>20}")
    for stage in peaks[0]:
        each = (peaks[-1][stage] - peaks[0][stage]) / (sizes[-1] - sizes[0])
        print(f"{stage:>18}" + "".join(f"{found[stage] / 1e6:>11.0f} MB" for found in peaks) + f"{each:>20.1f}")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", default="1000000,4000000")
    parser.add_argument("--folder", type=Path, help="where runs are made up (default: the temporary folder)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(documents: int, folder: Path | None) -> Iterator[tuple[str, int]]:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        prepare(Path(work), documents)
        (Path(work) / "documents").write_text(str(documents))
        for stage in (*STAGES, COMPONENTS):
            command = [sys.executable, __file__, "--measure", work, "--stage", stage]
            yield stage, int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def prepare(work: Path, documents: int) -> None:
    """The folder of a run of which all is done up to `mix`."""
    for name in ("half", "more"):
        (work / name).mkdir()
        for number in range(-(-documents // 2 // SPLIT_DOCUMENTS)):
            (work / name / f"{number}.jsonl").write_text(json.dumps({"text": "x" * (8 << 20)}) + "\n")
    recipe = work / "recipe.toml"
    sources = "".join(SOURCE.format(name=name) for name in ("half", "more"))
    recipe.write_text(RECIPE.format(sources=sources, tokens=documents * TOKENS))
    resolved, store = checked(recipe), PosixStore(work / "run")
    plan = begin(store, resolved)
    for name in ("half", "more"):
        splits = plan.of(name)
        for split in splits:
            write_split(store, split, documents // 2 // len(splits), views_of(resolved))


def write_split(store: PosixStore, split: Split, count: int, views: tuple) -> None:
    tokens = np.full(count * TOKENS, ord("a"), dtype=np.uint16)
    tokens[TOKENS - 1 :: TOKENS] = 256
    offsets = np.arange(count + 1) * TOKENS
    ids = pl.select(pl.format("{}/pages-of-a-crawl.jsonl@{}", pl.lit(split.key), pl.int_range(count))).to_series()
    outputs = Outputs(store.workspace(split.key))
    name = tokenized("train", split.source, split.number)
    write_tokens(outputs, name, tokens, offsets, ids, pl.Series([TOKENS - 1] * count), views)
    commit(store, "tokenize", split.key, outputs, {})


def peak(work: Path, stage: str) -> int:
    if stage == COMPONENTS:
        return components(int((work / "documents").read_text()))
    store, recipe = PosixStore(work / "run"), checked(work / "recipe.toml")
    supervisor = Supervisor(store, engine_of(store, 1, recipe.limits), recipe.limits, silent)
    do_and_mend(supervisor, recipe, begin(store, recipe), [one for one in stages(recipe) if one.name == stage])
    supervisor.close()
    return children()


def components(documents: int) -> int:
    """Of documents four in ten of which hang together, pair by pair, in eight forests."""
    rng = np.random.default_rng(documents)
    parts = 8

    def forests() -> Iterator[Forest]:
        for _ in range(parts):
            who = np.unique(rng.integers(1, documents, documents * 4 // 10 // parts))
            yield Forest(who, who - 1)

    groups = group_components(forests(), documents, parts)
    members = Members(groups, np.arange(0, documents + 1, SPLIT_DOCUMENTS))
    assert sum(len(members[split]) for split in range(len(members))) > 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
