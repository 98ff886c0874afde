"""What a hostile document, an impatient user and a failing disk do to a run: the culprit is named with its step,
nothing else is lost, and the files are those of an undisturbed run."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import psutil
import pytest

import curate
from curate.engine.engine import Said
from curate.engine.progress import Progress
from curate.errors import CheckFailed, RunConflict
from curate.report.verify import differences

NOT_COMPARED = ("timing.json", "report.html", ".lock", "kernels.lock")
NOVEL = Path(curate.__file__).parent / "recipes" / "quickstart" / "books" / "persuasion.txt"

RECIPE = """\
name = "faults"
[[source]]
name = "docs"
read = "tables"
paths = ["docs.jsonl"]
steps = [{steps}]
{tables}
[tokenize]
tokenizer = "bytes"
validation = 0.0
[limits]
document_seconds = {seconds}
max_errors = 1.0
{limits}
"""

POISON = """\
import ctypes, os, time
import polars as pl
import curate

@curate.filter
def poison(document: curate.Document) -> bool:
    if document.text.startswith("SEGFAULT"):
        ctypes.string_at(0)
    if document.text.startswith("SLEEP"):
        time.sleep(3600)
    while document.text.startswith("HANG"):
        pass
    if document.text.startswith("CLOSE"):
        os.closerange(0, 200)
    if document.text.startswith("PRINT"):
        print("what is", document.id)
    return True

@curate.signal(dtype=pl.Int64)
def together(batch: pl.DataFrame) -> pl.Series:
    if batch["text"].str.starts_with("SEGFAULT").any():
        ctypes.string_at(0)
    return batch["text"].str.len_chars()
"""


def paragraphs(count: int) -> list[str]:
    """Paragraphs of a novel, of some length."""
    found = [" ".join(part.split()) for part in NOVEL.read_text(encoding="utf-8").split("\n\n")]
    return [text for text in found if len(text) > 200][:count]


def write(
    folder: Path,
    texts: list[str],
    *,
    steps: str = "",
    tables: str = "",
    limits: str = "",
    code: str = POISON,
    seconds: int = 1,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"id": str(number), "text": text}) for number, text in enumerate(texts)]
    (folder / "docs.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "mine.py").write_text(code, encoding="utf-8")
    recipe = folder / "faults.toml"
    recipe.write_text(RECIPE.format(steps=steps, tables=tables, limits=limits, seconds=seconds), encoding="utf-8")
    return recipe


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_COMPARED]
    files = [path for path in files if "workers" not in path.parts]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def outcomes(run: curate.Run) -> dict[str, tuple[str, str, str]]:
    """Of what was not kept: the first word of its text, and its outcome, step and reason."""
    return {
        row["original_id"]: (row["outcome"], row["step"], row["reason"])
        for row in run.ledger().filter(pl.col("outcome") != "kept").collect().iter_rows(named=True)
    }


def test_what_breaks_in_an_own_filter_is_booked_on_it_and_costs_only_its_document(tmp_path: Path) -> None:
    texts = paragraphs(30)
    for number, word in ((3, "SEGFAULT"), (9, "SLEEP"), (10, "HANG"), (21, "CLOSE")):
        texts[number] = f"{word} {texts[number]}"
    run = curate.run(write(tmp_path, texts, steps='"mine:poison"'), out=tmp_path / "run", workers=1)
    assert outcomes(run) == {
        "3": ("quarantined", "mine:poison", "crash"),
        "9": ("quarantined", "mine:poison", "timeout"),
        "10": ("quarantined", "mine:poison", "timeout"),
        "21": ("quarantined", "mine:poison", "crash"),
    }
    told = run.ledger().filter(pl.col("original_id") == "9").collect()["value"].item()
    assert told == "asleep for over 1 s in mine:poison"
    assert list(differences(run)) == []


def test_a_document_that_breaks_a_function_over_batches_is_found_in_its_batch(tmp_path: Path) -> None:
    texts = paragraphs(12)
    texts[7] = "SEGFAULT " + texts[7]
    run = curate.run(write(tmp_path, texts, steps='"mine:together"'), out=tmp_path / "run", workers=1)
    assert outcomes(run) == {"7": ("quarantined", "mine:together", "crash")}


def test_what_an_own_filter_prints_reaches_the_user_with_its_name(tmp_path: Path) -> None:
    texts = paragraphs(5)
    texts[2] = "PRINT " + texts[2]
    shown: list[Progress | Said] = []
    recipe = write(tmp_path, texts, steps='"mine:poison"')
    curate.run(recipe, out=tmp_path / "run", workers=1, show=shown.append)
    said = [(each.step, each.line) for each in shown if isinstance(each, Said)]
    assert len(said) == 1
    assert said[0][0] == "mine:poison"
    assert said[0][1].startswith("what is docs/docs.jsonl@")


AT_HOME = """\
import logging, os, subprocess, sys, time
from pathlib import Path
import curate

