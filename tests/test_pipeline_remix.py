"""Another mixture of a finished run: the bytes of a fresh run with that [mix], and nothing tokenized again."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.cli import main
from curate.engine.store import Store
from curate.errors import CheckFailed, Interrupted, RunConflict, UsageError
from curate.pipeline import remix
from curate.pipeline.former import is_enough
from curate.pipeline.retokenized import lacking_shards
from curate.report.terminal.mix import mix_lines
from curate.tokenize.choose import choose_tokens
from curate.tokenize.mix import Share

TEXTS = [text.strip() for text in topics.topics.values()]
SOURCES = {"web": TEXTS[:60], "books": ["\n\n".join(TEXTS[60:70])], "notes": TEXTS[70:76]}
UNDECIDED = ("timing.json", ".lock")
"""Files of a run that are different every time."""


def recipe(folder: Path, mix: str, rest: str = '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.05\n') -> Path:
    blocks = ['name = "mixed"\n']
    folder.mkdir(exist_ok=True)
    for name, texts in SOURCES.items():
        path = folder / f"{name}.jsonl"
        if not path.exists():
            path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        blocks.append(f'[[source]]\nname = "{name}"\nread = "tables"\npaths = ["{name}.jsonl"]\n')
    path = folder / "recipe.toml"
    path.write_text(f"{''.join(blocks)}[mix]\n{mix}\n{rest}", encoding="utf-8")
    return path


def files(run: curate.Run) -> dict[str, bytes]:
    """All of a run, but what is kept for later and what tells of time."""
    found = {path.relative_to(run.folder): path for path in run.folder.rglob("*") if path.is_file()}
    return {
        str(name): path.read_bytes()
        for name, path in found.items()
        if name.parts[0] != "work" and str(name) not in UNDECIDED
    }


OLD = "tokens = 200_000\nweights = { web = 0.7, books = 0.2, notes = 0.1 }"
NEW: dict[str, Any] = {"weights": {"web": 0.3, "books": 0.3, "notes": 0.4}, "tokens": 150_000, "max_epochs": 2}
NEW_TOML = "tokens = 150_000\nweights = { web = 0.3, books = 0.3, notes = 0.4 }\nmax_epochs = 2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("remix")


@pytest.fixture(scope="module")
def kept(folder: Path) -> curate.Run:
    """A run that has kept what it wrote in between."""
    return curate.run(recipe(folder, OLD), out=folder / "kept", workers=0, keep_intermediate=True)


@pytest.fixture(scope="module")
def bare(folder: Path) -> curate.Run:
    """The same, as runs are by default."""
    return curate.run(recipe(folder, OLD), out=folder / "bare", workers=0, keep_intermediate=False)


@pytest.fixture(scope="module")
def fresh(folder: Path) -> curate.Run:
    return curate.run(recipe(folder, NEW_TOML), out=folder / "fresh", workers=0)


def copy(run: curate.Run, tmp_path: Path) -> curate.Run:
    """Of its own, so that it can be changed; its inputs lie where they lay."""
    shutil.copytree(run.folder, tmp_path / "run", copy_function=shutil.copy2)
    return curate.Run(tmp_path / "run")


def test_the_bytes_are_those_of_a_fresh_run_where_all_tokens_were_kept(
    kept: curate.Run, fresh: curate.Run, tmp_path: Path
) -> None:
    run = copy(kept, tmp_path)
    found = run.mix(NEW, apply=True, workers=0)
    assert files(run) == files(fresh)
    assert found.is_applied
    assert found.then == curate.Run(fresh.folder).mix().mixture
    assert curate.verify(run).is_sound
    assert (run.folder / "work" / "filter").is_dir()


def test_what_was_not_kept_is_said_before_anything_is_touched(bare: curate.Run) -> None:
    before = files(bare)
    told = r"needs of books \(1 of 1 shards\), notes \(1 of 1 shards\): --encode .*documents/.*--discard-intermediate"
    with pytest.raises(UsageError, match=told):
        bare.mix(NEW, apply=True, workers=0)
    assert files(bare) == before
    assert any("--encode" in note for note in bare.mix(NEW).notes)
    assert files(bare) == before


def test_what_was_not_kept_is_encoded_again_where_that_is_allowed(
    bare: curate.Run, fresh: curate.Run, tmp_path: Path
) -> None:
    run = copy(bare, tmp_path)
    run.mix(NEW, apply=True, encode=True, workers=2)
    assert files(run) == files(fresh)
    assert curate.verify(run).is_sound
    assert not (run.folder / "work").exists()


def test_shards_that_are_whole_are_not_encoded_again(folder: Path, tmp_path: Path) -> None:
    """With as many tokens as there are, and no validation, final shards are what was tokenized."""
    rest = '[tokenize]\ntokenizer = "bytes"\nvalidation = 0\n'
    weights = "weights = { web = 0.34, books = 0.33, notes = 0.33 }"
    old, new = f"{weights}\ntokens = 500_000\nmax_epochs = 9", "max_epochs = 3"
    path = recipe(tmp_path / "in", old, rest)
    run = curate.run(path, out=tmp_path / "run", workers=0, keep_intermediate=False)
    whole = {share.name for share in run.mix().mixture.shares if share.epochs >= 1}
    assert whole == {"books", "notes"}
    assert lacking_shards(run.store, run.plan, set()) == {"web": (1, 1)}
    run.mix({"weights": {}, "tokens": None, "max_epochs": 3}, apply=True, encode=True, workers=0)
    assert lacking_shards(run.store, run.plan, set()) == {}
    inode = (run.folder / "tokens/train/web/00000.bin").stat().st_ino
    run.mix({"tokens": 600_000}, apply=True, workers=0)  # every source more than once: a second name of the same file
    assert (run.folder / "tokens/train/web/00000.bin").stat().st_ino == inode
    again = curate.run(recipe(tmp_path / "in", f"{new}\ntokens = 600_000", rest), out=tmp_path / "fresh", workers=0)
    assert files(run) == files(again)


LESS = {"tokens": 120_000, "weights": {"web": 0.75, "books": 0.2, "notes": 0.05}, "materialize": True}
LESS_TOML = "tokens = 120_000\nweights = { web = 0.75, books = 0.2, notes = 0.05 }\nmaterialize = true"


def test_less_of_every_source_is_taken_of_what_was_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many splits, also of sources of which the end of a document is held out: nothing is encoded, no input read."""
    monkeypatch.setattr("curate.engine.plan.MIN_SPLIT_BYTES", 40_000)
    run = curate.run(recipe(tmp_path / "in", OLD), out=tmp_path / "run", workers=0, keep_intermediate=False)
    assert len(run.plan.splits) > 7
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    found = run.mix(LESS, apply=True, workers=2)
    (tmp_path / "elsewhere").rename(tmp_path / "in")
    again = curate.run(recipe(tmp_path / "in", LESS_TOML), out=tmp_path / "fresh", workers=0)
    assert files(run) == files(again)
    assert "encode" not in json.loads((run.folder / "timing.json").read_text())["stages"]
    assert found.then == again.mix().mixture
    assert not (run.folder / "work").exists()
    assert curate.verify(run).is_sound


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(2, 9), min_size=1, max_size=12),
    st.integers(1, 120),
    st.integers(0, 120),
)
def test_what_is_enough_holds_every_token_that_another_share_takes(sizes: list[int], old: int, new: int) -> None:
    counts = np.array(sizes)
    held = int(counts.sum())
    hashes = np.random.default_rng(held).permutation(len(counts)).astype(np.uint64)

    def heads(tokens: int) -> Any:
        return choose_tokens(hashes, counts, tokens) if 0 < tokens < held else counts * (tokens > 0)

    before, share = (Share("web", 1.0, 1.0, tokens, tokens / held, held) for tokens in (old, new))
    if is_enough(before, share):
        assert (heads(new) <= heads(old)).all()
    else:
        assert new > old or new == old - 1


