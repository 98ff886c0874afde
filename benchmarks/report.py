"""What the page of a run costs: CPU and memory to write it, its size, and how soon a browser has drawn it.

RUN ─▶ a copy whose ledger and documents stand in it N times ─▶ curate report, in a process of its own ─▶ Chromium

    python benchmarks/report.py RUN --times 1 40

The inputs that RUN has read must still lie where they did, since samples of what was dropped are read from them. A copy
is no sound run, as its manifest counts each document once; the page is made of its tables.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from curate.run_folder import RunFolder

PROGRAM = """
import resource, sys, time
from pathlib import Path
from curate.report.html.page import write_report
from curate.run_folder import RunFolder
before = time.process_time()
write_report(RunFolder(Path(sys.argv[1])), Path(sys.argv[2]))
whole = resource.getrusage(resource.RUSAGE_SELF)
print(time.process_time() - before, whole.ru_utime + whole.ru_stime, whole.ru_maxrss / 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--times", type=int, nargs="+", default=[1], help="how often the tables stand in the copy")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    spent = RunFolder(options.run).timing["cpu"]
    print("rows        CPU s  with imports  of the run's CPU  peak MB  page kB  drawn after ms")
    with tempfile.TemporaryDirectory() as scratch:
        for times in options.times:
            folder = multiply(options.run, Path(scratch) / f"run{times}", times)
            rows = RunFolder(folder).ledger().select(pl.len()).collect().item()
            page = Path(scratch) / "page.html"
            found = [measure(folder, page) for _ in range(options.repeats)]
            cpu, whole, memory = (statistics.median(column) for column in zip(*found, strict=True))
            share = f"{cpu / spent:.1%}" if times == 1 else "–"
            drawn = statistics.median(browse(page) for _ in range(options.repeats))
            size = page.stat().st_size / 1e3
            print(f"{rows:<11,} {cpu:5.2f}  {whole:12.2f}  {share:>16}  {memory:7.0f}  {size:7.0f}  {drawn:14.0f}")


def multiply(run: Path, target: Path, times: int) -> Path:
    shutil.copytree(run, target, ignore=shutil.ignore_patterns("ledger", "documents", "tokens", "train", "report.html"))
    (target / "tokens").mkdir()
    shutil.copy(run / "tokens" / "mixture.json", target / "tokens")
    for file in [*run.glob("ledger/*/*.parquet"), *run.glob("documents/*/*.parquet")]:
        rows = pl.read_parquet(file)
        for copy in range(times):
            path = target / file.relative_to(run).with_name(f"{int(file.stem) + 10_000 * copy:06}.parquet")
            path.parent.mkdir(parents=True, exist_ok=True)
            named = pl.col("id") + (f"~{copy}" if copy else "")
            rows.with_columns(named).write_parquet(path)
    return target


def measure(folder: Path, page: Path) -> tuple[float, float, float]:
    """CPU seconds of the page, of the whole process, and its peak of memory."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(page)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(shown[0]), float(shown[1]), float(shown[2])


def browse(page: Path) -> float:
    """Milliseconds until all is drawn, by the page's own mark; nan without a browser."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        return float("nan")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--window-size=1280,900"]
    shown = subprocess.run([chromium, *flags, page.as_uri()], capture_output=True, text=True, check=True).stdout
    found = re.search(r'data-ready="(\d+)"', shown)
    return float(found[1]) if found else float("nan")


if __name__ == "__main__":
    main()
