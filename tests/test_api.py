"""What the command line can, Python can: with the same names, as values, and without a word on the terminal."""

from __future__ import annotations

import json
import re
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

import curate
from curate.cli import main
from curate.commands.table import COMMANDS
from curate.errors import UsageError

PROSE = "It was the best of times, it was the worst of times, and we had everything before us. "
RECIPE = """
name = "toy"
[[source]]
name = "rows"
read = "tables"
paths = ["rows.jsonl"]
steps = [{ use = "gopher_quality", min_words = 20 }]
[dedup]
method = "exact"
[tokenize]
tokenizer = "bytes"
[limits]
max_quarantined = 0.01
"""

PYTHON = {
    "try": "try_step",
    "dedup": "dedup_files",
    "decontaminate": "decontaminate_files",
    "scrub": "scrub_files",
    "classifier": "train_classifier",
    "extractor": "train_extractor",
    "perplexity": "train_perplexity",
    "show": "Run.show",
    "report": "Run.report",
    "browse": "Run.browse",
    "why": "Run.why",
    "retune": "Run.retune",
    "tokens": "Run.tokens",
    "mix": "Run.mix",
    "fit": "fit_mixture",
    "model": "export_model",
    "tokenize": "tokenize_files",
    "fertility": "Run.fertility",
    "card": "Run.card",
    "forget": "Run.forget",
}
"""What is called otherwise: a word of Python's own, a room of the package, or a question to a run."""
TERMINAL_ONLY = {"completion"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of which one line is damaged, one text short, and one a copy; and a recipe."""
    folder = tmp_path_factory.mktemp("api")
    texts = [f"{PROSE * 3}Number {number}." for number in range(8)] + [f"{PROSE * 3}Number 3.", "short"]
    lines = [json.dumps({"id": f"row {number}", "text": text}) for number, text in enumerate(texts)]
    (folder / "rows.jsonl").write_text("\n".join([*lines, "no JSON"]) + "\n")
    (folder / "toy.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def ran(folder: Path) -> curate.Run:
    return curate.run(folder / "toy.toml", out=folder / "run", workers=0)


def named(path: str) -> Any:
    value: Any = curate
    for name in path.split("."):
        value = getattr(value, name)
    return value


def test_every_command_is_a_function() -> None:
    names = [command.__name__.rpartition(".")[2].removesuffix("_") for command in COMMANDS]
    for name in names:
        if name not in TERMINAL_ONLY:
            assert callable(named(PYTHON.get(name, name))), name


def test_the_package_names_all_that_it_promises() -> None:
    for name in curate.__all__:
        assert getattr(curate, name) is not None


def test_the_guards_are_part_of_the_result(ran: curate.Run, capsys: pytest.CaptureFixture[str]) -> None:
    [concern] = ran.concerns
    assert (concern.about, concern.exit_code, ran.exit_code) == ("quarantine", 3, 3)
    assert concern.sentence.startswith("1 of 11 records were quarantined, more than max_quarantined = 0.01 allows")
    assert capsys.readouterr() == ("", "")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(ran.folder.parent / "toy.toml"), "--out", str(ran.folder)])
    assert ended.value.code == 3
    assert concern.sentence in capsys.readouterr().err


def test_a_source_whose_reader_takes_none_of_its_files_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "crawl.warc.gz").write_bytes(b"no table")
    (tmp_path / "rows.jsonl").write_text('{"text": "One document is enough for a run that ends with a token."}\n')
    sources = [
        {"name": "pages", "read": "tables", "paths": [str(tmp_path / "crawl.warc.gz")]},
        {"name": "rows", "read": "tables", "paths": [str(tmp_path / "rows.jsonl")]},
    ]
    recipe = {"name": "wrong", "source": sources, "tokenize": {"tokenizer": "bytes"}}
    made = curate.run(recipe, out=tmp_path / "run", workers=0)
    [told] = [concern.sentence for concern in made.concerns if "Readers:" in concern.sentence]
    assert 'none of what source "pages" names is one (crawl.warc.gz)' in told
    assert made.exit_code == 1


def test_a_run_answers_with_values(ran: curate.Run, capsys: pytest.CaptureFixture[str]) -> None:
    shown = ran.show()
    assert next(row.outcome for row in shown.funnel) == "read"
    assert [(row.source, row.documents) for row in shown.tokens] == [("rows", 8)]
    [story] = ran.why("row 9")
    assert (story.outcome, story.reason) == ("dropped", "min_words")
    with pytest.raises(UsageError, match="has no near-duplicates"):
        ran.losses()
    found = ran.retune({"gopher_quality.min_words": 1})
    assert {row.step: row.documents_then for row in found.steps} == {"gopher_quality": 1, "kept": 9}
    assert curate.verify(ran).is_sound
    assert all(map(is_dataclass, (shown, story, found, curate.verify(ran.folder))))
    assert capsys.readouterr() == ("", "")


def test_a_recipe_is_looked_at_without_a_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = curate.load(folder / "toy.toml")
    planned, checked = curate.plan(recipe), curate.check(recipe, documents=20)
    assert [source.estimated.documents for source in planned.sources] == [8]
    assert not checked.has_fault
    tried = curate.try_step(recipe, "gopher_quality")
    assert (tried.kept, tried.dropped) == (9, 1)
    assert capsys.readouterr() == ("", "")


def test_plain_files_are_deduplicated_with_an_account(folder: Path) -> None:
    found = curate.dedup_files([folder / "rows.jsonl"], curate.Dedup(method=("exact",)))
    assert (found.account.stay, found.account.copies, found.account.unreadable) == (9, {"exact": 1}, 1)


def test_a_run_that_is_not_there_is_answered_with_those_that_are(folder: Path, ran: curate.Run) -> None:
    with pytest.raises(UsageError, match=f"it is not there; these are: .*{re.escape(str(ran.folder))}"):
        curate.Run(ran.folder.with_name("runn"))
    with pytest.raises(UsageError, match=r"it is not there$"):
        curate.Run(folder / "nowhere" / "run")
    with pytest.raises(UsageError, match="it is a file"):
        curate.Run(folder / "rows.jsonl")
    with pytest.raises(UsageError, match=f"no state.json; curate train {re.escape(str(ran.folder))} makes one"):
        [*curate.generate(ran.folder / "train" / "nano", "The ")]


def test_what_cannot_be_is_an_exception_and_no_exit(folder: Path, ran: curate.Run) -> None:
    with pytest.raises(UsageError, match="is not a run's folder"):
        curate.Run(folder)
    with pytest.raises(UsageError, match='did you mean "gopher_quality"'):
        ran.retune({"gopher_qualty.min_words": 1})
    with pytest.raises(UsageError, match="expected step\\.parameter=value"):
        ran.retune({"min_words": 1})


def test_a_model_is_trained_and_asked(ran: curate.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs the extra `train`")
    tiny = {"layers": 1, "width": 16, "heads": 1, "context": 16, "batch_rows": 2, "evaluate_tokens": 50}
    reports: list[int] = []
    made = curate.train(
        ran,
        settings=tiny,
        steps=2,
        out=tmp_path / "tiny",
        device="cpu",
        report=lambda report: reports.append(report.step),
    )
    assert (made.steps, reports, made.was_complete) == (2, [2], False)
    assert [score.source for score in made.scores] == ["rows"]
    text = curate.generate(tmp_path / "tiny", "It", tokens=5, seed=1)
    assert text.startswith("It")
    assert curate.generate(made.checkpoint, "It", tokens=5, seed=1) == text
    assert capsys.readouterr() == ("", "")