def test_stages_and_the_materialized_sequence_follow_and_go(kept: curate.Run, folder: Path, tmp_path: Path) -> None:
    run = copy(kept, tmp_path)
    stages = """\
materialize = true
[[mix.stage]]
name = "main"
tokens = 90_000
weights = { web = 0.9, notes = 0.1 }
[[mix.stage]]
name = "anneal"
tokens = 30_000
weights = { books = 1.0 }
"""
    path = recipe(folder, stages)
    run.mix(recipe=path, apply=True, workers=0)
    staged = curate.run(path, out=tmp_path / "staged", workers=0)
    assert files(run) == files(staged)
    assert "Stage anneal, 30,000 tokens: books 100.00%" in [*mix_lines(run.mix())]
    run.mix({"materialize": False}, apply=True, workers=0)
    assert not (run.folder / "tokens/train/mixed").exists()
    assert curate.verify(run).is_sound
    run.mix(recipe=recipe(folder, OLD), apply=True, workers=0)
    assert files(run) == files(kept)


@pytest.mark.parametrize("workers", [0, 1])
def test_where_tokens_cannot_be_made_again_the_run_stays_as_it_was(
    bare: curate.Run, tmp_path: Path, workers: int
) -> None:
    run = copy(bare, tmp_path)
    path = run.folder / "documents/notes/00000.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(bytes(content))
    before = files(run)
    with pytest.raises(CheckFailed, match=r"notes.* is damaged.*; the run stays as it was"):
        run.mix(NEW, apply=True, encode=True, workers=workers)
    assert files(run) == before
    assert not (run.folder / "work").exists()


