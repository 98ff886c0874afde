"""Mutated WARC and ARC files through the reader: is there an exception, a record lost without a row, or a long wait?

records of real and made files ─▶ flips, cuts, insertions, heads swapped, by seed and number ─▶ reader, extraction
                               ─▶ every row complete · whole records are there · no exception · slowest

python benchmarks/fuzz_warc.py --count 20000 [--seed 17] [FILE …]
"""

from __future__ import annotations

import argparse
import gzip
import random
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.extract.html import ENGINES, Engine, Extraction, extract_html
from curate.readers import warc
from curate.recipe import Source
from curate.steps.extract import Extract, extract_text

WEB = Source("web", "warc", ("*",))
MAX_RECORD = 1 << 20
HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Type: application/xml\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n",
    b"WARC/1.0\r\nContent-Length: 10\r\n\r\n",
    b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: 99999999999999999\r\n\r\n",
    b"http://a.example/ 1.2.3.4 20080101000000 text/html -1\n",
)


@dataclass(slots=True)
class Outcome:
    """What a campaign found."""

    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", help="WARC or ARC files whose records are mutated, too")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--extractor", choices=ENGINES, default="curate")
    options = parser.parse_args()
    files = [path.read_bytes() for path in options.files]
    outcome = fuzz(files, count=options.count, seed=options.seed, engine=options.extractor)
    print(f"{options.count} files, slowest {outcome.slowest:.2f} s, {len(outcome.faults)} faults")
    print(dict(outcome.reasons.most_common()))
    for fault in outcome.faults[:20]:
        print(fault)


def fuzz(files: list[bytes], *, count: int, seed: int, engine: Engine = "curate") -> Outcome:
    """Read `count` mutated files; the same seed gives the same ones."""
    outcome, extract = Outcome(), partial(extracted, engine=engine)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            draw = random.Random(f"{seed}/{number}")
            whole, pages = draw_file(draw, files)
            data, touched = mutate(draw, whole)
            expected = pages if not touched else []
            try_one(Path(folder) / "a.warc.gz", data, expected, extract, f"{seed}/{number}", outcome)
    return outcome


def draw_file(draw: random.Random, files: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The members of a file, and the payloads that stand in it."""
    if files and draw.random() < 0.3:
        return [draw.choice(files)], []
    pages = [make_page(draw, number) for number in range(draw.randint(1, 6))]
    packed = draw.choice([gzip.compress, gzip.compress, bytes])
    return [packed(make_record(draw, page)) for page in pages], pages


def make_page(draw: random.Random, number: int) -> bytes:
    words = " ".join(draw.choices(["river", "boat", "harbor", "Größe", "&amp;", "<b>wind</b>", "<figure>"], k=30))
    return f"<html><head><title>t</title></head><body><p>{number} {words}</p></body></html>".encode()


def make_record(draw: random.Random, page: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
    if draw.random() < 0.3:
        block = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(page), page)
    elif draw.random() < 0.3:
        block = head + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(page)
    else:
        block = head + b"\r\n" + page
    fields = (
        b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nWARC-Target-URI: http://a.example/\r\n"
    )
    return fields + b"Content-Length: %d\r\n\r\n" % len(block) + block + b"\r\n\r\n"


def mutate(draw: random.Random, members: list[bytes]) -> tuple[bytes, bool]:
    """The file with one to five changes, each of one of six kinds; False where only bytes between members came in."""
    if draw.random() < 0.1:
        stray = draw.choice([b"\0", b"\x1f\x8b\x08", draw.randbytes(40)])
        return stray.join(members), False
    data = bytearray(b"".join(members))
    for _ in range(draw.randint(1, 5)):
        at, size = draw.randrange(len(data) + 1), draw.choice([1, 1, 2, 8, 100, 3000])
        kind = draw.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del data[at : at + size]
        elif kind == 2:
            data[at:at] = draw.randbytes(size)
        elif kind == 3:
            data[at:at] = draw.choice(HEADS)
        elif kind == 4:
            data[at:at] = data[draw.randrange(len(data) + 1) :][:size]
        else:
            del data[at:]
    return bytes(data), True


def try_one(path: Path, data: bytes, pages: list[bytes], extract: Extract, name: str, outcome: Outcome) -> None:
    path.write_bytes(data)
    started = time.perf_counter()
    try:
        items = read(path)
        rows = [extract_text(item, extract) for item in items if isinstance(item, Record)]
    except Exception:
        outcome.faults.append(f"{name}: {traceback.format_exc()}")
        return
    outcome.slowest = max(outcome.slowest, time.perf_counter() - started)
    outcome.reasons.update(item.reason for item in items if isinstance(item, Rejected))
    outcome.reasons.update(row.get("reason", "kept") for row in rows)
    outcome.faults += [f"{name}: {problem}" for problem in problems(items, data, pages)]


def read(path: Path) -> list[Record | Rejected]:
    file = InputFile(path.name, str(path), path.stat().st_size, "")
    return list(warc.read(FileRange(file, 0, file.size), source=WEB, max_record_bytes=MAX_RECORD))


def extracted(html: str, is_xhtml: bool, *, engine: Engine) -> Extraction:
    return extract_html(html, engine=engine, is_xhtml=is_xhtml)


def problems(items: list[Record | Rejected], data: bytes, pages: list[bytes]) -> list[str]:
    """What is wrong with the account of a file."""
    lost = [item for item in items if isinstance(item, Rejected)]
    found = [] if items or not data else ["no row for a file that is not empty"]
    found += [f"an id twice: {id}" for id, times in Counter(item.id for item in items).items() if times > 1]
    found += [f"no outcome or reason: {item}" for item in lost if not (item.id and item.outcome and item.reason)]
    read = {item.payload for item in items if isinstance(item, Record)}
    return found + [f"a whole record is not there: {page[:60]!r}" for page in pages if page not in read]


if __name__ == "__main__":
    main()
