"""docs/benchmarks.md is what benchmarks/write_docs.py makes of the results that were kept."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks" / "write_docs.py").exists(), reason="not in a checkout")


@pytest.fixture
def write_docs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "benchmarks" / "write_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "write_docs", module)  # its dataclasses look it up there
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_the_results(write_docs: ModuleType) -> None:
    assert write_docs.PAGE.read_text(encoding="utf-8") == write_docs.page(), "run python benchmarks/write_docs.py"


def test_a_table_says_when_where_and_whether_it_is_fresh(
    write_docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy.py").write_text("print('side  seconds')\nprint('ours  1.0')\n", encoding="utf-8")
    monkeypatch.setattr(write_docs, "HERE", tmp_path)
    monkeypatch.setattr(write_docs, "RESULTS", tmp_path / "results")
    toy = write_docs.Benchmark("A toy", "toy.py", "DATA/x", "Nothing much.")
    assert "Not measured yet" in write_docs.section("toy", toy)
    result = write_docs.measured(toy, Path("/data"))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "toy.json").write_text(json.dumps(write_docs.asdict(result)), encoding="utf-8")
    fresh = write_docs.section("toy", toy)
    assert "```text\nside  seconds\nours  1.0\n```" in fresh
    assert result.date in fresh
    assert result.machine in fresh
    assert "Not fresh" not in fresh
    (tmp_path / "toy.py").write_text("print('another table')\n", encoding="utf-8")
    assert "Not fresh" in write_docs.section("toy", toy)
