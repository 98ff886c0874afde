"""A run that keeps nothing ends like every other: with its funnel, a manifest, and a folder that can be looked into."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from curate import Run
from curate.cli import main

PROSE = "It was the best of times, it was the worst of times, and we had everything before us. " * 4
RECIPE = """
name = "empty"

[dedup]
method = ["exact", "minhash", "lines"]

[scrub]

[tokenize.tokenizer.train]
vocab_size = 300

[mix]
{mix}

[[source]]
name = "notes"
read = "tables"
paths = ["notes.jsonl"]
steps = [{{ use = "gopher_quality", min_words = {min_words} }}]
{more}
"""

Answer = tuple[int, str, str]


@pytest.fixture
def curate(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def call(*words: object) -> Answer:
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, words)))
        out, errors = capsys.readouterr()
        return int(ended.value.code or 0), out, errors

    return call


def write(
    folder: Path, *, min_words: int = 9000, lines: list[str] | None = None, mix: str = "", more: str = ""
) -> Path:
    rows = [json.dumps({"id": f"n{number}", "text": f"{PROSE} {number}."}) for number in range(20)]
    (folder / "notes.jsonl").write_text("\n".join(rows if lines is None else lines) + "\n")
    (folder / "recipe.toml").write_text(RECIPE.format(min_words=min_words, mix=mix, more=more))
    return folder / "recipe.toml"


def test_a_run_in_which_everything_is_dropped_ends_with_its_funnel(
    tmp_path: Path, curate: Callable[..., Answer]
) -> None:
    code, out, errors = curate("run", write(tmp_path), "--out", tmp_path / "run", "--workers", "1")
    assert code == 1, errors
    assert "gopher_quality" in out
    assert "ended without a token" in errors
    assert Run(tmp_path / "run").manifest["counts"]["notes"]["dropped"] == 20


def test_its_folder_is_read_by_show_why_retune_and_verify(tmp_path: Path, curate: Callable[..., Answer]) -> None:
    run = tmp_path / "run"
    curate("run", write(tmp_path), "--out", run, "--workers", "0")
    some = Run(run).ledger().collect()["id"][0]
    assert "gopher_quality: min_words" in curate("show", run, "--reasons")[1]
    assert json.loads(curate("show", run, "--json")[1])["mixture"]["mixture"]["tokens"] == 0
    assert "dropped by gopher_quality, min_words" in curate("why", run, some)[1]
    code, out, errors = curate("retune", run, "--set", "gopher_quality.min_words=30")
    assert (code, errors) == (0, "")
    assert "kept" in out
    assert curate("verify", run)[0] == 0
    assert Run(run).documents().collect().is_empty()
    assert Run(run).documents("notes").collect().is_empty()
    assert curate("run", tmp_path / "recipe.toml", "--out", run)[0] == 1


def test_a_mixture_written_out_of_nothing_is_no_file(tmp_path: Path, curate: Callable[..., Answer]) -> None:
    recipe = write(tmp_path, mix="materialize = true\ntokens = 1000\nweights = { notes = 1.0 }")
    assert curate("run", recipe, "--out", tmp_path / "run", "--workers", "0")[0] == 1
    assert not list((tmp_path / "run" / "tokens").rglob("*.bin.index"))


def test_a_source_of_which_nothing_can_be_read_ends_the_same_way(tmp_path: Path, curate: Callable[..., Answer]) -> None:
    recipe = write(tmp_path, lines=["{", "]", "no JSON"])
    code, out, errors = curate("run", recipe, "--out", tmp_path / "run", "--workers", "0")
    assert code == 3, errors
    assert "quarantined" in out


def test_one_empty_source_does_not_keep_the_others_from_their_tokens(
    tmp_path: Path, curate: Callable[..., Answer]
) -> None:
    other = '[[source]]\nname = "all"\nread = "tables"\npaths = ["notes.jsonl"]\n'
    code, out, errors = curate("run", write(tmp_path, more=other), "--out", tmp_path / "run", "--workers", "0")
    assert code == 0, errors
    assert "notes holds no tokens" in out or Run(tmp_path / "run").mixture["mixture"]["tokens"] > 0
    assert curate("retune", tmp_path / "run", "--set", "gopher_quality.min_words=30")[0] == 0


def test_training_on_nothing_is_refused_in_one_line(tmp_path: Path, curate: Callable[..., Answer]) -> None:
    pytest.importorskip("torch")
    curate("run", write(tmp_path), "--out", tmp_path / "run", "--workers", "0")
    code, _, errors = curate("train", tmp_path / "run")
    assert code == 2
    assert "kept no document" in errors


def test_a_plan_over_files_without_a_byte_says_that_nothing_can_be_drawn(
    tmp_path: Path, curate: Callable[..., Answer]
) -> None:
    recipe = write(tmp_path, lines=[])
    (tmp_path / "notes.jsonl").write_bytes(b"")
    assert "nothing can be drawn" in curate("plan", recipe)[1]
