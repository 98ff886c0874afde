"""What `extract = "union"` brings: documents and tokens that survive the same filters, by extractor, and what it costs.

    WARC of manuals, WCXB's pages as a WARC ─▶ curate run with each extractor alone, and with both ─▶ one table an input

All sides: English by lid.176 at .65, Gopher repetition and quality, C4, FineWeb, no deduplication, one tokenizer, one
worker. CPU is of the whole command with its children, start-up included; the seconds in extractors are by the run's own
account of time (`timing.json`).

    python benchmarks/extraction_union.py ../shared/data [--repeats 3] [--every 4]
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import statistics
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from process_clock import measure
from web_inputs import cut_head, record_offsets, train_tokenizer

RECIPE = """\
name = "union"

[[source]]
name = "web"
read = "warc"
paths = [{warc}]
extract = {extract}
steps = [{{ use = "language", keep = ["en"] }}, "gopher_repetition", "gopher_quality", "c4", "fineweb"]

[tokenize]
tokenizer = {tokenizer}

[limits]
max_drop = 1.0
"""
SIDES = (
    ("curate",),
    ("resiliparse",),
    ("trafilatura",),
    ("curate", "trafilatura"),
    ("resiliparse", "trafilatura"),
    ("curate", "resiliparse"),
)
"""Extractors, in order of preference."""
WARM_UP_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Side:
    """Extractors on one input: CPU seconds of the command (the median) and, of these, those in extractors."""

    extractors: tuple[str, ...]
    read: int
    documents: int
    tokens: int
    second_texts: int
    """Documents with the text of the second extractor."""
    cpu: float
    extractors_cpu: float
    kept: frozenset[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with web/ and extraction/")
    parser.add_argument("--repeats", type=int, default=1, help="the costs are medians")
    parser.add_argument("--every", type=int, default=1, help="only each so manieth page")
    parser.add_argument("--inputs", default="prose,wcxb", help="one or both of them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-extraction-union-") as folder:
        work = Path(folder)
        prose = options.data / "web" / "prose.warc.gz"
        tokenizer = train_tokenizer(prose, work / "tokenizer.json")
        warm_up(prose, tokenizer, work)
        for name in options.inputs.split(","):
            records = prose_records(prose) if name == "prose" else wcxb_records(options.data / "extraction" / "wcxb")
            warc = write_every(records, options.every, work / f"{name}.warc.gz")
            print(f"{name}, every {options.every}. page" if options.every > 1 else name)
            print_table([side(extractors, warc, tokenizer, work / name, options.repeats) for extractors in SIDES])


def prose_records(warc: Path) -> Iterator[bytes]:
    """Its gzip members, as they stand."""
    offsets = [*record_offsets(warc), warc.stat().st_size]
    with warc.open("rb") as file:
        for start, end in itertools.pairwise(offsets):
            file.seek(start)
            yield file.read(end - start)


def wcxb_records(folder: Path) -> Iterator[bytes]:
    """Its pages as responses of a server that names no charset."""
    with tarfile.open(folder / "html.tar") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield gzip.compress(response(Path(member.name).name, gzip.decompress(content.read())), mtime=0)


def response(name: str, html: bytes) -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + html
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://wcxb.example/{name}\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def write_every(records: Iterator[bytes], every: int, path: Path) -> Path:
    with path.open("wb") as file:
        file.writelines(record for number, record in enumerate(records) if number % every == 0)
    return path


def warm_up(warc: Path, tokenizer: Path, work: Path) -> None:
    """Kernels are compiled, files are in memory."""
    head = cut_head(warc, record_offsets(warc), WARM_UP_BYTES, work / "head.warc.gz")
    side(("curate", "resiliparse", "trafilatura"), head, tokenizer, work / "warm-up", 1)


def side(extractors: tuple[str, ...], warc: Path, tokenizer: Path, work: Path, repeats: int) -> Side:
    name = "+".join(extractors)
    recipe = work.with_name(f"{work.name}-{name}.toml")
    values = {"warc": json.dumps(str(warc)), "extract": json.dumps(extractors), "tokenizer": json.dumps(str(tokenizer))}
    recipe.write_text(RECIPE.format(**values), encoding="utf-8")
    costs = []
    for number in range(repeats):
        out = work.with_name(f"{work.name}-{name}-{number}")
        command = [sys.executable, "-m", "curate", "run", str(recipe), "--fresh", "--out", str(out), "--workers", "1"]
        costs.append(measure(command, recipe.with_suffix(".log")).cpu)
    return outcome(extractors, out, statistics.median(costs))


def outcome(extractors: tuple[str, ...], out: Path, cpu: float) -> Side:
    documents = pl.scan_parquet(out / "documents" / "web" / "*.parquet").collect()
    ledger = pl.scan_parquet(out / "ledger" / "web" / "*.parquet").select("step").collect()
    steps = json.loads((out / "timing.json").read_bytes())["stages"]["filter"]["steps"]
    second = (
        documents.filter(pl.col("extractor") != extractors[0]) if "extractor" in documents.columns else documents[:0]
    )
    return Side(
        extractors,
        ledger.filter(pl.col("step").ne_missing("read")).height,
        documents.height,
        int(documents["token_count"].sum()),
        second.height,
        cpu,
        sum(cpu for name, (_, cpu) in steps.items() if name.startswith("extract")),
        frozenset(documents["id"]),
    )


def print_table(sides: list[Side]) -> None:
    """`to best`: tokens beside the best of its extractors alone; `lost`: pages that one of these keeps, and all not."""
    alone = {each.extractors[0]: each for each in sides if len(each.extractors) == 1}
    print(f"{'extractors':<24}   read   kept second     tokens  to best  lost   CPU s  in extractors")
    for each in sides:
        parts = [alone[name] for name in each.extractors]
        gain = f"{each.tokens / max(part.tokens for part in parts) - 1:+.1%}"
        lost = len(frozenset().union(*(part.kept for part in parts)) - each.kept)
        counts = f"{each.read:>6} {each.documents:>6} {each.second_texts:>6} {each.tokens:>10} {gain:>8} {lost:>5}"
        print(f"{'+'.join(each.extractors):<24} {counts} {each.cpu:>7.1f} {each.extractors_cpu:>14.1f}")
    print()


if __name__ == "__main__":
    main()