@curate.filter
def at_home(document: curate.Document) -> bool:
    word = document.text.split()[0]
    if word == "CHDIR":
        os.chdir(Path(__file__).parent)
    if word == "READ":
        subprocess.run(["cat"])
        assert sys.stdin.read() == ""
    if word == "REST":
        sys.stdout.buffer.write(b"caf\\xc3\\xa9 ")
        print("\\ud800", end="")
    if word == "FILE":
        sys.stdout.reconfigure(line_buffering=True)
        subprocess.run(["echo", "not shown"], stdout=sys.stdout)
        sys.stdout.close()
        print("after")
    if word == "FORK" and os.fork() == 0:
        return False
    if word == "EXIT":
        sys.exit("no more")
    if word == "PROGRAM":
        subprocess.run(["sleep", "7654"])
    return True
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_an_own_function_may_use_its_process_as_in_any_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    texts = paragraphs(20)
    words = {2: "CHDIR", 5: "EXIT"}
    if workers:  # in the user's own process all this is theirs
        words |= {3: "READ", 4: "REST", 6: "FILE", 8: "FORK", 9: "PROGRAM"}
    for number, word in words.items():
        texts[number] = f"{word} {texts[number]}"
    write(tmp_path / "in", texts, steps='"mine:at_home"', code=AT_HOME)
    monkeypatch.chdir(tmp_path)
    shown: list[Progress | Said] = []
    run = curate.run("in/faults.toml", out="run", workers=workers, show=shown.append)
    assert Path.cwd() == tmp_path
    wanted = {"5": ("quarantined", "mine:at_home", "exception")}
    assert outcomes(run) == wanted | ({"9": ("quarantined", "mine:at_home", "timeout")} if workers else {})
    assert run.ledger().collect().height == 20
    assert list(differences(run)) == []
    lines = {each.line: None for each in shown if isinstance(each, Said)}  # a split that is done anew says all again
    assert list(lines) == (["café \\ud800", "after"] if workers else [])
    started = [child for child in psutil.process_iter(["cmdline"]) if child.info["cmdline"] == ["sleep", "7654"]]
    assert started == []


KILLS_ONCE = """\
import os, signal
from pathlib import Path
import polars as pl
import curate

def once(name: str) -> None:
    marker = Path(os.environ["CURATE_TEST_MARKERS"]) / name
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)

@curate.filter
def alone(document: curate.Document) -> bool:
    if document.text.startswith("KILL"):
        once("alone")
    return len(document.text) % 7 != 0

@curate.signal(dtype=pl.Int64)
def together(batch: pl.DataFrame) -> pl.Series:
    once("together")
    return batch["text"].str.len_chars()
"""


def test_the_bytes_are_the_same_after_a_search_for_a_culprit_that_there_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = paragraphs(60)
    texts[30] = "KILL " + texts[30]
    steps = '"mine:together", "c4", { where = "together > 250" }, "mine:alone", "toxicity"'
    recipe = write(tmp_path / "in", texts, steps=steps, tables="[dedup]\n[scrub]", code=KILLS_ONCE)
    found = []
    for name in ("killed", "quiet"):
        markers = tmp_path / "markers"
        markers.mkdir(exist_ok=True)
        monkeypatch.setenv("CURATE_TEST_MARKERS", str(markers))
        found.append(digests(curate.run(recipe, out=tmp_path / name, workers=1).folder))
        assert {path.name for path in markers.iterdir()} == {"alone", "together"}
    assert found[0] == found[1]


IMPORTS = """\
import curate
from words import WORDS

@curate.filter
def clean(document: curate.Document) -> bool:
    return not any(word in document.text for word in WORDS)
"""


