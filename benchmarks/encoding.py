"""Texts to tokens: our encoder beside `tokenizers` on one thread, and Parquet to shards beside datatrove.

documents of a run, some sources ─▶ a tokenizer of 32,768 tokens
those of the others, which it has not seen ─▶ ids by both, all compared ─▶ MB of text a CPU second
                                           └▶ `curate tokenize`, `curate run`, datatrove's tokenizer step ─▶ CPU

    python benchmarks/encoding.py RUN --train books near --encode web code [--datatrove PYTHON] [--rounds 3]

RUN is a finished run of `curate run` over real text without steps; datatrove stands in an environment of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tokenizers
from process_clock import measure

from curate.tokenize.count_words import batches_of
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.tokenize.train import train_bpe

RECIPE = """\
name = "encoding"
[[source]]
name = "texts"
read = "tables"
paths = ["{paths}"]
[tokenize]
tokenizer = "{tokenizer}"
validation = 0.0
"""
PEER = """\
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer
source, out, tokenizer = sys.argv[1:]
LocalPipelineExecutor([
    ParquetReader(source, text_key="text", id_key="id", batch_size=1000),
    DocumentTokenizer(out + "/tokens", local_working_dir=out + "/work", tokenizer_name_or_path=tokenizer,
                      eos_token="<|endoftext|>", shuffle_documents=False),
], tasks=1, workers=1, logging_dir=out + "/logs").run()
"""


def main() -> None:
    options = parse_options()
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "FASTOKENS_BPE_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        file = work / "tokenizer.json"
        file.write_text(train_bpe(texts_of(options.run, options.train), vocab_size=32_768), encoding="utf-8")
        texts = [*texts_of(options.run, options.encode)]
        size = sum(len(text.encode()) for text in texts) / 1e6
        print(f"{len(texts):,} documents, {size:.0f} MB of {', '.join(options.encode)}")
        compare(texts, size, load_tokenizer(file), tokenizers.Tokenizer.from_file(str(file)), options.rounds)
        to_shards(texts, size, file, work, options)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--train", nargs="+", required=True, help="sources that the tokenizer is trained on")
    parser.add_argument("--encode", nargs="+", required=True, help="sources that are encoded")
    parser.add_argument("--datatrove", type=Path, help="the Python of an environment with datatrove[io,processing]")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def texts_of(run: Path, sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        for path in sorted((run / "documents" / source).rglob("*.parquet")):
            yield from pl.read_parquet(path, columns=["text"])["text"]


def compare(texts: Sequence[str], size: float, ours: Tokenizer, theirs: tokenizers.Tokenizer, rounds: int) -> None:
    theirs.encode_special_tokens = True  # a text that spells a control token is text, as it is to ours
    parts = [*batches_of(texts)]
    differing = tokens = 0
    own, library = [], []
    for turn in range(rounds):
        mine = [timed(partial(ours.encode_batch, part)) for part in parts]
        own.append(size / sum(seconds for seconds, _ in mine))
        if turn == 0:
            peer = [timed(partial(theirs.encode_batch_fast, part, add_special_tokens=False)) for part in parts]
            library.append(size / sum(seconds for seconds, _ in peer))
            for (_, (ids, offsets)), (_, encodings) in zip(mine, peer, strict=True):
                for number, encoding in enumerate(encodings):
                    found = ids[offsets[number] : offsets[number + 1] - 1]  # without the end-of-text
                    differing += not np.array_equal(found, encoding.ids)
                tokens += len(ids)
    one, other = statistics.median(own), statistics.median(library)
    print(f"{tokens:,} tokens; documents with other ids than tokenizers': {differing:,} of {len(texts):,}")
    print(f"curate {one:.1f} MB/s, tokenizers {tokenizers.__version__} {other:.2f} MB/s (once): {one / other:.1f} x")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this process, and what came out."""
    begun = time.process_time()
    made = work()
    return time.process_time() - begun, made


def to_shards(texts: Sequence[str], size: float, tokenizer: Path, work: Path, options: argparse.Namespace) -> None:
    """Each side on all files and on a quarter of them, whose difference is what text costs without the start."""
    table = pl.DataFrame({"id": [str(number) for number in range(len(texts))], "text": texts})
    for folder, parts in (("all", 4), ("some", 1)):
        (work / folder).mkdir()
        for number in range(parts):
            table[number::4].write_parquet(work / folder / f"{number}.parquet", row_group_size=2000)
        recipe = RECIPE.format(paths=work / folder / "*.parquet", tokenizer=tokenizer)
        (work / f"{folder}.toml").write_text(recipe, encoding="utf-8")
    (work / "peer.py").write_text(PEER, encoding="utf-8")
    sides: dict[str, tuple[int, Callable[[str, Path], list[object]]]] = {
        "curate tokenize": (options.rounds, partial(tokenize_command, work, tokenizer)),
        "curate run": (options.rounds, partial(run_command, work)),
    }
    if options.datatrove:
        sides["datatrove"] = (1, partial(peer_command, options.datatrove, work, tokenizer))
    part = sum(len(text.encode()) for text in texts[::4]) / 1e6
    print("Parquet to shards | CPU s | MB/s, start included | MB/s at the margin")
    for name, (rounds, command) in sides.items():
        cost = {folder: median_cost(command, folder, work, rounds) for folder in ("all", "some")}
        margin = (size - part) / (cost["all"] - cost["some"])
        print(f"{name:17} | {cost['all']:5.2f} | {size / cost['all']:20.1f} | {margin:18.1f}", flush=True)


def median_cost(command: Callable[[str, Path], list[object]], folder: str, work: Path, rounds: int) -> float:
    costs = []
    for _ in range(rounds):
        costs.append(measure([str(word) for word in command(folder, work / "out")], work / "log").cpu)
        shutil.rmtree(work / "out")
    return statistics.median(costs)


def tokenize_command(work: Path, tokenizer: Path, folder: str, out: Path) -> list[object]:
    return [sys.executable, "-m", "curate", "tokenize", work / folder, "--tokenizer", tokenizer, "--out", out]


def run_command(work: Path, folder: str, out: Path) -> list[object]:
    return [sys.executable, "-m", "curate", "run", work / f"{folder}.toml", "--fresh", "--out", out, "--workers", "1"]


def peer_command(python: Path, work: Path, tokenizer: Path, folder: str, out: Path) -> list[object]:
    return [python, work / "peer.py", work / folder, out, tokenizer]


if __name__ == "__main__":
    main()
