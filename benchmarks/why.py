"""How long `curate why` takes on a ledger of a million documents: the whole process, by id, own id and URL.

RUN ─▶ a copy whose tables stand in it N times, each with ids and URLs of its own ─▶ one of each outcome ─▶ curate why

    python benchmarks/why.py [RUN] --documents 1000000

A copy is no sound run, as its manifest counts each document once; what `why` reads are its tables. Lines of what a run
does not have are left out. Without RUN one is made of the package's own sample and some rows, that has every outcome.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

import curate
from curate.run_folder import RunFolder

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"
RECIPE = """
name = "all-outcomes"
[[source]]
name = "web"
read = "warc"
paths = ["{web}"]
steps = [{{ use = "language", keep = ["en"] }}, "gopher_repetition", "gopher_quality"]
[[source]]
name = "rows"
read = "tables"
paths = ["rows.jsonl"]
steps = ["breaks:breaks", "gopher_quality"]
[dedup]
[scrub]
entities = ["EMAIL_ADDRESS"]
[tokenize]
tokenizer = "bytes"
[limits]
max_quarantined = 1.0
max_errors = 1.0
"""
BREAKS = """
import curate

@curate.filter
def breaks(document: curate.Document) -> bool:
    if document.text == "breaks":
        raise ValueError("as it should")
    return True
"""
ROWS_OF_A_FILE = 3_000
"""As a split of ten megabytes of web pages has them."""
NUMBER_IN_A_NAME = 10_000
"""Files of a source are numbered; those of a copy follow at this distance."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run = options.run or make_run(Path(scratch))
        rows = RunFolder(run).ledger().select(pl.len()).collect().item()
        many = multiply(run, Path(scratch) / "many", math.ceil(options.documents / rows))
        whole = RunFolder(many).ledger().select(pl.len()).collect().item()
        print(f"{whole:,} documents in the ledger, {len([*many.glob('ledger/*/*.parquet')]):,} files")
        print("outcome      asked by  wall s  CPU s")
        for outcome, kind, key in questions(many):
            wall, spent = (statistics.median(each) for each in zip(*ask(many, key, options.repeats), strict=True))
            print(f"{outcome:<12} {kind:<9} {wall:6.2f} {spent:6.2f}")


def make_run(folder: Path) -> Path:
    """A run of the sample's pages and of rows with ids and URLs of their own, some of them no JSON."""
    books = (SAMPLE / "books" / "persuasion.txt").read_text(encoding="utf-8")
    texts = [books[start : start + 1500] for start in range(2000, 200_000, 1500)]
    lines = [
        json.dumps({"id": f"own-{number}", "url": f"https://rows.example/{number}", "text": text})
        for number, text in enumerate([*texts, *texts[:20], "too short", "breaks", "breaks"])
    ]
    (folder / "rows.jsonl").write_text("\n".join([*lines, *(f'{{"id": {number}, no JSON' for number in range(5))]))
    (folder / "breaks.py").write_text(BREAKS)
    (folder / "all.toml").write_text(RECIPE.format(web=SAMPLE / "web.warc.gz"))
    return curate.run(folder / "all.toml", out=folder / "run").folder


def multiply(run: Path, target: Path, times: int) -> Path:
    """The run with all rows of its tables so many times, `~1`, `~2` … behind ids, own ids, URLs and what is a copy."""
    tables = [*run.glob("ledger/*/*.parquet"), *run.glob("documents/*/*.parquet")]
    tables += [*run.glob("tokens/*/*/*.docs.parquet"), *run.glob("dedup/*.parquet")]
    shutil.copytree(run, target, ignore=lambda folder, names: [n for n in names if Path(folder, n) in {*tables}])
    for file in tables:
        rows = pl.read_parquet(file)
        copies = [renamed(rows, copy) for copy in range(times)]
        path = target / file.relative_to(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.name == "dedup":  # one file, sorted by id
            pl.concat(copies).sort("id" if "id" in rows.columns else rows.columns[0]).write_parquet(path)
            continue
        stem, _, suffix = file.name.partition(".")
        account = run / "ledger" / file.parent.name / file.name  # a split's tables have one name, in the copy, too
        height = pl.scan_parquet(account).select(pl.len()).collect().item() if account.is_file() else rows.height
        together = max(1, ROWS_OF_A_FILE // max(1, height))
        for first in range(0, times, together):
            name = f"{int(stem) + NUMBER_IN_A_NAME * first:0{len(stem)}}.{suffix}"
            pl.concat(copies[first : first + together]).write_parquet(path.with_name(name))
    return target


def renamed(rows: pl.DataFrame, copy: int) -> pl.DataFrame:
    names = [name for name in ("id", "original_id", "url", "duplicate_of", "held_by") if name in rows.columns]
    return rows.with_columns(pl.col(names) + f"~{copy}") if copy else rows


def questions(run: Path) -> Iterator[tuple[str, str, str]]:
    """For each outcome a row from the middle of the ledger, by whatever it can be called."""
    ledger = RunFolder(run).ledger()
    is_copy = (pl.col("step") == "dedup").fill_null(False)
    outcomes = {
        "kept": pl.col("outcome") == "kept",
        "dropped": (pl.col("outcome") == "dropped") & ~is_copy & (pl.col("step") != "read"),
        "duplicate": is_copy,
        "quarantined": pl.col("outcome") == "quarantined",
    }
    names = {"id": "id", "own id": "original_id", "URL": "url"}
    known = ledger.collect_schema()
    for outcome, asked in outcomes.items():
        for kind, name in names.items():
            if name in known:
                found = ledger.filter(asked & pl.col(name).is_not_null()).select(name).collect()[name]
                if len(found):
                    yield outcome, kind, found[len(found) // 2]


def ask(run: Path, key: str, repeats: int) -> Iterator[tuple[float, float]]:
    """Wall and CPU seconds of the process."""
    import resource

    for _ in range(repeats):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "curate", "why", str(run), key], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter() - start
        yield wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
