"""The recipes in examples/ run as they are, and their own filters do what their comments say."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

import curate

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="not in a checkout")


def run_example(name: str, folder: Path) -> curate.Run:
    """In a copy, so that no bytecode is left beside the recipe."""
    shutil.copytree(EXAMPLES / name, folder / name)
    return curate.run(folder / name / "recipe.toml", out=folder / "run", workers=0)


def dropped(run: curate.Run) -> dict[str, str]:
    """By the end of its id, the step that took a document."""
    rows = run.ledger().filter(outcome="dropped").select(pl.col("id").str.extract(r"([^/@]+)[^/]*$"), "step").collect()
    return dict(rows.sort("id").iter_rows())


def test_every_example_is_in_the_list() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for recipe in EXAMPLES.glob("*/recipe.toml"):
        assert f"[{recipe.parent.name}]({recipe.parent.name}/recipe.toml)" in listed


def test_a_forum_keeps_answers_that_say_something(tmp_path: Path) -> None:
    run = run_example("forum", tmp_path)
    taken = run.ledger().filter(outcome="dropped").select("original_id", "step").sort("original_id").collect()
    assert dict(taken.iter_rows()) == {
        "a3": "filters:says_something",
        "a4": "where",
        "a6": "dedup",
        "a8": "where",
    }
    assert curate.check(tmp_path / "forum" / "recipe.toml").has_fault is False


def test_letters_lose_their_page_marks_and_lists_of_goods_go(tmp_path: Path) -> None:
    run = run_example("letters", tmp_path)
    assert dropped(run) == {"goods.txt": "where"}
    texts = "\n".join(run.documents().collect()["text"])
    assert "Dear Margaret" in texts
    assert "LETTERS FROM THE COAST" not in texts
    assert "[page 2]" not in texts


def test_code_leaves_out_what_nobody_wrote_for_others(tmp_path: Path) -> None:
    run = run_example("code", tmp_path)
    own = "filters:written_by_hand"
    assert dropped(run) == {"package.json": "where", "table.py": own, "test_distance.py": own}
    shares = {row.source: row.share.drawn for row in run.show().tokens if row.share}
    assert shares == pytest.approx({"files": 0.75, "pages": 0.25}, abs=0.01)
