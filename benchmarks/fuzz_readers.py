"""Archives, EPUBs and tables with bytes flipped, cut out, put in and doubled: does any stop a reader, or a run?

    seed ─▶ small whole inputs of every kind ─▶ mutated ─▶ read in this process: seconds, memory, what came out
                                                       └─▶ runs over all of them: does the account close?

    python benchmarks/fuzz_readers.py [--count 2000] [--seed 17] [--keep FOLDER]

An input that a reader raises on, or that takes more than 20 seconds or 500 MB, is named with its number, which with the
seed makes it again; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import lzma
import random
import resource
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

import curate
from curate.batch import Rejected
from curate.engine.files import find_inputs
from curate.engine.plan import FileRange
from curate.readers.reader import READERS
from curate.recipe import Source

MAX_SECONDS = 20.0
MAX_MEMORY = 500 << 20
MAX_RECORD_BYTES = 8 << 20
NOVEL = (Path(curate.__file__).parent / "recipes" / "quickstart" / "books" / "persuasion.txt").read_text("utf-8")
PARAGRAPHS = NOVEL.split("\n\n")[10:130]
RECIPE = """\
name = "fuzz"
[limits]
max_quarantined = 1.0
max_drop = 1.0
[tokenize]
tokenizer = "bytes"
validation = 0
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of input: how it is read, the end of its name, and the bytes of a whole one."""

    read: str
    suffix: str
    make: Callable[[], bytes]


def _tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number in range(12):
            for name, text in ((f"src/{number}/{'long' * 40}.py", PARAGRAPHS[number]), (f"{number}.txt", NOVEL[:3000])):
                header = tarfile.TarInfo(name)
                header.size = len(text.encode())
                archive.addfile(header, io.BytesIO(text.encode()))
    return packed.getvalue()


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(24):
            method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[number % 4]
            archive.writestr(f"src/{number}.{'py' if number % 2 else 'txt'}", PARAGRAPHS[number] * 3, method)
    return packed.getvalue()


def _epub() -> bytes:
    parts = [f"<html><head><title/></head><body><p>{text}</p></body></html>" for text in PARAGRAPHS[:20]]
    items = "".join(f'<item id="i{at}" href="{at}.xhtml" media-type="application/xhtml+xml"/>' for at in range(20))
    spine = "".join(f'<itemref idref="i{at}"/>' for at in range(20))
    package = f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>"
    container = '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("book.opf", package)
        for number, part in enumerate(parts):
            archive.writestr(f"{number}.xhtml", part)
    return packed.getvalue()


def _rows() -> list[dict[str, object]]:
    return [
        {"id": str(number), "text": text, "score": number / 7, "tags": ["a", "b"], "meta": {"n": number}}
        for number, text in enumerate(PARAGRAPHS)
    ]


def _lines() -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in _rows())


def _parquet() -> bytes:
    packed = io.BytesIO()
    table = pa.Table.from_pylist(_rows())
    pq.write_table(table, packed, row_group_size=30, compression="zstd", write_page_checksum=False)
    return packed.getvalue()


def _zstd(data: bytes) -> bytes:
    packed: bytes = zstandard.ZstdCompressor().compress(data)
    return packed


KINDS = (
    Kind("code", ".zip", _zip),
    Kind("code", ".tar", _tar),
    Kind("books", ".tar.gz", lambda: gzip.compress(_tar(), mtime=0)),
    Kind("books", ".tar.bz2", lambda: bz2.compress(_tar())),
    Kind("code", ".tar.xz", lambda: lzma.compress(_tar())),
    Kind("code", ".tar.zst", lambda: _zstd(_tar())),
    Kind("books", ".epub", _epub),
    Kind("books", ".zip", _zip),
    Kind("books", ".txt", lambda: NOVEL[:20_000].encode()),
    Kind("tables", ".jsonl", _lines),
    Kind("tables", ".jsonl.gz", lambda: gzip.compress(_lines(), mtime=0)),
    Kind("tables", ".jsonl.bz2", lambda: bz2.compress(_lines())),
    Kind("tables", ".jsonl.xz", lambda: lzma.compress(_lines())),
    Kind("tables", ".jsonl.zst", lambda: _zstd(_lines())),
    Kind("tables", ".json", lambda: json.dumps(_rows(), indent=1).encode()),
    Kind("tables", ".parquet", _parquet),
)


def mutate(data: bytes, random_numbers: random.Random) -> bytes:
    """One to eight changes, each at a place of its own."""
    mutated = bytearray(data)
    for _ in range(random_numbers.choice((1, 1, 2, 4, 8))):
        at = random_numbers.randrange(len(mutated) + 1)
        length = random_numbers.choice((1, 1, 4, 60, 2000))
        kind = random_numbers.randrange(6)
        if kind == 0 and mutated:
            mutated[min(at, len(mutated) - 1)] ^= 1 << random_numbers.randrange(8)
        elif kind == 1:
            del mutated[at : at + length]
        elif kind == 2:
            mutated[at:at] = random_numbers.randbytes(length)
        elif kind == 3:
            mutated[at : at + length] = random_numbers.choice((b"\0", b"\xff", b"[", b'"')) * length
        elif kind == 4:
            mutated[at:at] = mutated[max(at - length, 0) : at]
        elif random_numbers.random() < 0.3:
            del mutated[at:]
    return bytes(mutated)


def write_inputs(folder: Path, seed: int, numbers: range) -> Iterator[tuple[Path, Kind]]:
    """Input `number` depends on it and on the seed alone; the kinds take turns."""
    whole = [kind.make() for kind in KINDS]
    for number in numbers:
        kind = KINDS[number % len(KINDS)]
        path = folder / kind.read / f"{number:06}{kind.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate(whole[number % len(KINDS)], random.Random(f"{seed}:{number}")))
        yield path, kind


def read_input(path: Path, kind: Kind) -> Counter[str]:
    """What comes out, by reason."""
    reader = READERS[kind.read]
    source = Source(name="fuzz", read=kind.read, paths=(str(path),))
    found: Counter[str] = Counter()
    for file in find_inputs([str(path)], base=path.parent):
        for start, end in reader.split_file(file, target_bytes=20_000):
            part = FileRange(file, start, end)
            for item in reader.read(part, source=source, max_record_bytes=MAX_RECORD_BYTES):
                found[item.reason if isinstance(item, Rejected) else "read"] += 1
    return found


def try_input(path: Path, kind: Kind, before: int) -> tuple[Counter[str], str | None]:
    """What comes out, and what is wrong, if something is; `before` is the process's memory without it."""
    started = time.process_time()
    try:
        found = read_input(path, kind)
    except Exception:
        return Counter(), traceback.format_exc().strip()
    seconds = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    if seconds > MAX_SECONDS or memory > MAX_MEMORY:
        return found, f"{seconds:.1f} seconds, {memory >> 20} MB"
    return found, None