def test_documents_that_go_in_several_times_are_encoded_as_often(tmp_path: Path) -> None:
    rest = '[dedup]\nmethod = "exact"\nrehydrate = [[2, 2]]\n[tokenize]\ntokenizer = "bytes"\n'
    path = recipe(tmp_path / "in", OLD, rest)
    with (tmp_path / "in" / "web.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in TEXTS[5:9])
    run = curate.run(path, out=tmp_path / "run", workers=0, keep_intermediate=False)
    assert run.documents("web").collect()["times"].to_list().count(2) >= 4
    run.mix(LESS, apply=True, workers=0)
    again = curate.run(recipe(tmp_path / "in", LESS_TOML, rest), out=tmp_path / "less", workers=0)
    assert files(run) == files(again)
    run.mix({**NEW, "materialize": False}, apply=True, encode=True, workers=0)
    again = curate.run(recipe(tmp_path / "in", NEW_TOML, rest), out=tmp_path / "fresh", workers=0)
    assert files(run) == files(again)


def test_the_command_prints_the_epochs_and_applies_what_it_is_told_to(
    kept: curate.Run, fresh: curate.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copy(kept, tmp_path)
    told = ["--set", "weights={web=0.3,books=0.3,notes=0.4}", "--set", "tokens=150_000", "--set", "max_epochs=2"]

    def say(*words: str) -> tuple[str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["mix", str(run.folder), *words])
        assert ended.value.code == 0
        said = capsys.readouterr()
        return said.out, said.err

    table, _ = say()
    assert re.search(r"notes +\d\d,\d{3} +0\.1000 +0\.1000 +20,000 +0\.\d\d *\n", table)
    asked, warned = say(*told)
    assert "150,000 tokens (before: 200,000), no source more than 2 times." in asked
    assert re.search(r"notes .* 60,000 +1\.\d\d +20,000 +0\.\d\d *\n", asked)
    assert "Nothing was changed: --apply makes the run so." in warned
    values = json.loads(say(*told, "--json")[0])
    assert values["then"]["tokens"] == 150_000 > values["mixture"]["tokens"] - 50_001
    assert files(run) == files(kept)
    say(*told, "--apply", "--workers", "0")
    assert files(run) == files(fresh)


def test_nothing_is_done_where_the_mixture_is_the_same(bare: curate.Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in bare.folder.rglob("*")}
    found = bare.mix({"tokens": 200_000}, apply=True, workers=0)
    assert "mixed has this mixture already" in found.notes
    assert before == {path: path.stat().st_mtime_ns for path in bare.folder.rglob("*")}


def test_a_trained_tokenizer_stays_and_the_recipe_says_by_which_weights(tmp_path: Path) -> None:
    rest = "[tokenize]\ntokenizer = { train = { vocab_size = 400, sample_bytes = 50_000 } }\n"
    path = recipe(tmp_path / "in", OLD, rest)
    run = curate.run(path, out=tmp_path / "run", workers=0, keep_intermediate=True)
    tokenizer = (run.folder / "tokenizer.json").read_bytes()
    found = run.mix(NEW, apply=True, workers=0)
    assert any("the tokenizer stays" in note for note in found.notes)
    assert (run.folder / "tokenizer.json").read_bytes() == tokenizer
    shutil.copy(run.folder / "recipe.toml", tmp_path / "in" / "again.toml")
    again = curate.run(tmp_path / "in" / "again.toml", out=tmp_path / "fresh", workers=0)
    assert files(run) == files(again)


WRITES = ("manifest.former.json", "recipe.next.toml", "recipe.toml", "plan.json", "manifest.json")


@pytest.mark.parametrize(
    ("last", "encode"), [*((name, False) for name in (*WRITES, "put", "remove", "tokens")), ("put", True)]
)
def test_an_interrupted_one_goes_on(
    kept: curate.Run, bare: curate.Run, fresh: curate.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    last: str, encode: bool,
) -> None:  # fmt: skip
    """Wherever it stops: the write of a file that never comes, a file that gets its place, one that is to go."""
    run = copy(bare if encode else kept, tmp_path)
    with monkeypatch.context() as patched:
        interrupt(patched, run.store, last)
        with pytest.raises(Interrupted):
            run.mix(NEW, apply=True, encode=encode, workers=0)
    if (run.folder / "recipe.next.toml").exists():
        with pytest.raises(RunConflict, match="--apply goes on"):
            run.mix()
        with pytest.raises(RunConflict, match="another new mixture"):
            run.mix({"tokens": 77_777}, apply=True, workers=0)
        with pytest.raises(RunConflict, match=r"curate mix .* --apply goes on"):
            curate.run(kept.recipe, out=run.folder, workers=0)
    run.mix(NEW, apply=True, encode=encode, workers=0)
    assert files(run) == files(fresh)
    assert curate.verify(run).is_sound


def interrupt(patched: pytest.MonkeyPatch, store: Store, last: str) -> None:
    """The store answers no more once it is asked for this."""
    kind, is_dead = type(store), []

    def dying(verb: str) -> Any:
        alive = getattr(kind, verb)

        def do(self: Store, name: Any, *rest: Any) -> Any:
            if is_dead or last == verb or name == last:
                is_dead.append(name)
                raise Interrupted("killed")
            return alive(self, name, *rest)

        return do

    for verb in ("write", "put", "remove"):
        patched.setattr(kind, verb, dying(verb))


def test_an_interrupted_one_goes_on_without_being_told_again(
    kept: curate.Run, fresh: curate.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copy(kept, tmp_path)
    with monkeypatch.context() as patched:
        interrupt(patched, run.store, "plan.json")
        with pytest.raises(Interrupted):
            run.mix(NEW, apply=True, workers=0)
    run.mix(apply=True, workers=0)
    assert files(run) == files(fresh)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": {"wbe": 1.0}}, 'unknown source "wbe"; did you mean "web"'),
        ({"epochs": 2}, 'unknown key "epochs"; did you mean "max_epochs"'),
        ({"max_epochs": 0}, "must lie between"),
        ({"temperature": 2}, "weights already"),
        ({"tokens": "many"}, "expected a whole number"),
    ],
)
def test_what_cannot_be_is_refused(bare: curate.Run, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bare.mix(changes)


def test_another_version_does_not_plan_it_anew(kept: curate.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remix, "__version__", "99")
    with pytest.raises(RunConflict, match="this is 99"):
        kept.mix(NEW, apply=True, workers=0)
    assert kept.is_complete
