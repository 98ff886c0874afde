"""Byte-level BPE trained here and by other libraries on the same texts: CPU, memory, and how many tokens are the same.

books, code, pages of a crawl ─▶ texts.jsonl ─▶ a process a side, one after the other, several times ─▶ medians

A side that is not installed in its Python is left out and named. Peers have a Python of their own (`--peers`), with
tokenizers, gigabpe, rustbpe and bpeasy. Kernels are compiled and libraries loaded before the clock starts; each process
has one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from fastwarc.warc import ArchiveIterator, WarcRecordType
from peer_tokenizer_training import SIDES
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding

LONG_RUN = re.compile(r"\S{512}(?=\S)|\s{512}(?=\s)")
"""Where curate cuts by itself, and the others' texts are cut: their time grows with the square of a word's length."""
HERE = Path(__file__).resolve().parent
SINGLE = {"RAYON_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
OF_PEERS = {"gigabpe": "tokenizers_gpt2"}
"""Whose tokens to compare with, where not those of `tokenizers`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with books.tar.gz, code.tar.gz and web/prose.warc.gz")
    parser.add_argument("--peers", default=sys.executable, help="a Python that has the other libraries")
    parser.add_argument("--megabytes", type=float, default=10, help="of text of each of the three sources")
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_texts(options.data, options.megabytes * 1e6, Path(folder))
        found = {side: runs_of(side, options, Path(folder)) for side in SIDES}
        for line in table({side: runs for side, runs in found.items() if runs}):
            print(line)
        for side, runs in found.items():
            if not runs:
                print(f"{side}: not installed")


def write_texts(data: Path, size: float, folder: Path) -> None:
    sources = (in_archive(data / "books.tar.gz"), in_archive(data / "code.tar.gz"), pages(data / "web/prose.warc.gz"))
    texts = [piece for source in sources for text in first_bytes(source, size) for piece in cut(text)]
    print(f"{sum(len(text.encode()) for text in texts) / 1e6:.1f} MB in {len(texts):,} texts")
    (folder / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    (folder / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    (folder / "few.txt").write_text("\n".join(texts[:20]), encoding="utf-8")


def first_bytes(texts: Iterable[str], size: float) -> Iterator[str]:
    left = size

    def fits(text: str) -> bool:
        nonlocal left
        left -= len(text.encode())
        return left >= 0

    return takewhile(fits, texts)


def cut(text: str) -> Iterator[str]:
    ends = [0, *(run.end() for run in LONG_RUN.finditer(text)), len(text)]
    return (text[start:end] for start, end in pairwise(ends))


def in_archive(path: Path) -> Iterator[str]:
    """Files that are UTF-8."""
    with tarfile.open(path) as tar:
        for member in tar:
            if (file := tar.extractfile(member)) is not None:
                try:
                    yield file.read().decode()
                except UnicodeDecodeError:
                    continue


def pages(warc: Path) -> Iterator[str]:
    """Text of HTML pages, in all languages of the crawl."""
    with warc.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            if (record.http_content_type or "").startswith("text/html"):
                html = record.reader.read()
                page = html.decode(detect_encoding(html) or "utf-8", "replace")
                yield extract_plain_text(page, main_content=True)


def runs_of(side: str, options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    python = sys.executable if side == "curate" else options.peers
    module = side.partition("_")[0]
    if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
        return []
    command = [python, str(HERE / "peer_tokenizer_training.py"), side, str(folder), str(options.vocab_size)]
    runs = []
    for _ in range(1 if side in OF_PEERS.values() else options.repeats):
        subprocess.run(command, check=True, env=os.environ | SINGLE)
        runs.append(json.loads((folder / f"{side}.json").read_text()))
    return runs


def table(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """`ratio` is the time of `tokenizers` to this side's, `grown` what memory grew by once all texts were there.

    `same first` counts tokens up to the first that is another one; `same` is the share of all that both have.
    """
    yield "side              CPU s  ratio  peak MB  grown  tokens  same first    same"
    slow = statistics.median(run["cpu"] for run in found["tokenizers"]) if "tokenizers" in found else None
    for side, runs in found.items():
        cpu, peak, grown = (statistics.median(run[key] for run in runs) for key in ("cpu", "peak", "grown"))
        tokens = runs[0]["tokens"]
        ratio = f"{slow / cpu:.1f}x" if slow else "-"
        yield (
            f"{side:16} {cpu:6.2f} {ratio:>6} {peak:8.0f} {grown:6.0f} {len(tokens):7,} "
            + compared(tokens, found.get(OF_PEERS.get(side, "tokenizers")), is_itself="tokenizers" in side)
        )


def compared(tokens: list[str], others: list[dict[str, Any]] | None, *, is_itself: bool) -> str:
    if others is None or is_itself:
        return f"{'-':>11} {'-':>7}"
    known = others[0]["tokens"]
    first = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(tokens, known, strict=False)))
    return f"{first:11,} {len({*tokens} & {*known}) / len(known):7.2%}"


if __name__ == "__main__":
    main()
