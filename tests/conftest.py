"""Before the tests: bytecode is kept, whatever the environment says, as they start hundreds of processes, each of which
would compile its libraries anew. And what several files of tests make their inputs with.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

SAMPLE = Path(__file__).parents[1] / "curate" / "recipes" / "quickstart" / "web.warc.gz"
ROWS_WITH_DEDUP = """\
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["rows.parquet"]
[dedup]
{dedup}
[tokenize]
tokenizer = "bytes"
validation = 0
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for processes, signals and limits of time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def first_members() -> Callable[[int], bytes]:
    """So many first gzip members of the sample's WARC, as they stand."""

    def members(count: int) -> bytes:
        data, end = SAMPLE.read_bytes(), 0
        for _ in range(count):
            inflater = zlib.decompressobj(31)
            inflater.decompress(data[end:])
            end = len(data) - len(inflater.unused_data)
        return data[:end]

    return members


@pytest.fixture(scope="session")
def rows_with_dedup() -> Callable[[Sequence[Any], Path, str], Path]:
    """Writes rows, and the recipe that deduplicates them as some lines of `[dedup]` say; returns the recipe's path."""

    def write(rows: Sequence[Any], folder: Path, dedup: str) -> Path:
        folder.mkdir(exist_ok=True)
        pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
        path = folder / "toy.toml"
        path.write_text(ROWS_WITH_DEDUP.format(dedup=dedup))
        return path

    return write
