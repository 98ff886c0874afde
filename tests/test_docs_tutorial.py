"""docs/tutorial.md works as it is printed: typed into one shell in an empty folder, it prints what it shows."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"

pytestmark = [
    pytest.mark.skipif(not DOCS.exists(), reason="not in a checkout"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to type into"),
]


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    """docs/run_page.py."""
    spec = importlib.util.spec_from_file_location("run_page", DOCS / "run_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_page"] = module  # its dataclass looks it up there
    spec.loader.exec_module(module)
    return module


def test_the_tutorial_works_as_it_is_printed(pages: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert pages.run_page(DOCS / "tutorial.md", tmp_path) >= 10
