"""The best share of a run's documents by a classifier's score, exactly, and the recipe that keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.report.score_threshold import score_thresholds
from curate.run_folder import RunFolder

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Paragraphs, and lists of their words, in two languages' names; short ones do not reach the classifier."""
    folder = tmp_path_factory.mktemp("scored")
    text = (BOOKS / "persuasion.txt").read_text(encoding="utf-8")
    paragraphs = [part for part in text.split("\n\n") if len(part) > 200][:60]
    lists = ["\n".join(sorted(part.split())) for part in paragraphs[:30]]
    rows = [
        {"text": part, "language": "en" if n % 2 else "fr"} for n, part in enumerate([*paragraphs, *lists, "short"])
    ]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "recipe.toml").write_text(
        'name = "x"\n[[source]]\nname = "web"\nread = "tables"\npaths = ["in.jsonl"]\n'
        'columns = { language = "language" }\n'
        'steps = [{ where = "character_count > 100" }, { use = "quality", min_score = 0.0 }]\n'
        '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.0\n'
    )
    curate.run(folder / "recipe.toml", out=folder / "run", workers=0)
    return RunFolder(folder / "run")


def test_the_top_share_is_kept_exactly(scored: RunFolder) -> None:
    scores = scored.ledger().filter(pl.col("outcome") == "kept").collect()["quality_score"]
    for top in (0.1, 0.25, 1.0):
        (found,) = score_thresholds(scored, top=top, name="quality")
        assert found.documents == 90
        assert found.kept == (scores >= found.min_score).sum() >= top * 90
        assert (scores > found.min_score).sum() < top * 90


def test_each_language_has_a_threshold_of_its_own(scored: RunFolder) -> None:
    found = score_thresholds(scored, top=0.2, name="quality", by_language=True)
    assert [(each.language, each.documents, each.kept) for each in found] == [("en", 45, 9), ("fr", 45, 9)]


def test_the_threshold_is_what_retune_foretells(scored: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["classifier", "threshold", str(scored.folder), "--top", "0.1", "--name", "quality", "--json"])
    assert ended.value.code == 0
    (found,) = json.loads(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        main(["retune", str(scored.folder), "--set", f"quality.min_score={found['min_score']!r}", "--json"])
    steps = json.loads(capsys.readouterr().out)["difference"]
    (kept,) = [each["documents_then"] for each in steps if each["step"] == "kept"]
    assert kept == found["kept"] == 9


def test_a_signal_that_is_not_there_is_named(scored: RunFolder) -> None:
    with pytest.raises(UsageError, match="no signal classifier_score"):
        score_thresholds(scored, top=0.1)
    with pytest.raises(UsageError, match="top is 0"):
        score_thresholds(scored, top=0, name="quality")
