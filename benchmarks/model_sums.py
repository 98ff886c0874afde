"""A model written beside the list of digests that the package checks models with."""

from __future__ import annotations

import hashlib
from pathlib import Path


def write_model(path: Path, content: bytes) -> None:
    """The file, and its line in SHA256SUMS."""
    path.write_bytes(content)
    sums = path.with_name("SHA256SUMS")
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    others = [line for line in lines if line.split()[1] != path.name]
    made = f"{hashlib.sha256(content).hexdigest()}  {path.name}"
    sums.write_text("".join(f"{line}\n" for line in sorted([*others, made], key=lambda each: each.split()[1])))
