"""`curate forget`: what is left is what a run has that never kept them, and nothing of them is anywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np
import polars as pl
import pytest

import curate
from curate.cli import main
from curate.engine.store import Store
from curate.errors import CheckFailed, Interrupted, RunConflict, UsageError

TEXTS = [text.strip() for text in topics.topics.values() if len(text) > 600]
DEDUP = '[dedup]\nmethod = "exact"\n'
RECIPE = """\
name = "forgetful"
[[source]]
name = "web"
read = "tables"
paths = ["web.jsonl"]
steps = [{{ use = "gopher_quality", min_words = 30, {loose} }}{web}]
[[source]]
name = "notes"
read = "tables"
paths = ["notes.jsonl"]
steps = [{notes}]
{rest}
[mix]
{mix}
[tokenize]
tokenizer = "bytes"
validation = {validation}
"""
MIX = "tokens = 120_000\nweights = { web = 0.8, notes = 0.2 }"
LOOSE = (
    "min_stop_words = 0, min_alphabetic_word_ratio = 0.0, max_bullet_line_ratio = 1.0, max_ellipsis_line_ratio = 1.0"
)
LOOSE += ", max_hash_symbol_ratio = 9.0, max_ellipsis_ratio = 9.0"
GONE = "evil.test"
SECRET = "Zaphod"
"""A word of every text that is to be forgotten."""


def recipe(
    folder: Path,
    name: str,
    *,
    web: str = "",
    notes: str = "",
    rest: str = DEDUP,
    mix: str = MIX,
    validation: float = 0.1,
) -> Path:
    folder.mkdir(exist_ok=True)
    rows: dict[str, list[dict[str, str]]] = {"web": [], "notes": []}
    for number, text in enumerate(TEXTS[:36]):
        host = f"sub.{GONE}" if number % 9 == 3 else GONE if number % 9 == 0 else f"site{number % 4}.test"
        told = f"{SECRET} says: {text}" if GONE in host else text
        rows["web" if number % 4 else "notes"].append({"url": f"http://{host}/{number}", "text": told})
    rows["web"].append({"url": f"http://{GONE}/short", "text": f"{SECRET} is short."})
    rows["web"].append({"url": "http://notevil.test/1", "text": TEXTS[40]})
    for source, lines in rows.items():
        (folder / f"{source}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    path = folder / f"{name}.toml"
    path.write_text(RECIPE.format(loose=LOOSE, web=web, notes=notes, rest=rest, mix=mix, validation=validation))
    return path


def without(**parts: Any) -> dict[str, Any]:
    """The same recipe with a step that drops what is to be forgotten."""
    step = f"{{ where = \"url NOT LIKE '%{GONE}/%' OR url LIKE '%notevil%'\" }}"
    return {**parts, "web": f", {step}", "notes": step}


def made(folder: Path, name: str, *, keep: bool = False, workers: int = 0, **parts: Any) -> curate.Run:
    path = recipe(folder, name, **parts)
    return curate.run(path, out=folder / name, workers=workers, keep_intermediate=keep)


def data(run: curate.Run) -> dict[str, bytes]:
    """Final documents and tokens."""
    files = {path.relative_to(run.folder): path for path in run.folder.rglob("*") if path.is_file()}
    return {str(name): path.read_bytes() for name, path in files.items() if name.parts[0] in ("documents", "tokens")}


def traces(run: curate.Run) -> list[str]:
    """Where the word, the domain or an id of what was forgotten still stands."""
    found = []
    for path in sorted(run.folder.rglob("*")):
        if path.suffix == ".parquet":
            table = pl.read_parquet(path)
            told = table.cast(dict.fromkeys([n for n, t in table.schema.items() if not t.is_nested()], pl.String))
            text = json.dumps(told.to_dicts(), default=str)
        elif path.suffix == ".bin" and "token_bytes" not in path.name:
            text = "".join(chr(token % 256) for token in np.fromfile(path, dtype="<u2"))
        else:
            text = path.read_bytes().decode("latin-1") if path.is_file() else ""
        if SECRET in text or f"//{GONE}" in text or f".{GONE}" in text:
            found.append(str(path.relative_to(run.folder)))
    return found


def copy(run: curate.Run, folder: Path) -> curate.Run:
    shutil.copytree(run.folder, folder / "run", copy_function=shutil.copy2)
    return curate.Run(folder / "run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forget")


@pytest.fixture(scope="module")
def whole(folder: Path) -> curate.Run:
    return made(folder, "whole")


@pytest.fixture(scope="module")
def never(folder: Path) -> curate.Run:
    return made(folder, "never", **without())


def test_what_is_left_is_what_a_run_has_that_never_kept_them(
    whole: curate.Run, never: curate.Run, tmp_path: Path
) -> None:
    assert traces(whole)
    run = copy(whole, tmp_path)
    (run.folder / "report.html").write_text(SECRET)
    found = run.forget(domains=[GONE], workers=0)
    assert data(run) == data(never)
    assert curate.verify(run).differences == ()
    assert traces(run) == []
    assert (found.records, found.documents) == (9, 8)
    assert not (run.folder / "work").exists()
    assert not (run.folder / "report.html").exists()


def test_the_ledger_says_that_they_were_forgotten_and_nothing_else(whole: curate.Run, tmp_path: Path) -> None:
    before = whole.ledger().collect()
    run = copy(whole, tmp_path)
    run.forget(domains=[GONE], workers=0)
    ledger = run.ledger().collect()
    assert (ledger.schema, ledger.height) == (before.schema, before.height)
    gone = ledger.filter(reason="forgotten")
    assert gone["id"].str.starts_with("forgotten:").all()
    assert gone["id"].n_unique() == gone.height == 9
    said = {"id", "source", "outcome", "step", "reason"}
    assert {name for name in gone.columns if gone[name].null_count() < gone.height} == said
    counts = run.manifest["counts"]
    assert sum(count["steps"]["dropped/read/forgotten"][0] for count in counts.values()) == 9
    kept = [sum(count["kept"] for count in each.manifest["counts"].values()) for each in (whole, run)]
    assert kept[1] == kept[0] - 8
    untouched = ledger.filter(pl.col("reason").ne_missing("forgotten"))
    assert untouched.equals(before.filter(pl.col("id").is_in(untouched["id"].implode())))
    [log] = (run.folder / "done" / "forgotten").iterdir()
    assert json.loads(log.read_text())["counts"]["records"] == 9


def test_the_same_hash_comes_never_twice(whole: curate.Run, tmp_path: Path) -> None:
    """Its salt is thrown away: who knows an id cannot tell whether it is among them."""
    ids = []
    for name in "ab":
        (tmp_path / name).mkdir()
        run = copy(whole, tmp_path / name)
        run.forget(domains=[GONE], workers=0)
        ids.append({*run.ledger().filter(reason="forgotten").collect()["id"]})
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    ("choice", "urls"),
    [
        ({"urls": [f"http://{GONE}/9", "http://nowhere.test/"]}, {f"http://{GONE}/9"}),
        ({"domains": [f"sub.{GONE}"]}, {f"http://sub.{GONE}/{number}" for number in (3, 12, 21, 30)}),
        ({"patterns": [r"/1\d$"], "ids": ["web/web.jsonl@0"]}, None),
    ],
)
def test_each_choice_means_what_it_says(
    whole: curate.Run, choice: dict[str, Any], urls: set[str] | None, tmp_path: Path
) -> None:
    run = copy(whole, tmp_path)
    before = whole.ledger().select("id", "url").collect()
    found = run.forget(**choice, workers=0)
    left = {*run.ledger().collect()["url"].drop_nulls()}
    gone = {*before["url"]} - left
    if urls is None:
        first = set(before.filter(pl.col("id").is_in(choice["ids"]))["url"])
        urls = {url for url in before["url"] if url.rpartition("/")[2] in map(str, range(10, 20))} | first
    assert gone == urls
    assert found.records == len(urls)
    assert curate.verify(run).is_sound


@pytest.mark.parametrize(
    "parts",
    [
        {"mix": f"{MIX}\nmaterialize = true"},
        {"mix": "", "validation": 0},
        {"mix": MIX, "rest": ""},
        {"mix": f"{MIX}\n[mix.by.web]\ncolumn = 'word_count'\nedges = [300]\nweights = [1, 2]"},
        {"rest": '[dedup]\nmethod = "exact"\nrehydrate = [[2, 2]]\n[scrub]'},
    ],
)
def test_it_is_so_with_every_kind_of_mixture(parts: dict[str, Any], tmp_path: Path) -> None:
    run = made(tmp_path / "in", "whole", keep=True, **parts)
    again = made(tmp_path / "in", "never", **without(**parts))
    run.forget(domains=[GONE], workers=0)
    assert data(run) == data(again)
    assert curate.verify(run).differences == ()
    assert traces(run) == []


def test_copies_of_what_is_forgotten_stay_dropped_and_name_it_no_more(tmp_path: Path) -> None:
    path = recipe(tmp_path / "in", "copies", rest='[dedup]\nmethod = ["exact", "minhash"]\n')
    with (tmp_path / "in" / "web.jsonl").open("a") as file:
        rows = [{"url": f"http://copy.test/{n}", "text": f"{SECRET} says: {TEXTS[9]}{' More.' * n}"} for n in range(2)]
        file.writelines(json.dumps(row) + "\n" for row in rows)
    run = curate.run(path, out=tmp_path / "run", workers=0)
    kept = run.ledger().filter(pl.col("outcome") == "dropped", step="dedup").collect()
    assert kept["value"].to_list() == [kept["value"][0]] * 2
    original = kept["value"][0]
    found = run.forget(ids=[original], workers=0)
    assert found.documents == 1
    copies = run.ledger().filter(step="dedup").collect()
    assert copies["outcome"].to_list() == ["dropped", "dropped"]
    assert copies["value"].str.starts_with("forgotten:").all()
    tables = [pl.read_parquet(path) for path in (run.folder / "dedup").glob("*.parquet")]
    names = {
        value for table in tables for name in table.columns if table[name].dtype == pl.String for value in table[name]
    }
    assert original not in names
    assert curate.verify(run).differences == ()


WRITES = ("manifest.former.json", "forget.next.parquet", "manifest.json")


@pytest.mark.parametrize("last", [*WRITES, *(("put", number) for number in (2, 5, 8)),
                                  *(("remove", number) for number in (2, 6, 10, 14)),
                                  *(("write", number) for number in (4, 8, 12, 15))])  # fmt: skip
def test_an_interrupted_one_goes_on(
    whole: curate.Run, never: curate.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: Any
) -> None:
    """Wherever it stops: at each write, file that gets its place, and file that is to go."""
    run = copy(whole, tmp_path)
    with monkeypatch.context() as patched:
        interrupt(patched, run.store, last)
        try:
            run.forget(domains=[GONE], workers=0)
        except Interrupted:
            pass
        else:
            pytest.fail("it does not do so many of these")
    if (run.folder / "forget.next.parquet").exists():
        with pytest.raises(RunConflict, match="being forgotten"):
            run.forget(domains=["other.test"], workers=0)
        with pytest.raises(RunConflict, match="curate forget"):
            curate.run(whole.recipe, out=run.folder, workers=0)
        if not run.is_complete:
            with pytest.raises(UsageError, match=r"curate forget .* goes on"):
                run.show()
        run.forget(workers=0)
    elif run.ledger().filter(reason="forgotten").collect().is_empty():
        run.forget(domains=[GONE], workers=0)
    assert data(run) == data(never)
    assert curate.verify(run).differences == ()
    assert traces(run) == []


def interrupt(patched: pytest.MonkeyPatch, store: Store, last: Any) -> None:
    """The store answers no more once it is asked for this: a name, or the n-th of a verb."""
    kind, is_dead, counts = type(store), [], dict.fromkeys(("write", "put", "remove"), 0)

    def dying(verb: str) -> Any:
        alive = getattr(kind, verb)

        def do(self: Store, name: Any, *rest: Any) -> Any:
            counts[verb] += 1
            if is_dead or name == last or (verb, counts[verb]) == last:
                is_dead.append(name)
                raise Interrupted("killed")
            return alive(self, name, *rest)

        return do

    for verb in counts:
        patched.setattr(kind, verb, dying(verb))


def test_workers_do_it_alike(whole: curate.Run, never: curate.Run, tmp_path: Path) -> None:
    run = copy(whole, tmp_path)
    run.forget(domains=[GONE], workers=2)
    assert data(run) == data(never)
    assert curate.verify(run).is_sound


def test_what_cannot_be_forgotten_is_refused_before_anything_is_touched(whole: curate.Run, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*")}
    with pytest.raises(UsageError, match=r"read no record that is meant: nobody\.test"):
        whole.forget(domains=["nobody.test"], workers=0)
    with pytest.raises(UsageError, match="name a URL, a domain"):
        whole.forget(workers=0)
    with pytest.raises(UsageError, match="no regular expression"):
        whole.forget(patterns=["("], workers=0)
    assert before == {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*")}
    run = copy(whole, tmp_path)
    path = run.folder / "documents/web/00000.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckFailed):
        run.forget(domains=[GONE], workers=0)
    assert run.is_complete
    assert not (run.folder / "forget.next.parquet").exists()


def test_a_run_that_forgets_twice_and_is_mixed_anew_is_sound(whole: curate.Run, tmp_path: Path) -> None:
    run = copy(whole, tmp_path)
    run.forget(domains=[f"sub.{GONE}"], workers=0)
    run.forget(domains=[GONE], workers=0)
    assert traces(run) == []
    run.mix({"tokens": 60_000}, apply=True, encode=True, workers=0)
    assert curate.verify(run).differences == ()
    assert len([*(run.folder / "done" / "forgotten").iterdir()]) == 2
    assert sum(row.documents_then for row in run.retune({"gopher_quality.min_words": 1}).steps) > 0


def test_the_command_says_how_many(whole: curate.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = copy(whole, tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["forget", str(run.folder), "--domain", GONE, "--workers", "0"])
    assert ended.value.code == 0
    assert "9 records are forgotten, 8 of which were kept documents." in capsys.readouterr().out
