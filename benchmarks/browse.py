"""How long a request to `curate browse` takes on a million documents: the first page, filters, searches, a retune.

RUN ─▶ a copy whose tables stand in it N times, with new ids ─▶ curate browse, a process of its own ─▶ HTTP ─▶ medians

    python benchmarks/browse.py RUN --rows 1000000

A copy is no sound run, as its manifest counts each document once; its ledger and documents are as large as those of a
run over so many documents, and so are its answers.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode
from urllib.request import urlopen

import polars as pl

from curate.run_folder import RunFolder

LEFT_OUT = ("ledger", "documents", "dedup", "tokens", "train", "report.html")
ROWS_OF_A_GROUP = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--copy", type=Path, help="where the copy is, or is to be (default: nowhere for long)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.copy or Path(scratch) / "run"
        if not folder.is_dir():
            multiply(options.run, folder, options.rows)
        measure(folder, options.repeats)


def multiply(run: Path, target: Path, rows: int) -> None:
    """Each table with all copies of its rows; what refers to a document refers to its copy."""
    times = math.ceil(rows / RunFolder(run).ledger().select(pl.len()).collect().item())
    shutil.copytree(run, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (target / "tokens").mkdir()
    shutil.copy(run / "tokens" / "mixture.json", target / "tokens")
    for file in (file for room in LEFT_OUT for file in sorted(run.glob(f"{room}/**/*.parquet"))):
        table = pl.read_parquet(file, glob=False)
        names = [name for name in ("id", "duplicate_of", "held_by") if name in table.columns]
        copies = [table.with_columns(pl.col(names) + (f"~{copy}" if copy else "")) for copy in range(times)]
        path = target / file.relative_to(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        together = pl.concat(copies)
        together = together.sort("id") if file.parent.name == "dedup" else together
        together.write_parquet(path, row_group_size=ROWS_OF_A_GROUP)


def measure(folder: Path, repeats: int) -> None:
    words = [sys.executable, "-m", "curate", "browse", str(folder), "--no-open"]
    began = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found is not None
            address = found[0]
            print(f"{ask(address, 'run')['records']:,} records, ready after {time.perf_counter() - began:.2f} s")
            print("request                                   first ms  median ms  bytes")
            for name, asked in requests(address):
                taken, size = [], 0
                for each in asked[:repeats]:
                    start = time.perf_counter()
                    with urlopen(f"{address}api/{each}") as answer:
                        size = len(answer.read())
                    taken.append(1e3 * (time.perf_counter() - start))
                print(f"{name:<42}{taken[0]:8.0f}  {statistics.median(taken):9.0f}  {size:5}")
            status = Path(f"/proc/{server.pid}/status")
            if status.is_file():
                print(re.search(r"VmHWM.*", status.read_text())[0])  # type: ignore[index]
        finally:
            server.terminate()


def ask(address: str, request: str) -> dict:  # type: ignore[type-arg]
    with urlopen(f"{address}api/{request}") as answer:
        return json.load(answer)  # type: ignore[no-any-return]


def requests(address: str) -> Iterator[tuple[str, list[str]]]:
    """Names, and requests that differ from one another, so that no answer is one that is remembered."""
    told = ask(address, "run")
    signals = [each["name"] for each in told["signals"]][:7]
    steps = [each for each in told["facets"]["step"] if each["value"]]
    yield "first page", ["documents"] * 5
    yield (
        "outcome and step",
        [f"documents?{urlencode({'outcome': 'dropped', 'step': each['value']})}" for each in steps],
    )
    yield "counts beside a filter", [f"facets?{urlencode({'step': each['value']})}" for each in steps]
    yield (
        "range of a signal",
        [f"documents?{urlencode({'min': f'{each}:0.1', 'max': f'{each}:200'})}" for each in signals],
    )
    yield "sorted by a signal", [f"documents?sort={each}" for each in signals[::-1]]
    yield "search in URL and id", [f"documents?search={each}" for each in ("install", "api", "manual", "html", "xyzzy")]
    yield "frequent word in texts", [f"texts?search={each}" for each in ("the", "and", "for", "with", "that")]
    yield "rare word in texts, a part of the way", [f"texts?search={each}zzy" for each in "abcde"]
    total = told["documents"]
    yield "deep page", [f"documents?offset={total - each * 1000}" for each in range(1, 6)]
    yield "deep page of a sorted search", [f"documents?search=a&sort=id&offset={each * 20_000}" for each in range(1, 6)]
    rules = [rule for rule in told["rules"] if rule["key"] in ("gopher_quality.min_words", "language.min_score")]
    for rule in rules[:2]:
        moved = [f"{rule['key']}={rule['value'] + step * (rule['value'] / 10 or 1):g}" for step in range(1, 6)]
        yield f"{rule['key']} moved", [f"retune?{urlencode({'set': each})}" for each in moved]
    rows = ask(address, "documents?outcome=kept")["documents"] + ask(address, "documents?outcome=dropped")["documents"]
    yield "a document with its story", [f"document?id={quote(each['id'])}" for each in rows[::11]]


if __name__ == "__main__":
    main()
