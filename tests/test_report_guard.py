"""The guard: a step that takes nearly everything is named, and the exit code of the run tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import curate
from curate.cli import main
from curate.pipeline.run import run
from curate.report import guard
from curate.report.guard import sentence, suspicions

RECIPE = """\
name = "toy"
[[source]]
name = "rows"
read = "tables"
paths = ["rows.jsonl"]
steps = [{steps}]
[tokenize]
tokenizer = "bytes"
[limits]
max_drop = {max_drop}
"""


def make(folder: Path, *, steps: str, rows: int = 120, max_drop: float = 0.99) -> Path:
    """A table of which every tenth row has ten words, the first one eleven, and the others one."""
    texts = ["one two three four five six seven eight nine ten" if n % 10 == 0 else f"word{n}" for n in range(rows)]
    texts[0] += " eleven"
    (folder / "rows.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    (folder / "toy.toml").write_text(RECIPE.format(steps=steps, max_drop=max_drop), encoding="utf-8")
    return folder / "toy.toml"


def told(folder: Path, **options: object) -> list[str]:
    done = run(make(folder, **options), out=folder / "run", workers=0)  # type: ignore[arg-type]
    return [sentence(suspicion) for suspicion in suspicions(done)]


def test_a_step_that_drops_nearly_everything_is_named_with_its_numbers(tmp_path: Path) -> None:
    steps = '{ where = "word_count > 5" }, { where = "word_count > 10" }'
    assert told(tmp_path, steps=steps, rows=1200) == [
        'source "rows", step "where#2" dropped 119 of the 120 documents that reached it (99.2%)'
    ]


def test_what_the_limit_allows_is_not_named(tmp_path: Path) -> None:
    assert told(tmp_path, steps='{ where = "word_count > 5" }', max_drop=0.9) == []


def test_a_few_documents_say_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, steps='{ where = "word_count > 10" }', rows=50, max_drop=0.5) == []


def test_a_rule_that_never_fires_on_many_documents_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LARGE", 120)
    done = run(make(tmp_path, steps='{ where = "word_count < 99" }'), out=tmp_path / "run", workers=0)
    (suspicion,) = suspicions(done)
    assert not suspicion.is_fault
    assert sentence(suspicion).endswith("dropped none of 120 documents: does its rule ever fire?")


def test_the_exit_code_tells_and_the_outputs_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = make(tmp_path, steps='{ where = "word_count > 5" }', max_drop=0.5)
    with pytest.raises(SystemExit) as exit:
        main(["run", str(recipe), "--out", str(tmp_path / "run"), "--workers", "0"])
    assert exit.value.code == 1
    assert 'step "where" dropped 108 of the 120 documents' in capsys.readouterr().err
    assert curate.Run(tmp_path / "run").documents("rows").collect().height == 12
