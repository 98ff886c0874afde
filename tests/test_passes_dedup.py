"""Pass 2 within whole runs: methods, cluster sizes, and runs against earlier runs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import curate
from curate.errors import RecipeError
from curate.passes.run import run
from curate.report.plan import plan_values
from curate.report.verify import differences
from curate.report.why import stories, story_lines

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
PAGES = [" ".join(WORDS[start : start + 150]) for start in range(0, 1200, 150)]
ROWS = [
    {"text": PAGES[0], "url": "http://a.example/0", "timestamp": "2024-01-01"},
    {"text": PAGES[0] + " Updated.", "url": "http://a.example/zero", "timestamp": "2023-01-01"},
    {"text": PAGES[1], "url": "http://a.example/1", "timestamp": "2024-01-01"},
    {"text": PAGES[2], "url": "https://www.a.example/1/", "timestamp": "2024-02-01"},
    *({"text": page, "url": None, "timestamp": None} for page in PAGES[3:]),
]

RECIPE = """\
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


def recipe(folder: Path, dedup: str) -> Path:
    folder.mkdir(exist_ok=True)
    pl.DataFrame(ROWS).write_parquet(folder / "rows.parquet")
    path = folder / "toy.toml"
    path.write_text(RECIPE.format(dedup=dedup))
    return path


def test_the_latest_copy_stays_and_knows_how_many_it_stands_for(tmp_path: Path) -> None:
    path = recipe(tmp_path, 'method = ["url", "exact", "minhash"]\nkeep = "latest"')
    done = run(path, out=tmp_path / "run", workers=0)
    ledger = done.ledger().filter(pl.col("outcome") == "dropped").sort("id").collect()
    assert ledger.select("step", "reason", "value").rows() == [
        ("dedup", "similar", "web/rows.parquet@0"),
        ("dedup", "same_url", "web/rows.parquet@3"),
    ]
    sizes = done.documents("web").sort("id").collect()["cluster_size"].to_list()
    assert sizes == [2, 2, *[1] * len(PAGES[3:])]
    assert "\n".join(story_lines(stories(done, "web/rows.parquet@2")[0])).count("(the same page)") == 1
    assert not list(differences(done))


def test_a_run_against_an_earlier_one_keeps_what_is_new(tmp_path: Path) -> None:
    first = run(recipe(tmp_path / "one", "index = true"), out=tmp_path / "first", workers=0)
    assert not list(differences(first))
    again = recipe(tmp_path / "two", f'against = ["{tmp_path / "first"}"]')
    rows = [*ROWS[:3], {"text": " ".join(reversed(WORDS[:200])), "url": None, "timestamp": None}]
    pl.DataFrame(rows).write_parquet(again.parent / "rows.parquet")
    second = run(again, out=tmp_path / "second", workers=0)
    assert second.manifest["counts"]["web"]["kept"] == 1
    assert second.manifest["dedup"] == {"clusters": 0, "removed": 3, "earlier": 3}
    story = "\n".join(story_lines(stories(second, "web/rows.parquet@0")[0]))
    assert "in an index of earlier documents" in story


def test_a_threshold_is_split_into_bands_and_the_plan_shows_the_curve(tmp_path: Path) -> None:
    values = plan_values(str(recipe(tmp_path, "threshold = 0.6\npermutations = 64\nverify = 0.6")))
    assert values["dedup"].startswith("10 bands of 6 rows find pairs of similarity 0.5: ")
    assert values["dedup"].endswith("kept apart below 0.6")


@pytest.mark.parametrize(
    ("dedup", "words"),
    [
        ('keep = "highest:scores"', r'toy.toml:7: \[dedup\]: keep = "highest:scores": there is no column "scores"'),
        ("threshold = 0.7\nbands = 20", r"either threshold or bands and rows, not both"),
        ('against = ["nowhere"]', r"against: .*nowhere holds no index of documents"),
        ('method = ["minhsh"]', r"minhash"),
        ("verify = 1.5", r"verify"),
    ],
)
def test_mistakes_in_the_recipe_are_found_before_a_run(tmp_path: Path, dedup: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        curate.run(recipe(tmp_path, dedup), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
