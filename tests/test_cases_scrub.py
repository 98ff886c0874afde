"""The cases of ../shared/data/cases about scrubbing, each run by its own recipe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import curate

CASES = Path(__file__).resolve().parents[2] / "shared" / "data" / "cases"


def test_at_signs_that_are_no_addresses_stay(tmp_path: Path) -> None:
    case = CASES / "at-signs-that-are-no-addresses"
    if not case.is_dir():
        pytest.skip("needs ../shared/data/cases")
    shutil.copytree(case, tmp_path / "case")
    texts = [json.loads(line)["text"] for line in (case / "in" / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    run = curate.run(tmp_path / "case" / "recipe.toml", out=tmp_path / "run", workers=0)
    documents = run.documents("s").collect()
    assert sorted(documents["text"]) == sorted([*texts[:-1], "Write to <EMAIL_ADDRESS>."])
    assert documents["pii_email_address"].sum() == 1