@pytest.mark.parametrize("is_finished", [True, False])
def test_an_edited_module_list_or_evaluation_set_is_refused_by_name(tmp_path: Path, is_finished: bool) -> None:
    tables = '[decontaminate]\nagainst = ["eval.jsonl"]'
    steps = '{ use = "url", blocklists = ["bad.txt"] }, "mine:clean"'
    recipe = write(tmp_path, paragraphs(8), steps=steps, tables=tables, code=IMPORTS)
    (tmp_path / "words.py").write_text("WORDS = ['xyzzy']\n")
    (tmp_path / "bad.txt").write_text("bad.example\n")
    question = {"id": 1, "question": " ".join(str(number) for number in range(40))}
    (tmp_path / "eval.jsonl").write_text(json.dumps(question) + "\n")
    out = tmp_path / "run"
    curate.run(recipe, out=out, workers=0, keep_intermediate=True)
    if not is_finished:
        (out / "manifest.json").unlink()
        shutil.rmtree(out / "done" / "tokenize")
    edits = {
        "words.py": "WORDS = ['sir']\n",
        "bad.txt": "other.example\n",
        "eval.jsonl": '{"id": 1, "question": "a"}\n',
    }
    edits["mine.py"] = IMPORTS.replace("not any", "any")
    for name, content in edits.items():
        before = (tmp_path / name).read_text()
        (tmp_path / name).write_text(content * 3 if name == "eval.jsonl" else content)
        if name == "eval.jsonl":
            (tmp_path / name).write_text(json.dumps(question | {"id": 2}) + "\n")
        told = "mine:clean" if name == "mine.py" else name
        with pytest.raises(RunConflict, match=f"begun with another {told}; choose another --out"):
            curate.run(recipe, out=out, workers=0)
        (tmp_path / name).write_text(before)
    assert curate.run(recipe, out=out, workers=0).is_complete


def test_a_folder_that_is_made_anew_gets_the_new_recipe_and_the_new_code(tmp_path: Path) -> None:
    kept = []
    for word, words in (("sir", "WORDS = ['Sir']\n"), ("none", "WORDS = ['xyzzy']\n")):
        recipe = write(tmp_path, paragraphs(8), steps='"mine:clean"', code=IMPORTS)
        (tmp_path / "words.py").write_text(words)
        run = curate.run(recipe, out=tmp_path / "run", workers=0)
        kept.append(run.manifest["counts"]["docs"]["kept"])
        shutil.rmtree(tmp_path / "run")
        assert word
    assert kept[0] < kept[1] == 8


FAULTY = """\
import os, sys, time
if "-m" in sys.orig_argv and "pytest" not in sys.orig_argv:
    import curate.pipeline.{module} as module
    before = getattr(module, "{function}", None)
    if before is None:  # an exception here would be passed over, and nothing be broken
        os._exit(97)
    def faulty(texts, *rest, **named):
        values = texts["text"] if hasattr(texts, "columns") else texts
        for text in values:
            if "HANG" in text:
                time.sleep(3600)
            if "CRASH" in text:
                os._exit(9)
            kept = []
            while "GROW" in text:
                kept.append(b"x" * 100_000_000)
                time.sleep(0.05)
            if "RAISE" in text:
                raise ValueError("a library's fault")
        return before(texts, *rest, **named)
    module.{function} = faulty
"""
BREAKS = {"RAISE": "exception", "HANG": "timeout", "CRASH": "crash", "GROW": "memory"}
SECONDS_TO_GROW = 6
"""What a busy machine takes for the pages of GROW's memory: with less of a limit it is late before it is too large."""


