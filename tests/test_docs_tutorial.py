"""docs/tutorial.md works as it is printed: typed into one shell in an empty folder, it prints what it shows. And who
takes a wrong turn on the way is told how to come back.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from curate.cli import main

DOCS = Path(__file__).resolve().parents[1] / "docs"

pytestmark = [
    pytest.mark.skipif(not DOCS.exists(), reason="not in a checkout"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to type into"),
]


@pytest.fixture(scope="module")
def folder(pages: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody has followed the tutorial to its end."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("tutorial")
    assert pages.run_page(DOCS / "tutorial.md", folder) >= 10
    return folder


def test_the_tutorial_works_as_it_is_printed(folder: Path) -> None:
    assert (folder / "runs" / "prose" / "report.html").is_file()
    assert (folder / "runs" / "prose" / "train" / "nano").is_dir()


TURNS = {
    "a mistyped step": (
        '"gopher_quality"',
        '"gopher_qualitty"',
        'turn.toml:10: unknown step "gopher_qualitty"; did you mean',
    ),
    "a wrong path": (
        '"crawl.warc.gz"',
        '"crawls.warc.gz"',
        'turn.toml:3: source "site": no file matches "crawls.warc.gz"',
    ),
    "a wrong type": (
        "min_score = 0.65",
        'min_score = "high"',
        'turn.toml:8: step "language", min_score: expected a number',
    ),
    "a column that is not there": (
        '"gopher_quality"',
        '{ where = "digits_ratio < 0.2" }',
        'there is no column "digits_ratio"; did you mean "digit_ratio"?',
    ),
    "no tokenizer": (
        "{ train = { vocab_size = 2048 } }",
        '"mine.json"',
        "turn.toml:19: [tokenize]: there is no tokenizer",
    ),
    "weights that do not sum": ("[dedup]", "[mix]\nweights = { site = 0.5 }", "these sum to 0.5, not to 1: site = 1?"),
    "a function mistyped": ('"gopher_quality"', '"my_filters:is_prosa"', 'did you mean "is_prose"?'),
    "a file that is not there": ('"gopher_quality"', '"my_filter:is_prose"', 'there is no module "my_filter"'),
}


@pytest.mark.parametrize(("right", "wrong", "answer"), TURNS.values(), ids=TURNS.keys())
def test_a_wrong_turn_in_the_recipe_is_answered_with_its_line_and_the_way_back(
    folder: Path,
    right: str,
    wrong: str,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    site = Path("site.toml").read_text(encoding="utf-8")
    assert site.count(right) == 1
    Path("turn.toml").write_text(site.replace(right, wrong), encoding="utf-8")
    assert answered(capsys, 2, "run", "turn.toml").count(answer) == 1
    assert not Path("runs", "turn").exists()


def answered(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    """One line."""
    with pytest.raises(SystemExit) as ended:
        main([*words])
    said = capsys.readouterr().err
    assert ended.value.code == code
    assert said.count("\n") == 1
    return said


def test_wrong_turns_in_commands_are_answered_with_the_way_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert "a run needs a folder" in answered(capsys, 2, "run", "site.toml", "--out", "crawl.warc.gz")
    assert "runs/prose, runs/site" in answered(capsys, 2, "train", "runs/nothing")
    assert "it has no plan.json" in answered(capsys, 2, "train", "site")
    assert "curate train runs/site makes one" in answered(capsys, 2, "generate", "runs/site/train/nano", "The")
    assert "compatibility.en.html" in answered(capsys, 2, "why", "runs/site", "http://localhost:8765/compat.html")
    assert 'did you mean "min_words"' in answered(
        capsys, 2, "retune", "runs/site", "--set", "gopher_quality.min_word=3"
    )
    assert 'did you mean "nano"' in answered(capsys, 2, "train", "runs/site", "--preset", "nanoo")
    assert "another" in answered(capsys, 4, "run", "prose.toml", "--out", "runs/site")
    site = Path("site.toml").read_text(encoding="utf-8")
    Path("rows.jsonl").write_text('{"content": "Some text."}\n', encoding="utf-8")
    table = site.replace('read = "warc"', 'read = "tables"').replace("crawl.warc.gz", "rows.jsonl")
    Path("table.toml").write_text(table, encoding="utf-8")
    assert 'rows.jsonl has no column "text"' in answered(capsys, 2, "run", "table.toml")
