"""How clean documents are: counted by hand, line by line."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate.dedup import cleanest
from curate.dedup.cleanest import MANY, clean_bytes
from curate.dedup.signatures import SignatureFiles
from curate.recipe_dedup import Dedup


@pytest.mark.parametrize("lines_at_once", [7, 1 << 24])
def test_lines_that_three_documents_have_that_stay_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines_at_once: int
) -> None:
    monkeypatch.setattr(cleanest, "LINES_AT_ONCE", lines_at_once)  # many parts, or one
    rng = random.Random(3)
    pages = [[f"This is line {rng.randrange(60)}" for _ in range(rng.randrange(12))] for _ in range(80)]
    texts = pl.Series(["".join(f"{line}\n" for line in page) for page in pages])
    ids = [f"{number:02}" for number in range(80)]
    frame = pl.DataFrame({"id": ids, "source": "web", "length": texts.str.len_chars()})
    frame.write_parquet(tmp_path / "signatures")
    files = SignatureFiles.open([tmp_path / "signatures"], columns=[])
    stays = np.array([rng.random() < 0.5 for _ in pages])
    members = np.array([number for number in range(80) if rng.random() < 0.6])
    found = clean_bytes(lambda _, rows: texts.gather(rows), Dedup(), tmp_path, 1, files, stays, members)
    times = Counter(line for page, is_there in zip(pages, stays, strict=True) if is_there for line in {*page})
    own = [sum(len(line) + 1 for line in {*page} if times[line] < MANY) for page in pages]
    assert found[members].tolist() == [own[member] for member in members]
    assert 0 < found[members].sum() < sum(len(texts[int(member)]) for member in members)