@pytest.mark.parametrize(
    ("module", "function", "step", "workers"),
    [
        ("decontaminate", "find_matches", "decontaminate", 1),
        ("tokenizer", "scrub_as_asked", "", 2),
        ("tokenize", "scrub_as_asked", "scrub", 2),
        ("decontaminate", "find_matches", "decontaminate", 0),
        ("tokenizer", "scrub_as_asked", "", 0),
        ("tokenize", "scrub_as_asked", "scrub", 0),
    ],
)
def test_a_document_that_breaks_a_later_stage_is_quarantined_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, function: str, step: str, workers: int
) -> None:
    """It raises, hangs, takes its process with it, or outgrows the memory; without workers nobody survives the rest."""
    breaks = list(BREAKS)[: 4 if workers else 1]
    texts = paragraphs(20)
    for number, word in enumerate(breaks, start=3):
        texts[number] = f"{word} {texts[number]}"
    tables = '[decontaminate]\nagainst = ["eval.jsonl"]\n[scrub]'
    limits = "worker_memory = 900_000_000\nmax_quarantined = 1.0"
    recipe = write(tmp_path / "in", texts, tables=tables, limits=limits, seconds=SECONDS_TO_GROW)
    recipe.write_text(recipe.read_text().replace('"bytes"', "{ train = { vocab_size = 300 } }"))
    question = {"id": 1, "question": " ".join(str(number) for number in range(40))}
    (tmp_path / "in" / "eval.jsonl").write_text(json.dumps(question) + "\n")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FAULTY.format(module=module, function=function))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{Path(curate.__file__).parents[1]}")
    command = [sys.executable, "-m", "curate", "run", recipe, "--out", tmp_path / "run", "--workers", str(workers)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    run = curate.Run(tmp_path / "run")
    wanted = {str(number): ("quarantined", step, BREAKS[word]) for number, word in enumerate(breaks, start=3)}
    assert outcomes(run) == (wanted if step else {})
    assert list(differences(run)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_document_that_breaks_deduplication_is_only_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Excerpts of what a near-duplicate loses are scrubbed before anybody sees them."""
    breaks = list(BREAKS)[: 4 if workers else 1]
    texts = paragraphs(20)
    texts += [f"{word} {text[: len(text) * 9 // 10]}" for word, text in zip([*breaks, "FINE"], texts[5:], strict=False)]
    limits = "worker_memory = 900_000_000"
    tables = "[dedup]\nthreshold = 0.6\n[scrub]"
    recipe = write(tmp_path / "in", texts, tables=tables, limits=limits, seconds=SECONDS_TO_GROW)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FAULTY.format(module="dedup", function="scrub_as_asked"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{Path(curate.__file__).parents[1]}")
    command = [sys.executable, "-m", "curate", "run", recipe, "--out", tmp_path / "run", "--workers", str(workers)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    losses = pl.read_parquet(tmp_path / "run" / "dedup" / "losses.parquet").sort("id")
    assert losses.height == len(breaks) + 1
    shown = losses.filter(pl.col("excerpt").fill_null("") != "")
    assert [text[:4] for text in shown["excerpt"]] == ["FINE"]
    assert list(differences(curate.Run(tmp_path / "run"))) == []


def test_a_flipped_bit_between_stages_or_before_a_resume_costs_nothing(tmp_path: Path) -> None:
    texts = paragraphs(40)
    recipe = write(tmp_path / "in", [*texts, *texts[:5]], tables="[dedup]\n[scrub]")
    run = curate.run(recipe, out=tmp_path / "run", workers=0, keep_intermediate=True)
    whole = digests(run.folder)
    stages = ["filter", "dedup", "tokenize", "mix", "shards"]
    damaged = [path for path in sorted((run.folder / "work").rglob("*")) if path.is_file()]
    damaged += sorted((run.folder / "done").rglob("*.json"))
    damaged += [run.folder / "dedup" / "duplicates.parquet", run.folder / "tokens" / "mixture.json"]
    for path in damaged:
        # What the last step has dropped is read by later runs only, which look at it: see test_reuse_stages.py.
        if path.name in NOT_COMPARED or path.name.endswith(".dropped.parquet"):
            continue
        at = next((stage for stage in stages if stage in path.relative_to(run.folder).parts), "filter")
        (run.folder / "manifest.json").unlink()
        for later in stages[stages.index(at) + 1 :]:
            shutil.rmtree(run.folder / "done" / later, ignore_errors=True)
        content = bytearray(path.read_bytes()) if path.exists() else bytearray()
        if not content:
            continue
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        curate.run(recipe, out=run.folder, workers=0, keep_intermediate=True)
        assert digests(run.folder) == whole, path


@pytest.mark.parametrize("stage", ["sample", "tokenizer", "tokenize", "mix", "shards", "materialize", None])
def test_a_record_that_is_damaged_while_a_later_stage_works_costs_nothing(tmp_path: Path, stage: str | None) -> None:
    recipe = write(tmp_path / "in", paragraphs(40), tables="[dedup]\n[mix]\nmaterialize = true")
    recipe.write_text(recipe.read_text().replace('"bytes"', "{ train = { vocab_size = 300 } }"))
    whole = digests(curate.run(recipe, out=tmp_path / "quiet", workers=0).folder)
    out, damaged = tmp_path / "run", list[Path]()

    def damage(progress: Progress | Said) -> None:
        is_due = isinstance(progress, Progress) and progress.stage == (stage or "materialize")
        if is_due and not damaged:
            damaged.extend(sorted((out / "done").rglob("*.json")))
            for path in damaged:
                path.write_bytes(path.read_bytes().replace(b'"stage"', b'"stag"'))

    curate.run(recipe, out=out, workers=0, show=damage)
    assert damaged
    assert digests(out) == whole


def test_a_damaged_plan_or_recipe_is_refused_by_name(tmp_path: Path) -> None:
    recipe = write(tmp_path / "in", paragraphs(8))
    run = curate.run(recipe, out=tmp_path / "run", workers=0, keep_intermediate=True)
    for name, what in (("plan.json", b"version"), ("splits.jsonl", b"docs.jsonl"), ("recipe.toml", b"docs.jsonl")):
        path = run.folder / name
        before = path.read_bytes()
        (run.folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(run.folder / "done" / "tokenize", ignore_errors=True)
        place = before.index(what)
        path.write_bytes(before[:place] + b"dogs" + before[place + 4 :])
        with pytest.raises(CheckFailed, match=f"{name} is damaged"):
            curate.run(recipe, out=run.folder, workers=0)
        path.write_bytes(before)


def test_an_output_that_is_gone_before_a_resume_is_made_again(tmp_path: Path) -> None:
    texts = paragraphs(12)
    recipe = write(tmp_path / "in", [*texts, *texts[:3]], tables="[dedup]")
    run = curate.run(recipe, out=tmp_path / "run", workers=0, keep_intermediate=True)
    whole = digests(run.folder)
    for number, name in enumerate(["documents/docs/00000.parquet", "tokens/mixture.json", "tokens/token_bytes.bin"]):
        (run.folder / "manifest.json").unlink()
        path = run.folder / name
        path.unlink()
        if number:
            path.touch()
        curate.run(recipe, out=run.folder, workers=0, keep_intermediate=True)
        assert digests(run.folder) == whole
    for content in (b"", None):
        (run.folder / "manifest.json").unlink(missing_ok=True)
        (run.folder / "recipe.toml").unlink()
        if content is not None:
            (run.folder / "recipe.toml").write_bytes(content)
        with pytest.raises(CheckFailed, match=r"recipe\.toml is (damaged|missing)"):
            curate.run(recipe, out=run.folder, workers=0)


def test_verify_names_every_file_that_was_touched(tmp_path: Path) -> None:
    recipe = write(tmp_path / "in", paragraphs(8), tables="[dedup]")
    made = curate.run(recipe, out=tmp_path / "made", workers=0)
    run = curate.Run(shutil.copytree(made.folder, tmp_path / "run"))  # no file has a second name, to be touched by both
    assert list(differences(run)) == []
    for path in [path for path in sorted(run.folder.rglob("*")) if path.is_file()]:
        if path.name in (".lock", "timing.json"):
            continue
        before = path.read_bytes()
        if before:
            path.write_bytes(before[:-1] + bytes([before[-1] ^ 4]))
            assert any(path.name in told for told in differences(run)), path
        path.unlink()
        if path.name != "plan.json" and path.name != "manifest.json":
            assert any(f"{path.name} is missing" in told for told in differences(run)), path
        path.write_bytes(before)
    (run.folder / "tokens" / "notes.txt").write_text("mine")
    assert list(differences(run)) == ["tokens/notes.txt is strange: the manifest does not know it"]


COMPILES = """\
import curate
from curate.text.compiled import kernel

@kernel
def mixed(number):
    total = 0.0
{lines}
    return total

@curate.filter
def slow_at_first(document: curate.Document) -> bool:
    return mixed(len(document.text)) >= 0
"""


def test_a_kernel_that_is_new_to_the_machine_costs_no_document_its_time(tmp_path: Path) -> None:
    lines = "\n".join(f"    for step in range(number):\n        total += (number ^ step) % {3 + i}" for i in range(150))
    recipe = write(tmp_path, paragraphs(5), steps='"mine:slow_at_first"', code=COMPILES.format(lines=lines))
    run = curate.run(recipe, out=tmp_path / "run", workers=1)
    seconds, _ = json.loads((run.folder / "timing.json").read_bytes())["stages"]["filter"]["steps"][
        "mine:slow_at_first"
    ]
    assert seconds > 1.0, "the limit of a document, which compiling must exceed for this to say anything"
    assert outcomes(run) == {}