def run_all(folder: Path, out: Path) -> str:
    """A run over all inputs in a folder: its account, one line; the run itself sees that it closes."""
    reads = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name in READERS)
    sources = "".join(f'[[source]]\nname = "{name}"\nread = "{name}"\npaths = ["{name}"]\n' for name in reads)
    recipe = folder / "fuzz.toml"
    recipe.write_text(RECIPE.replace("[limits]", f"{sources}[limits]"), encoding="utf-8")
    counts = curate.run(recipe, out=out, workers=0).manifest["counts"]
    total = {
        name: sum(source[name] for source in counts.values()) for name in ("read", "kept", "dropped", "quarantined")
    }
    assert total["read"] == total["kept"] + total["dropped"] + total["quarantined"]
    return ", ".join(f"{name} {number}" for name, number in total.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--keep", type=Path, help="leave the inputs here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "inputs"
        found: Counter[str] = Counter()
        wrong = 0
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        for path, kind in write_inputs(folder, options.seed, range(options.count)):
            counts, problem = try_input(path, kind, before)
            found += counts
            if problem:
                wrong += 1
                print(f"{path.name}: {problem}", flush=True)
        print(f"{options.count} inputs, {wrong} wrong; " + ", ".join(f"{name} {n}" for name, n in found.most_common()))
        print("a run over all of them: " + run_all(folder, Path(temporary) / "run"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
