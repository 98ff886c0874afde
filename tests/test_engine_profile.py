"""`curate run --profile`: samples weigh the CPU time that was spent, the picture is whole, and nothing else changes."""

from __future__ import annotations

import hashlib
import json
import signal
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.engine.flame import draw, shortened, tree_of
from curate.engine.posix import PosixStore
from curate.engine.profile import read_stacks, write_profile
from curate.engine.sampler import Sampler
from curate.report.verify import differences
from curate.run_files import FLAME, STACKS

NOVEL = Path(curate.__file__).parent / "recipes" / "quickstart" / "books" / "persuasion.txt"

RECIPE = """\
name = "profiled"
[[source]]
name = "docs"
read = "tables"
paths = ["docs.jsonl"]
steps = ["mine:slow", "gopher_repetition"]
[dedup]
[tokenize]
tokenizer = "bytes"
[limits]
document_seconds = 1
max_errors = 1.0
"""

SLOW = """\
import time
import curate

@curate.filter
def slow(document: curate.Document) -> bool:
    began = time.process_time()
    while time.process_time() - began < 0.02 or document.text.startswith("HANG"):
        pass
    if document.text.startswith("SLEEP"):
        time.sleep(3600)
    return True
"""


def spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def hash_long() -> bytes:
    """One call of native code, over several intervals of the sampler, that lets nobody in."""
    return hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 150_000)


def sampled(work: Callable[[], object]) -> tuple[dict[str, int], float]:
    """The stacks, and the CPU seconds that were spent meanwhile."""
    with Sampler() as sampler:
        began = time.process_time()
        work()
        spent = time.process_time() - began
    return sampler.folded(), spent


def test_the_weights_add_up_to_the_time_that_was_spent() -> None:
    stacks, spent = sampled(lambda: spin(0.3))
    assert sum(stacks.values()) >= spent * 1e6 - len(stacks)  # each is rounded
    in_spin = sum(weight for stack, weight in stacks.items() if ".spin" in stack)
    assert in_spin > 0.8 * sum(stacks.values())


def test_a_long_call_of_a_library_counts_in_full_on_its_line() -> None:
    stacks, spent = sampled(hash_long)
    on_the_line = sum(weight for stack, weight in stacks.items() if "pbkdf2_hmac" in stack.rpartition(";")[2])
    assert on_the_line > 0.5 * spent * 1e6


def test_nothing_is_left_of_it_behind_its_end() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGPROF, lambda number, frame: heard.append(number))
    try:
        sampled(lambda: spin(0.05))
        assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
        signal.raise_signal(signal.SIGPROF)
        assert heard == [signal.SIGPROF]
    finally:
        signal.signal(signal.SIGPROF, before)


def test_a_tree_has_every_weight_once_and_its_picture_every_name() -> None:
    folded = {"filter;a.read;line 1: x = 1": 30_000, "filter;a.read": 10_000, "mix": 60_000}
    tree = tree_of(folded)
    assert tree.weight == 100_000
    assert tree.callees["filter"].callees["a.read"].weight == 40_000
    picture = ET.fromstring(draw(folded, "what & where"))
    titles = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "all: 0.10 s, 100.0%",
        "filter: 0.04 s, 40.0%",
        "a.read: 0.04 s, 40.0%",
        "line 1: x = 1: 0.03 s, 30.0%",
        "mix: 0.06 s, 60.0%",
    ]


@pytest.mark.parametrize(("name", "width", "shown"), [("curate.steps.rows.frame", 80, "…rows.frame"), ("abc", 12, "")])
def test_a_name_is_cut_to_its_place(name: str, width: float, shown: str) -> None:
    assert shortened(name, width) == shown


def test_sessions_add_up_and_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    write_profile(store, {"filter": {"a;b": 5, "": 1}})
    write_profile(store, {"filter": {"a;b": 2}, "mix": {"c d": 3}})
    assert read_stacks(store) == {"filter": 1, "filter;a;b": 7, "mix;c d": 3}
    (tmp_path / STACKS).write_bytes(b"\xff no number\n")
    write_profile(store, {"mix": {"c": 3}})
    assert read_stacks(store) == {"mix;c": 3}


def write_recipe(folder: Path, texts: list[str]) -> Path:
    folder.mkdir()
    rows = [json.dumps({"text": text}) for text in texts]
    (folder / "docs.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (folder / "mine.py").write_text(SLOW, encoding="utf-8")
    (folder / "profiled.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "profiled.toml"


def paragraphs(count: int) -> list[str]:
    found = NOVEL.read_text(encoding="utf-8").split("\n\n")
    return [text for text in found if len(text) > 300][:count]


def contents(run: curate.Run) -> dict[str, bytes]:
    files = [path for path in run.folder.rglob("*") if path.is_file() and path.name not in ("timing.json", ".lock")]
    named = {path.relative_to(run.folder).as_posix(): path for path in files}
    return {name: path.read_bytes() for name, path in named.items() if name not in (STACKS, FLAME)}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_profiled_run_has_the_same_bytes_and_shows_ones_own_filter(tmp_path: Path, workers: int) -> None:
    recipe = write_recipe(tmp_path / "in", paragraphs(20))
    plain = curate.run(recipe, out=tmp_path / "plain", workers=workers)
    profiled = curate.run(recipe, out=tmp_path / "profiled", workers=workers, profile=True)
    assert contents(profiled) == contents(plain)
    assert not (plain.folder / "profile").exists()
    assert list(differences(profiled)) == []
    stacks = read_stacks(profiled.store)
    assert any(".slow;line " in stack for stack in stacks)
    assert {stack.partition(";")[0] for stack in stacks} >= ({"supervisor", "filter"} if workers else {"supervisor"})
    assert ET.fromstring((profiled.folder / FLAME).read_text(encoding="utf-8")).tag.endswith("svg")


def test_documents_that_hang_are_found_all_the_same(tmp_path: Path) -> None:
    texts = paragraphs(12)
    texts[3], texts[7] = f"HANG {texts[3]}", f"SLEEP {texts[7]}"
    run = curate.run(write_recipe(tmp_path / "in", texts), out=tmp_path / "run", workers=1, profile=True)
    lost = run.ledger().filter(pl.col("outcome") == "quarantined").select("step", "reason").collect()
    assert lost.rows() == [("mine:slow", "timeout")] * 2
    assert read_stacks(run.store)
