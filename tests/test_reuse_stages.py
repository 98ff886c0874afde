"""A run beside an earlier one: what that has done already is not done again, and the bytes are those of a fresh run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from pydoc_data import topics
from typing import Any

import pytest

import curate
from curate.cli import main
from curate.engine.engine import Said
from curate.engine.posix import PosixStore
from curate.errors import Interrupted, RunConflict

TEXTS = [text.strip()[:2500] for text in topics.topics.values() if len(text) > 600]
UNDECIDED = ("timing.json", ".lock", "report.html")
RECIPE = """\
name = "first"
seed = {seed}
[[source]]
name = "web"
read = "tables"
paths = ["web*.jsonl"]
steps = ["gopher_repetition", {{ where = "word_count > {words}" }}]
[[source]]
name = "notes"
read = "tables"
paths = ["notes.jsonl"]
steps = [{notes}]
[dedup]
method = ["exact", "minhash"]
{dedup}
[scrub]
entities = {entities}
[mix]
{mix}
[tokenize]
tokenizer = {tokenizer}
validation = {validation}
{rest}
"""
PARTS: dict[str, Any] = {
    "seed": 17,
    "words": 120,
    "notes": "",
    "dedup": "verify = 0.5",
    "entities": '["EMAIL_ADDRESS"]',
    "mix": "weights = { web = 0.7, notes = 0.3 }",
    "tokenizer": '"bytes"',
    "validation": 0.1,
    "rest": "",
}
TRAINED = "{ train = { vocab_size = 400, sample_bytes = 40_000 } }"


def recipe(folder: Path, name: str = "recipe", **parts: Any) -> Path:
    folder.mkdir(exist_ok=True)
    mail = "Write to someone@example.org about it.\n\n"
    rows = {
        "web-a": [*TEXTS[:30], TEXTS[3]],
        "web-b": [*TEXTS[25:60]],
        "notes": [*TEXTS[60:70], mail + TEXTS[5], mail + TEXTS[61]],
    }
    for file, texts in rows.items():
        lines = [json.dumps({"text": text, "url": f"http://a.test/{n}"}) + "\n" for n, text in enumerate(texts)]
        if not (folder / f"{file}.jsonl").exists():
            (folder / f"{file}.jsonl").write_text("".join(lines), encoding="utf-8")
    path = folder / f"{name}.toml"
    path.write_text(RECIPE.format(**{**PARTS, **parts}), encoding="utf-8")
    return path


def files(run: curate.Run) -> dict[str, bytes]:
    """All of a run, what it keeps for later ones included, but for what tells of time."""
    found = {path.relative_to(run.folder).as_posix(): path for path in run.folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in UNDECIDED}


def stages(run: curate.Run) -> set[str]:
    """What was done, and not taken over."""
    return {*run.timing["stages"]}


@pytest.fixture(autouse=True)
def small_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.engine.plan.MIN_SPLIT_BYTES", 90_000)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reuse") / "in"


@pytest.fixture(scope="module")
def first(inputs: Path) -> Callable[..., Path]:
    """Copies the first run, which is made once for each recipe, into a folder: runs/first of a test."""
    made: dict[str, curate.Run] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("curate.engine.plan.MIN_SPLIT_BYTES", 90_000)

        def copy(folder: Path, **parts: Any) -> Path:
            name = f"{len(made)}-{abs(hash(json.dumps(parts, sort_keys=True)))}"
            key = json.dumps(parts, sort_keys=True)
            if key not in made:
                path = recipe(inputs, f"first-{len(made)}", **parts)
                made[key] = curate.run(path, out=inputs.parent / "made" / name, workers=0, fresh=True)
            shutil.copytree(made[key].folder, folder / "runs" / "first", copy_function=shutil.copy2)
            return folder / "runs" / "first"

        return copy


def both(
    inputs: Path, folder: Path, name: str = "changed", workers: int = 0, **parts: Any
) -> tuple[curate.Run, list[str]]:
    """A run beside the earlier ones, compared with a fresh one; and what it has said."""
    path, said = recipe(inputs, name, **parts), []

    def show(told: Any) -> None:
        if isinstance(told, Said):
            said.append(f"{told.step}: {told.line}")

    run = curate.run(path, out=folder / "runs" / "second", workers=workers, fresh=False, show=show)
    fresh = curate.run(path, out=folder / "fresh", workers=0, fresh=True)
    assert files(run) == files(fresh)
    assert curate.verify(run).is_sound
    return run, said


def test_another_weight_mixes_anew_and_nothing_else(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    there = first(tmp_path)
    run, said = both(inputs, tmp_path, mix="weights = { web = 0.5, notes = 0.5 }\ntokens = 100_000")
    assert stages(run) == {"mix", "shards"}
    assert said[0] == f"filter: {len(run.plan.splits)} of {len(run.plan.splits)} splits as in {there}"
    assert said[-2:] == ["mix: anew ([mix] tokens, [mix] weights)", "shards: anew, after another mix"]


def test_another_tokenizer_filters_nothing_anew(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    first(tmp_path)
    run, said = both(inputs, tmp_path, tokenizer=TRAINED)
    assert stages(run) == {"sizes", "sample", "tokenizer", "tokenize", "mix", "shards"}
    assert "dedup: as in" in said[1]


def test_a_larger_vocabulary_takes_the_same_sample(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    first(tmp_path, tokenizer=TRAINED)
    run, said = both(inputs, tmp_path, tokenizer=TRAINED.replace("400", "500"))
    assert stages(run) == {"tokenizer", "tokenize", "mix", "shards"}
    assert "tokenizer: anew ([tokenize] tokenizer)" in said


def test_a_weight_draws_another_sample_for_a_tokenizer_that_is_trained(
    inputs: Path, first: Callable[..., Path], tmp_path: Path
) -> None:
    first(tmp_path, tokenizer=TRAINED)
    run, said = both(inputs, tmp_path, tokenizer=TRAINED, mix="weights = { web = 0.2, notes = 0.8 }")
    assert stages(run) == {"sample", "tokenizer", "tokenize", "mix", "shards"}
    assert "sample: anew ([mix] weights, by which the tokenizer's sample is drawn)" in said


def test_where_the_sample_is_all_there_is_a_weight_changes_no_tokenizer(
    inputs: Path, first: Callable[..., Path], tmp_path: Path
) -> None:
    trained = TRAINED.replace("40_000", "40_000_000")
    first(tmp_path, tokenizer=trained)
    run, _ = both(inputs, tmp_path, tokenizer=trained, mix="weights = { web = 0.2, notes = 0.8 }")
    assert stages(run) == {"sample", "mix", "shards"}


ITEM = " ".join(TEXTS[12].split()[20:60])
AFTER_DEDUP = ("tokenizer", "tokenize", "mix", "shards")
CHANGES: Mapping[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "validation": ({"validation": 0.3}, {"tokenize", "mix", "shards"}),
    "dedup": ({"dedup": "verify = 0.9"}, {"dedup"}),
    "rehydrate": ({"dedup": "verify = 0.5\nrehydrate = [[2, 3]]"}, {"dedup", "tokenize", "mix", "shards"}),
    "signatures": ({"dedup": "verify = 0.5\nngram = 3"}, {"filter", "dedup", *AFTER_DEDUP}),
    "scrub": ({"entities": '["EMAIL_ADDRESS", "IP_ADDRESS"]'}, {"dedup", "tokenize", "mix", "shards"}),
    "seed": ({"seed": 18}, {"dedup", "tokenize", "mix", "shards"}),
    "materialize": ({"mix": f"{PARTS['mix']}\nmaterialize = true"}, {"mix", "materialize"}),
    "buckets": (
        {"mix": f"{PARTS['mix']}\nby.web = {{ column = 'word_count', edges = [400], weights = [1, 2] }}"},
        {"tokenize", "mix", "shards"},
    ),
    "decontaminate": (
        {"rest": '[decontaminate]\nagainst = ["items.txt"]'},
        {"decontaminate", "contamination", *AFTER_DEDUP},
    ),
    "a step of one source": ({"notes": '"gopher_repetition"'}, {"filter", "dedup", *AFTER_DEDUP}),
    "limits": ({"rest": "[limits]\ndocument_seconds = 20.0"}, {"filter", "dedup", "tokenize"}),
    "what decides no bytes": ({"rest": '[limits]\nmax_drop = 1.0\n[train]\npreset = "t1"'}, set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_gives_the_bytes_of_a_fresh_run(
    change: str, inputs: Path, first: Callable[..., Path], tmp_path: Path
) -> None:
    parts, anew = CHANGES[change]
    first(tmp_path)
    (inputs / "items.txt").write_text(ITEM + "\n", encoding="utf-8")
    run, _ = both(inputs, tmp_path, **parts)
    assert stages(run) == anew


def test_it_is_said_what_is_read_anew_and_why(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    there = first(tmp_path)
    path = recipe(inputs, "renamed")
    text = path.read_text(encoding="utf-8").replace('"notes.jsonl"]', '"notes.jsonl"]\ncolumns_only = true')
    path.write_text(text, encoding="utf-8")
    said: list[Any] = []
    curate.run(path, out=tmp_path / "runs" / "second", workers=0, fresh=False, show=said.append)
    told = next(each.line for each in said if isinstance(each, Said))
    assert told == f"2 of 3 splits as in {there}; 1 anew (source notes: columns_only)"


def test_several_workers_come_to_the_same(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    first(tmp_path)
    run, _ = both(inputs, tmp_path, workers=2, words=200)
    assert "read" not in run.timing["stages"]["filter"]["steps"]


def test_another_input_costs_its_own_splits_only(tmp_path: Path) -> None:
    place = tmp_path / "in"
    curate.run(recipe(place), out=tmp_path / "runs" / "first", workers=0)
    shutil.copyfile(place / "web-b.jsonl", place / "web-aa.jsonl")
    _, said = both(place, tmp_path)
    assert " splits as in " in said[0]
    assert said[0].endswith("; 1 anew (inputs)")


def test_an_input_that_was_changed_is_read_anew(tmp_path: Path) -> None:
    place = tmp_path / "in"
    curate.run(recipe(place), out=tmp_path / "runs" / "first", workers=0)
    changed = place / "notes.jsonl"
    changed.write_text(changed.read_text(encoding="utf-8").replace("Write to", "Call"), encoding="utf-8")
    run, said = both(place, tmp_path)
    assert "read" in run.timing["stages"]["filter"]["steps"]
    assert "1 anew" in said[0]


def test_fresh_takes_nothing(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    first(tmp_path)
    run = curate.run(recipe(inputs), out=tmp_path / "runs" / "second", workers=0, fresh=True)
    assert {"filter", "dedup", "tokenize", "mix"} <= stages(run)


def test_a_damaged_file_of_the_earlier_run_is_made_anew(
    inputs: Path, first: Callable[..., Path], tmp_path: Path
) -> None:
    there = first(tmp_path)
    path = next((there / "work" / "filter").glob("web-00000.documents.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    run, said = both(inputs, tmp_path, validation=0.2)
    splits = len(run.plan.splits)
    told = f"splits as in {there}; 1 anew (what {there} had of it is gone or damaged)"
    assert said[0] == f"filter: {splits - 1} of {splits} {told}"
    assert stages(run) == {"filter", "tokenize", "mix", "shards"}


def test_damaged_texts_that_the_last_step_dropped_are_read_anew(
    inputs: Path, first: Callable[..., Path], tmp_path: Path
) -> None:
    there = first(tmp_path)
    for path in (there / "work" / "filter").glob("*.dropped.parquet"):
        path.write_bytes(path.read_bytes()[:-9] + b"123456789")
    assert not curate.verify(there).is_sound
    run, said = both(inputs, tmp_path, words=200)
    assert "read" in run.timing["stages"]["filter"]["steps"]
    assert "is gone or damaged" in said[0]


def test_a_run_that_has_kept_nothing_gives_no_texts(inputs: Path, tmp_path: Path) -> None:
    curate.run(recipe(inputs), out=tmp_path / "runs" / "first", workers=0, keep_intermediate=False)
    assert not (tmp_path / "runs" / "first" / "work").exists()
    run, said = both(inputs, tmp_path, validation=0.2)
    assert said[0].startswith("filter: anew (what ")
    assert stages(run) == {"filter", "tokenize", "mix", "shards"}, "dedup/ is there, and of the same texts"


def test_what_a_finished_run_keeps_can_be_removed(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    there = first(tmp_path)
    before = {name: content for name, content in files(curate.Run(there)).items() if not name.startswith("work/")}
    curate.run(curate.Run(there).recipe, out=there, workers=0, keep_intermediate=False)
    assert files(curate.Run(there)) == before
    assert curate.verify(there).is_sound


def test_an_unfinished_run_gives_what_it_has_done(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    there = first(tmp_path)
    for name in ("manifest.json", "done/mix/all.json", "done/tokenize/notes-00000.json", "done/filter/web-00001.json"):
        (there / name).unlink()
    _, said = both(inputs, tmp_path)
    assert "; 1 anew" in said[0]


def test_a_run_in_which_documents_were_forgotten_gives_nothing(
    inputs: Path, first: Callable[..., Path], tmp_path: Path
) -> None:
    there = first(tmp_path)
    curate.Run(there).forget(urls=["http://a.test/4"], workers=0)
    assert not (there / "work").exists()
    _, said = both(inputs, tmp_path)
    assert said == []


def test_what_is_forgotten_in_one_run_stays_in_the_other(
    inputs: Path, first: Callable[..., Path], tmp_path: Path
) -> None:
    there = first(tmp_path)
    run, _ = both(inputs, tmp_path, validation=0.2)
    before = files(curate.Run(there))
    run.forget(urls=["http://a.test/4"], workers=0)
    assert files(curate.Run(there)) == before
    assert curate.verify(there).is_sound


def test_a_run_with_another_mixture_is_what_it_would_be(
    inputs: Path, first: Callable[..., Path], tmp_path: Path
) -> None:
    there = first(tmp_path)
    curate.Run(there).mix({"weights": {"web": 0.4, "notes": 0.6}}, apply=True, workers=0)
    run, _ = both(inputs, tmp_path, mix="weights = { web = 0.4, notes = 0.6 }")
    assert stages(run) == set()


def test_another_version_takes_nothing(
    inputs: Path, first: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first(tmp_path)
    monkeypatch.setattr("curate.pipeline.planning.__version__", "999.0")
    _, said = both(inputs, tmp_path)
    assert said == []


def test_folders_that_are_no_runs_are_passed_over(inputs: Path, first: Callable[..., Path], tmp_path: Path) -> None:
    first(tmp_path)
    for name, content in (("half", b"{"), ("other", b'{"seal": 1}'), ("list", b"[1]")):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "plan.json").write_bytes(content)
    run, _ = both(inputs, tmp_path)
    assert stages(run) == set()


@pytest.mark.parametrize("verb", ["put", "write", "workspace"])
def test_killed_in_the_midst_it_goes_on_to_the_same_bytes(
    verb: str, inputs: Path, first: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first(tmp_path)
    path = recipe(inputs, "killed", words=200, validation=0.2)
    for calls in (2, 3, 4):
        with monkeypatch.context() as patch:
            patch.setattr(PosixStore, verb, interrupted(getattr(PosixStore, verb), calls))
            with pytest.raises(Interrupted):
                curate.run(path, out=tmp_path / "runs" / "second", workers=0, fresh=False)
    run = curate.run(path, out=tmp_path / "runs" / "second", workers=0, fresh=False)
    fresh = curate.run(path, out=tmp_path / "fresh", workers=0, fresh=True)
    assert files(run) == files(fresh)
    assert "read" not in run.timing["stages"]["filter"]["steps"]


def interrupted(function: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """The function, which after so many calls does its work once more and dies, or dies before."""
    counted = iter(range(calls))

    def called(*arguments: Any) -> Any:
        if next(counted, None) is None:
            if calls % 2:
                function(*arguments)
            raise Interrupted("killed")
        return function(*arguments)

    return called


def said_by(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == code
    return capsys.readouterr().err


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CURATE_FRESH")
    monkeypatch.chdir(tmp_path)


def test_the_command_says_what_it_takes(
    inputs: Path, first: Callable[..., Path], tmp_path: Path, console: None, capsys: pytest.CaptureFixture[str]
) -> None:
    first(tmp_path)
    path = recipe(inputs, "told", validation=0.2)
    told = said_by(["run", str(path), "--out", "runs/second", "--workers", "0"], 0, capsys)
    assert "filter: 3 of 3 splits as in runs/first" in told
    assert "tokenize: anew ([tokenize] validation)" in told
    assert "runs/second/work has texts with personal data" in told
    fresh = ["--out", "runs/third", "--workers", "0", "--fresh", "--discard-intermediate"]
    told = said_by(["run", str(path), *fresh], 0, capsys)
    assert " as in " not in told
    assert "work has texts" not in told


def test_another_recipe_in_the_same_folder_is_told_what_changed_and_where_to_go(
    inputs: Path, first: Callable[..., Path], tmp_path: Path, console: None, capsys: pytest.CaptureFixture[str]
) -> None:
    first(tmp_path)
    path = recipe(inputs, "told", validation=0.2, words=50, mix="weights = { web = 0.5, notes = 0.5 }")
    told = said_by(["run", str(path), "--out", "runs/first"], 4, capsys)
    assert (
        "runs/first was begun with another recipe (source web: steps, [mix] weights, [tokenize] validation; see" in told
    )
    assert "choose another --out: --out " in told
    assert "runs/first-2 takes over what stays the same" in told
    with pytest.raises(RunConflict, match=r"steps, \[mix\] weights"):
        curate.run(path, out="runs/first", workers=0)
