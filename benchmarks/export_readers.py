"""Every export read back by the library that it is for, installed from its package in an environment of its own.

run ─▶ curate export --to F ─▶ F's own reader ─▶ all tokens, document ends ─▶ the same as in the run's shards?

    python benchmarks/export_readers.py RUN [--source NAME] [--formats datatrove,litdata] [--environments FOLDER]

Environments are kept, as each holds a PyTorch: some minutes the first time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curate.standalone.export import export
from curate.tokenize.shards import open_shards

ROW_LENGTH = 128
TORCH = "torch==2.13.0"


@dataclass(frozen=True, slots=True)
class Reader:
    """What is installed, and a program that reads the folder `train` and puts what it finds into tokens.npy, ends.npy.

    A reader of samples sees whole ones only: then tokens are compared as far as they go, and ends not at all.
    """

    requirements: tuple[str, ...]
    program: str
    is_of_samples: bool = False


READERS = {
    "datatrove": Reader(
        ("datatrove[io,processing]==0.10.1", TORCH),
        f"""
from datatrove.utils.dataset import DatatroveFolderDataset
length = {ROW_LENGTH} - 1
dataset = DatatroveFolderDataset("train", seq_len=length, filename_pattern="*.ds", token_size=WIDTH, shuffle=False)
keep([int(t) for row in dataset for t in row["input_ids"]], None)
""",
        is_of_samples=True,
    ),
    "olmo": Reader(
        ("ai2-olmo-core==3.0.0", TORCH),
        f"""
from glob import glob
import numpy as np
from olmo_core.data import NumpyFSLDataset
dataset = NumpyFSLDataset(
    *sorted(glob("train/*.npy")), sequence_length={ROW_LENGTH}, pad_token_id=STOP, eos_token_id=STOP,
    vocab_size=1 << 16, dtype=np.uint16 if WIDTH == 2 else np.uint32)
keep([int(t) for i in range(len(dataset)) for t in dataset[i]["input_ids"]], None)
""",
        is_of_samples=True,
    ),
    "megatron": Reader(
        ("megatron-core", TORCH),
        """
from glob import glob
from megatron.core.datasets.indexed_dataset import IndexedDataset
tokens, ends = [], []
for path in sorted(glob("train/*.idx")):
    for document in IndexedDataset(path.removesuffix(".idx")):
        tokens += document.tolist()
        ends.append(len(tokens))
keep(tokens, ends)
""",
    ),
    "litdata": Reader(
        ("litdata", TORCH),
        f"""
from litdata import StreamingDataset, TokensLoader
dataset = StreamingDataset("train", item_loader=TokensLoader(block_size={ROW_LENGTH}), shuffle=False)
keep([int(t) for i in range(len(dataset)) for t in dataset[i]], None)
""",
        is_of_samples=True,
    ),
    "mds": Reader(
        ("mosaicml-streaming", TORCH),
        """
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
class Pictures(ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})
# Its part for pictures wants a torchvision, which does not load beside the CPU build of torch; none of it is used here.
for name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[name] = Pictures(name)
    sys.modules[name].__spec__ = ModuleSpec(name, None)
from streaming import StreamingDataset
dataset = StreamingDataset(local="train", shuffle=False, batch_size=1)
keep([int(t) for i in range(len(dataset)) for t in dataset[i]["tokens"]], None)
""",
        is_of_samples=True,
    ),
    "hf": Reader(
        ("datasets",),
        """
from datasets import load_dataset
tokens, ends = [], []
for row in load_dataset("parquet", data_files={"train": "train-*.parquet"}, split="train", cache_dir="cache"):
    tokens += row["input_ids"]
    ends.append(len(tokens))
keep(tokens, ends)
""",
    ),
}
HEAD = """
import numpy as np
WIDTH, STOP = {width}, {stop}
def keep(tokens, ends):
    np.save("tokens.npy", np.array(tokens, dtype=np.int64))
    if ends is not None:
        np.save("ends.npy", np.array(ends, dtype=np.int64))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--source", help="default: the one with the most shards")
    parser.add_argument("--formats", default=",".join(READERS))
    parser.add_argument("--environments", type=Path, default=Path(tempfile.gettempdir()) / "curate-export-readers")
    options = parser.parse_args()
    source = options.source or max(
        (options.run / "tokens" / "train").iterdir(), key=lambda each: len([*each.iterdir()])
    )
    results = [
        read_back(name, options.run, Path(source).name, options.environments) for name in options.formats.split(",")
    ]
    sys.exit(0 if all(results) else 1)


def read_back(name: str, run: Path, source: str, environments: Path) -> bool:
    """Export, read, compare, and say so in a line."""
    reader, array = READERS[name], open_shards(run / "tokens" / "train" / source)
    python = environment(name, reader, environments)
    with tempfile.TemporaryDirectory(prefix="curate-export-") as folder:
        out = Path(folder) / "out"
        export(run, name, out=out, sources=[source], row_length=ROW_LENGTH)
        stop = int(array.shards[0].tokens[int(array.ends[0]) - 1])
        program = HEAD.format(width=array.dtype.itemsize, stop=stop) + reader.program
        done = subprocess.run([python, "-c", program], cwd=out, capture_output=True, text=True)
        if done.returncode:
            print(f"{name:10} FAILED: {done.stderr.strip().splitlines()[-1]}")
            return False
        found = np.load(out / "tokens.npy")
        told, is_same = compare(found, out / "ends.npy", array, reader.is_of_samples)
    print(f"{name:10} {'the same' if is_same else 'DIFFERENT'}: {told} ({version(python, reader)})")
    return is_same


def compare(found: np.ndarray, ends: Path, array: object, is_of_samples: bool) -> tuple[str, bool]:
    shards = [shard.tokens.astype(np.int64) for shard in array.shards]  # type: ignore[attr-defined]
    whole = np.concatenate(shards)
    if not is_of_samples:
        same = np.array_equal(found, whole) and np.array_equal(np.load(ends), array.ends)  # type: ignore[attr-defined]
        return f"{len(found):,} tokens, {len(array.ends):,} document ends", same  # type: ignore[attr-defined]
    # Some cut every shard into samples by itself, some all of them in a row.
    by_shard = np.concatenate([tokens[: len(tokens) // ROW_LENGTH * ROW_LENGTH] for tokens in shards])
    in_a_row = whole[: len(whole) // ROW_LENGTH * ROW_LENGTH]
    same = any(np.array_equal(found, expected) for expected in (by_shard, in_a_row))
    return f"{len(found):,} of {len(whole):,} tokens, in samples of {ROW_LENGTH}", same


def environment(name: str, reader: Reader, environments: Path) -> Path:
    folder = environments / name
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *reader.requirements], check=True)
        (folder / "complete").touch()
    return python


def version(python: Path, reader: Reader) -> str:
    name = reader.requirements[0].partition("==")[0].partition("[")[0]
    program = f"import importlib.metadata as m; print(m.version({name!r}))"
    told = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    return f"{name} {told}"


if __name__ == "__main__":
    main()
