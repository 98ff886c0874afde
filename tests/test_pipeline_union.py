"""A page that breaks the second of its extractors, or a step with its second text, is found and quarantined there, and
costs nothing else; the bytes are the same with any number of workers and after kills."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.report.verify import differences
from curate.report.why import stories

NOVEL = Path(curate.__file__).parent / "recipes" / "quickstart" / "books" / "persuasion.txt"

RECIPE = """\
name = "faults"
[[source]]
name = "web"
read = "warc"
paths = ["*.warc.gz"]
extract = ["resiliparse", "trafilatura"]
steps = [{{ use = "language", keep = ["en"] }}, {own} "c4"]
[dedup]
[tokenize]
tokenizer = "bytes"
validation = 0.0
[limits]
document_seconds = 6
worker_memory = 900_000_000
max_quarantined = 1.0
max_errors = 1.0
max_drop = 1.0
"""
FAULTY = """\
import os, signal, sys, time
from pathlib import Path
if "-m" in sys.orig_argv and "pytest" not in sys.orig_argv:
    import curate.steps.extract as module
    before = module.extract_html
    def faulty(html, *, engine, **named):
        if engine == "trafilatura":
            if "HANG" in html:
                while True:
                    pass
            if "CRASH" in html:
                os._exit(9)
            kept = []
            while "GROW" in html:
                kept.append(b"x" * 100_000_000)
                time.sleep(0.05)
            if "RAISE" in html:
                raise ValueError("a library's fault")
            marker = Path(os.environ.get("CURATE_TEST_MARKER", "/"))
            if "KILL" in html and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return before(html, engine=engine, **named)
    module.extract_html = faulty
"""
POISON = """\
import ctypes
import curate

@curate.filter
def poison(document: curate.Document) -> bool:
    if "SEGFAULT" in document.text and "orem ipsum" not in document.text:
        ctypes.string_at(0)
    return True
"""
BREAKS = {"RAISE": "exception", "HANG": "timeout", "CRASH": "crash", "GROW": "memory"}
LOREM = "<form><p>Lorem ipsum dolor sit amet, so nobody has read this sentence.</p></form>"


def page(number: int, word: str, *, is_good: bool) -> bytes:
    """A page of five paragraphs of a novel. The first text of one that is not good is dropped by c4 for its form."""
    found = [" ".join(part.split()) for part in NOVEL.read_text(encoding="utf-8").split("\n\n")]
    texts = [text for text in found if len(text) > 200][number * 5 : number * 5 + 5]
    body = "".join(f"<p>{word} {text}</p>" for text in texts) + ("" if is_good else LOREM)
    html = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{body}</body></html>".encode()
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://example.org/{number}-{word}\r\n"
    head += f"Content-Type: application/http\r\nContent-Length: {len(html)}\r\n\r\n"
    return gzip.compress(head.encode() + html + b"\r\n\r\n", mtime=0)


def write(folder: Path, words: list[str], *, own: str = "") -> Path:
    """Every second page is good; among the others, which trafilatura alone brings through, are those with the words;
    and one good page has each word, too."""
    folder.mkdir(parents=True)
    pages = [page(number, "", is_good=number % 2 == 0) for number in range(6)]
    for number, word in enumerate(words):
        pages.insert(2 * number + 1, page(10 + number, word, is_good=False))
        pages.append(page(20 + number, word, is_good=True))
    (folder / "a.warc.gz").write_bytes(b"".join(pages))
    (folder / "mine.py").write_text(POISON, encoding="utf-8")
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(FAULTY, encoding="utf-8")
    (folder / "union.toml").write_text(RECIPE.format(own=own), encoding="utf-8")
    return folder / "union.toml"


def finished(recipe: Path, out: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> curate.Run:
    monkeypatch.setenv("PYTHONPATH", f"{recipe.parent / 'site'}:{Path(curate.__file__).parents[1]}")
    command = [sys.executable, "-m", "curate", "run", recipe, "--out", out, "--workers", str(workers)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    run = curate.Run(out)
    assert list(differences(run)) == []
    return run


def digests(folder: Path) -> dict[str, str]:
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("timing.json", "report.html", ".lock")
    ]
    files = [path for path in files if "workers" not in path.parts and path.name != "kernels.lock"]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def fates(run: curate.Run) -> dict[str, tuple[str, str | None, str | None, str]]:
    rows = run.ledger().collect().iter_rows(named=True)
    return {
        row["url"].rpartition("/")[2]: (row["outcome"], row["step"], row["reason"], row["extractor"]) for row in rows
    }


def expected(words: dict[str, str], step: str) -> dict[str, tuple[str, str | None, str | None, str]]:
    told: dict[str, tuple[str, str | None, str | None, str]] = {
        f"{number}-": ("kept", None, None, "trafilatura" if number % 2 else "resiliparse") for number in range(6)
    }
    for number, (word, reason) in enumerate(words.items()):
        told[f"{10 + number}-{word}"] = ("quarantined", step, reason, "trafilatura")
        told[f"{20 + number}-{word}"] = ("kept", None, None, "resiliparse")
    return told


def test_what_breaks_the_second_extractor_is_quarantined_with_what_became_of_the_first_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write(tmp_path / "in", list(BREAKS))
    done = [finished(recipe, tmp_path / str(workers), workers, monkeypatch) for workers in (1, 2)]
    assert fates(done[0]) == fates(done[1]) == expected(BREAKS, "extract")
    for name in ("documents", "tokens"):  # the ledger has how much memory it was
        assert digests(done[0].folder / name) == digests(done[1].folder / name)
    (story,) = stories(done[0], "https://example.org/11-HANG")
    assert [(each.extractor, each.outcome, each.step) for each in story.versions] == [
        ("resiliparse", "dropped", "c4"),
        ("trafilatura", "quarantined", "extract"),
    ]
    assert story.value == "over 6 s of CPU time in extract (trafilatura)"


def test_one_that_raises_is_the_same_without_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write(tmp_path / "in", ["RAISE"])
    done = [finished(recipe, tmp_path / str(workers), workers, monkeypatch) for workers in (0, 1)]
    assert fates(done[0]) == expected({"RAISE": "exception"}, "extract")
    assert digests(done[0].folder) == digests(done[1].folder)
    value = done[0].ledger().filter(pl.col("outcome") == "quarantined").collect()["value"].item()
    assert value == "ValueError: a library's fault"


def test_a_step_that_breaks_on_the_second_text_alone_is_named_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write(tmp_path / "in", ["SEGFAULT"], own='"mine:poison",')
    done = finished(recipe, tmp_path / "run", 2, monkeypatch)
    told = expected({"SEGFAULT": "crash"}, "mine:poison")
    told["20-SEGFAULT"] = ("quarantined", "mine:poison", "crash", "resiliparse")  # its first text breaks it as well
    assert fates(done) == told


def test_a_worker_that_is_killed_in_the_second_extractor_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write(tmp_path / "in", ["KILL"])
    for name in ("killed", "quiet"):
        monkeypatch.setenv("CURATE_TEST_MARKER", str(tmp_path / "marker"))
        finished(recipe, tmp_path / name, 1, monkeypatch)
    assert (tmp_path / "marker").exists()
    assert digests(tmp_path / "killed") == digests(tmp_path / "quiet")


def test_the_account_of_time_names_both_extractors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = finished(write(tmp_path / "in", []), tmp_path / "run", 0, monkeypatch)
    timing = json.loads((done.folder / "timing.json").read_bytes())
    assert {"extract", "extract (trafilatura)"} <= timing["stages"]["filter"]["steps"].keys()
    assert timing["explained"] > 0.9
