"""Records a second of our WARC reader, fastwarc and warcio, side by side in one process over one file.

    python benchmarks/warc.py [FILE] [--rounds 5]

Each reads every record and its whole payload. The best round of each counts, in CPU time; the last column is the ratio
to fastwarc. On a busy machine a few rounds are worth nothing, ratios included: take a file of a few MB and many rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from fastwarc.warc import ArchiveIterator as FastIterator
from warcio.archiveiterator import ArchiveIterator

from curate.engine.plan import FileRange, InputFile
from curate.readers.warc import read
from curate.recipe import Source

WEB = Source("web", "warc", ("*",))
DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "web" / "prose.warc.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    readers = {"curate": read_curate, "fastwarc": read_fastwarc, "warcio": read_warcio}
    best = dict.fromkeys(readers, 0.0)
    for _ in range(arguments.rounds):
        for name, reader in readers.items():
            best[name] = max(best[name], records_per_second(reader, arguments.file))
    print("reader     records/s   ratio")
    for name, speed in best.items():
        print(f"{name:9} {speed:10,.0f} {speed / best['fastwarc']:7.2f}")


def records_per_second(reader: Callable[[Path], int], path: Path) -> float:
    start = time.process_time()
    count = reader(path)
    return count / (time.process_time() - start)


def read_curate(path: Path) -> int:
    size = path.stat().st_size
    whole = FileRange(InputFile(path.name, str(path), size, ""), 0, size)
    return sum(1 for _ in read(whole, source=WEB, max_record_bytes=64 << 20))


def read_fastwarc(path: Path) -> int:
    count = 0
    with path.open("rb") as file:
        for record in FastIterator(file, parse_http=True):
            record.reader.read()
            count += 1
    return count


def read_warcio(path: Path) -> int:
    count = 0
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            record.content_stream().read()
            count += 1
    return count


if __name__ == "__main__":
    main()
