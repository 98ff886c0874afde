"""Pass 2 within whole runs: methods, cluster sizes, and runs against earlier runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import RecipeError, UsageError
from curate.pipeline.run import run
from curate.report.plan import plan, plan_values
from curate.report.shown import shown
from curate.report.terminal.dedup import cut_lines
from curate.report.terminal.why import story_lines
from curate.report.verify import differences
from curate.report.why import stories

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
PAGES = [" ".join(WORDS[start : start + 150]) for start in range(0, 1200, 150)]
ROWS = [
    {"text": PAGES[0], "url": "http://a.example/0", "timestamp": "2024-01-01"},
    {"text": PAGES[0] + " Updated.", "url": "http://a.example/zero", "timestamp": "2023-01-01"},
    {"text": PAGES[1], "url": "http://a.example/1", "timestamp": "2024-01-01"},
    {"text": PAGES[2], "url": "https://www.a.example/1/", "timestamp": "2024-02-01"},
    *({"text": page, "url": None, "timestamp": None} for page in PAGES[3:]),
]


WriteRecipe = Callable[[Path, str], Path]


@pytest.fixture
def recipe(rows_with_dedup: Callable[[Sequence[Any], Path, str], Path]) -> WriteRecipe:
    return partial(rows_with_dedup, ROWS)


def test_the_latest_copy_stays_and_knows_how_many_it_stands_for(tmp_path: Path, recipe: WriteRecipe) -> None:
    path = recipe(tmp_path, 'method = ["url", "exact", "minhash"]\nkeep = "latest"')
    done = run(path, out=tmp_path / "run", workers=0)
    ledger = done.ledger().filter(pl.col("outcome") == "dropped").sort("id").collect()
    assert ledger.select("step", "reason", "value").rows() == [
        ("dedup", "near_duplicate", "web/rows.parquet@0"),
        ("dedup", "url_duplicate", "web/rows.parquet@3"),
    ]
    sizes = done.documents("web").sort("id").collect()["cluster_size"].to_list()
    assert sizes == [2, 2, *[1] * len(PAGES[3:])]
    assert "\n".join(story_lines(stories(done, "web/rows.parquet@2")[0])).count("(the same page)") == 1
    assert not list(differences(done))


def test_a_run_against_an_earlier_one_keeps_what_is_new(tmp_path: Path, recipe: WriteRecipe) -> None:
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


MENU = "Home About Search Contact Imprint Help"


def test_repeated_lines_and_passages_are_cut_before_tokens_and_documents_are_written(
    tmp_path: Path, recipe: WriteRecipe
) -> None:
    path = recipe(tmp_path, 'method = ["exact", "lines", "substring"]\nsubstring = { min_words = 30 }')
    texts = [f"{MENU}\n{PAGES[0]}", f"{MENU}\n{PAGES[1]}", MENU, "Quoted: " + " ".join(WORDS[160:200])]
    pl.DataFrame({"id": list("abcd"), "text": texts}).write_parquet(tmp_path / "rows.parquet")
    done = run(path, out=tmp_path / "run", workers=0)
    documents = done.documents("web").sort("id").collect()
    assert documents["text"].to_list() == [texts[0], PAGES[1], "Quoted:"]
    assert documents["cut_bytes"].to_list() == [0, len(MENU) + 1, len(texts[3]) - len("Quoted: ")]
    ledger = done.ledger().sort("id").collect()
    assert ledger.filter(pl.col("outcome") == "dropped").select("id", "reason", "value").rows() == [
        ("web/rows.parquet@2", "too_short_after_cuts", f"lines: {len(MENU)} bytes")
    ]
    assert done.manifest["dedup"]["lines"] == {"documents": 2, "parts": 2, "bytes": 2 * len(MENU) + 1}
    [cut, *_] = list(cut_lines(shown(done).cuts))
    assert cut == f"Dedup, lines: 2 parts of texts cut in 2 documents, {2 * len(MENU) + 1:,} B"
    assert done.manifest["dedup"]["substring"]["documents"] == 1
    tokens = (tmp_path / "run" / "tokens" / "train" / "web" / "00000.bin").read_bytes()
    assert np.frombuffer(tokens, dtype=np.uint16).tolist().count(ord("Q")) == 1
    story = "\n".join(story_lines(stories(done, "web/rows.parquet@3")[0]))
    assert "in 1 part (substring), which web/rows.parquet@1 keeps" in story
    assert not list(differences(done))


def test_seen_ngrams_take_lines_and_whole_documents(tmp_path: Path, recipe: WriteRecipe) -> None:
    path = recipe(tmp_path, 'method = ["ngrams"]\nngrams = { ngram = 8 }')
    texts = [PAGES[0], f"{PAGES[0]}\n{PAGES[1]}", PAGES[0].upper()]
    pl.DataFrame({"text": texts}).write_parquet(tmp_path / "rows.parquet")
    done = run(path, out=tmp_path / "run", workers=0)
    assert done.documents("web").collect()["text"].to_list() == [PAGES[0], PAGES[1]]
    assert done.manifest["counts"]["web"]["steps"] == {"dropped/dedup/too_short_after_cuts": [1, len(PAGES[0])]}


def test_the_bloom_filter_holds_a_text_with_a_word_a_character(tmp_path: Path, recipe: WriteRecipe) -> None:
    rng = np.random.default_rng(2)
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x9000, 2000))) for _ in range(20)]
    path = recipe(tmp_path, 'method = ["ngrams"]\nngrams = { max_seen = 0.1 }')
    pl.DataFrame({"text": texts}).write_parquet(tmp_path / "rows.parquet")
    done = run(path, out=tmp_path / "run", workers=0)
    assert done.manifest["dedup"]["ngrams"] == {"documents": 0, "parts": 0, "bytes": 0}  # nothing was seen before


def test_a_bloom_filter_that_gets_more_than_it_was_made_for_says_so(tmp_path: Path, recipe: WriteRecipe) -> None:
    path = recipe(tmp_path, 'method = ["ngrams"]\nngrams = { capacity = 100 }')
    with pytest.raises(UsageError, match=r"for 100 n-grams .* was given .*: leave out ngrams.capacity"):
        run(path, out=tmp_path / "run", workers=0)


def test_a_method_may_stand_twice(tmp_path: Path, recipe: WriteRecipe) -> None:
    path = recipe(tmp_path, 'method = ["lines", "minhash", "lines", "minhash"]')
    assert run(path, out=tmp_path / "run", workers=0).manifest["counts"]["web"]["kept"] > 0


def test_a_bloom_filter_that_memory_cannot_hold_is_refused_with_its_size(tmp_path: Path, recipe: WriteRecipe) -> None:
    path = recipe(tmp_path, 'method = ["ngrams"]\nmax_memory = 65536\nngrams = { capacity = 10_000_000 }')
    with pytest.raises(UsageError, match=r"10,000,000 n-grams .* takes 16,777,216 bytes, and max_memory allows 65,536"):
        run(path, out=tmp_path / "run", workers=0)


def test_documents_of_large_clusters_go_in_more_often(tmp_path: Path, recipe: WriteRecipe) -> None:
    path = recipe(tmp_path, 'method = ["exact"]\nrehydrate = [[1, 1], [3, 2]]')
    texts = [PAGES[0]] * 4 + [PAGES[1]] * 2 + [PAGES[2]]
    pl.DataFrame({"text": texts}).write_parquet(tmp_path / "rows.parquet")
    done = run(path, out=tmp_path / "run", workers=0)
    assert done.documents("web").sort("id").collect()["times"].to_list() == [2, 1, 1]
    shard = tmp_path / "run" / "tokens" / "train" / "web" / "00000"
    table = pl.read_parquet(shard.with_suffix(".docs.parquet"))
    first, second, third = (f"web/rows.parquet@{row}" for row in (0, 4, 6))
    assert table["id"].to_list() == [first, second, third, first]
    tokens = np.frombuffer(shard.with_suffix(".bin").read_bytes(), dtype=np.uint16)
    pieces = np.split(tokens, np.flatnonzero(tokens == 256) + 1)[:-1]
    assert [bytes(piece[:-1].astype(np.uint8)).decode() for piece in pieces] == [*PAGES[:3], PAGES[0]]
    assert not list(differences(done))


def test_documents_that_mean_the_same_are_copies_by_the_embeddings_that_the_table_brings(
    tmp_path: Path, recipe: WriteRecipe
) -> None:
    path = recipe(tmp_path, 'method = ["semantic"]\nsemantic = { column = "vector", cells = 1 }')
    path.write_text(path.read_text().replace("[dedup]", 'columns = { vector = "vector" }\n[dedup]'))
    vectors = [[1.0, 0.0, 0.1], [1.0, 0.0, 0.12], [0.0, 1.0, 0.0], None]
    pl.DataFrame({"text": PAGES[:4], "vector": vectors}).write_parquet(tmp_path / "rows.parquet")
    done = run(path, out=tmp_path / "run", workers=0)
    ledger = done.ledger().sort("id").collect()
    assert sorted(ledger["outcome"].to_list()) == ["dropped", "kept", "kept", "kept"]
    assert ledger.filter(pl.col("outcome") == "dropped")["reason"].to_list() == ["semantic_duplicate"]
    assert "vector" not in ledger.columns


def test_a_threshold_is_split_into_bands_and_the_plan_shows_the_curve(tmp_path: Path, recipe: WriteRecipe) -> None:
    values = plan_values(plan(str(recipe(tmp_path, "threshold = 0.6\npermutations = 64\nverify = 0.6"))))
    assert values["dedup"].startswith("10 bands of 6 rows find pairs of similarity 0.5: ")
    assert values["dedup"].endswith("kept apart below 0.6")
    assert values["dedup_memory"] == "0.4 GB of memory in one process, for about 9 documents"


@pytest.mark.parametrize(
    ("dedup", "words"),
    [
        ('keep = "highest:scores"', r'toy.toml:7: \[dedup\]: keep = "highest:scores": there is no column "scores"'),
        ("threshold = 0.7\nbands = 20", r"either threshold or bands and rows, not both"),
        ('against = ["nowhere"]', r"against: .*nowhere holds no index of documents"),
        ('method = ["minhsh"]', r"minhash"),
        ("verify = 1.5", r"verify"),
        ("rehydrate = [[1, 1], [5, 2, 3]]", r"toy.toml:7: .*\[5, 2, 3\] is no pair"),
        ("rehydrate = [[5, 1], [2, 3]]", r"the sizes 5, 2 must rise"),
        ('method = ["semantic"]', r'there is no column "embedding".* in source web'),
    ],
)
def test_mistakes_in_the_recipe_are_found_before_a_run(
    tmp_path: Path, dedup: str, words: str, recipe: WriteRecipe
) -> None:
    with pytest.raises(RecipeError, match=words):
        curate.run(recipe(tmp_path, dedup), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_greatest_losses_are_shown_scrubbed_and_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: WriteRecipe
) -> None:
    path = recipe(tmp_path, "verify = { containment = 0.75 }\nbands = 60\nrows = 2")
    path.write_text(path.read_text() + '[scrub]\nentities = ["EMAIL_ADDRESS"]\n')
    part = " ".join(WORDS[10:120])
    rows = [PAGES[0], part + " Ask jane.doe@fee.com \x1b[31m about red tape", " ".join(WORDS[20:90]), PAGES[1]]
    pl.DataFrame({"text": rows}).write_parquet(tmp_path / "rows.parquet")
    done = run(path, out=tmp_path / "run", workers=0)
    assert not list(differences(done))
    with pytest.raises(SystemExit, match="0"):
        main(["show", str(done.folder), "--pairs", "--json"])
    [row] = json.loads(capsys.readouterr().out)  # the third has no word of its own
    assert (row["id"], row["duplicate_of"]) == ("web/rows.parquet@1", "web/rows.parquet@0")
    assert row["containment"] > 0.75 > 0.7 > row["similarity"]
    assert row["novel_words"] >= 5
    assert "red tape" in row["excerpt"]
    assert "jane" not in row["excerpt"]
    with pytest.raises(SystemExit, match="0"):
        main(["show", str(done.folder), "--pairs"])
    said = capsys.readouterr().out
    assert "removed web/rows.parquet@1" in said
    assert "\x1b" not in said
    story = "\n".join(story_lines(stories(done, "web/rows.parquet@1")[0]))
    assert f"of it contained, {row['novel_words']} words of its own" in story


def test_losses_of_a_run_that_compared_no_texts_are_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: WriteRecipe
) -> None:
    for table, words in (
        ("verify = 0", "compared no texts (verify = 0)"),
        ('method = ["exact"]', "no near-duplicates"),
    ):
        done = run(recipe(tmp_path / table[:4], table), out=tmp_path / table[:4] / "run", workers=0)
        with pytest.raises(SystemExit, match="2"):
            main(["show", str(done.folder), "--pairs"])
        assert words in capsys.readouterr().err


def test_exempt_sources_must_exist_and_keep_their_near_duplicates(tmp_path: Path, recipe: WriteRecipe) -> None:
    with pytest.raises(RecipeError, match='unknown source "wep"; did you mean "web"'):
        run(recipe(tmp_path, 'exempt = ["wep"]'), out=tmp_path / "run", workers=0)
    done = run(recipe(tmp_path, 'exempt = ["web"]'), out=tmp_path / "run", workers=0)
    assert done.manifest["dedup"]["removed"] == 0


@pytest.mark.parametrize("left", ["min_words_left = 3", "min_words_left = 0"])
def test_nothing_is_a_copy_of_a_document_of_which_too_little_is_left(
    tmp_path: Path, left: str, recipe: WriteRecipe
) -> None:
    lines = [" ".join(WORDS[start : start + 30]) for start in range(0, 120, 30)]
    rest = "Contents" if left.endswith("3") else "\u00ad \u200b"
    own = "Only here: nobody else says it."
    texts = ["\n".join([*lines, PAGES[4]]), "\n".join([rest, *lines]), "\n".join([*lines, own])]
    path = recipe(tmp_path, f'method = ["lines", "minhash"]\nkeep = "highest:rank"\nbands = 40\nrows = 3\n{left}')
    paths = 'paths = ["rows.parquet"]'
    path.write_text(path.read_text().replace(paths, paths + '\ncolumns = { rank = "rank" }'))
    pl.DataFrame({"text": texts, "rank": [3.0, 2.0, 1.0]}).write_parquet(tmp_path / "rows.parquet")
    done = run(path, out=tmp_path / "run", workers=0)
    dropped = done.ledger().filter(pl.col("outcome") == "dropped").collect()
    assert dropped.select("id", "reason").rows() == [("web/rows.parquet@1", "too_short_after_cuts")]
    assert done.documents("web").sort("id").collect()["text"].to_list() == [texts[0], own]


def test_the_cleanest_page_stays_in_a_run_and_a_date_decides_between_two(tmp_path: Path, recipe: WriteRecipe) -> None:
    table = 'keep = ["cleanest", "latest"]\nverify = { jaccard = 0.4, containment = 0.7 }\nbands = 40\nrows = 3'
    path = recipe(tmp_path, table)
    menu = [f"{MENU} {number} and more of the same" for number in range(4)]
    lines = [" ".join(WORDS[start : start + 25]) for start in range(0, 200, 25)]
    texts = ["\n".join([*menu, *lines[:7]]), "\n".join(lines), "\n".join([*lines[:7], lines[7] + " Indeed"])]
    texts += ["\n".join([*menu, page]) for page in PAGES[3:6]]
    dates = ["2024-03-01", "2024-02-01", "2024-01-01", *[None] * 3]
    pl.DataFrame({"text": texts, "timestamp": dates}).write_parquet(tmp_path / "rows.parquet")
    done = run(path, out=tmp_path / "run", workers=0)
    dropped = done.ledger().filter(pl.col("outcome") == "dropped").sort("id").collect()
    assert dropped.select("id", "value").rows() == [
        ("web/rows.parquet@0", "web/rows.parquet@1"),  # the longest, but for its menu
        ("web/rows.parquet@2", "web/rows.parquet@1"),  # a word more, and older
    ]
    assert not list(differences(done))
