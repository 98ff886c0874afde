"""A small campaign of benchmarks/fuzz_warc.py: 300 mutated files, the same ones each time."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "fuzz_warc.py"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "warc"


@pytest.mark.parametrize("seed", [17, 18, 19])
def test_mutated_files_are_accounted_for_without_an_exception(seed: int) -> None:
    files = [path.read_bytes() for path in sorted(SHARED.glob("*/*"))] if SHARED.exists() else []
    outcome = runpy.run_path(str(SCRIPT))["fuzz"](files, count=100, seed=seed)
    assert outcome.faults == []
    assert outcome.reasons["kept"] > 0
