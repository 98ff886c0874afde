"""Before the tests: bytecode is kept, whatever the environment says, as they start hundreds of processes, each of which
would compile its libraries anew; and kernels older than any source of a kernel are forgotten, which numba only does
where the file of the kernel itself has changed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "curate"

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_configure() -> None:
    sources = [path for path in PACKAGE.rglob("*.py") if "curate.text.compiled" in path.read_text(encoding="utf-8")]
    newest = max(path.stat().st_mtime for path in sources)
    for kernel in PACKAGE.rglob("*.nb[ic]"):
        if kernel.stat().st_mtime < newest:
            kernel.unlink()
