"""The run's folder: commits that are whole or nothing, what killed attempts leave, the lock, the plan."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from curate.engine.clock import Clock
from curate.engine.files import find_inputs, open_input
from curate.engine.ledger import add_counts, check_account, count_outcomes, write_table
from curate.engine.machine import machine_error
from curate.engine.outputs import Origin, Outputs
from curate.engine.plan import InputFile, Plan, PlannedSplits, check_plan, make_splits
from curate.engine.plan_file import check_splits, read_plan, write_plan
from curate.engine.posix import PosixStore
from curate.engine.records import check_there, commit, committed, intact, keys_done, read_done
from curate.engine.sealed import read_sealed, sealed_bytes
from curate.engine.stores import open_store
from curate.errors import CheckFailed, MachineError, RottenFile, RunConflict, RunLocked, UsageError


def put(run: Path, stage: str, key: str, name: str, content: str) -> None:
    store = PosixStore(run)
    outputs = Outputs(store.workspace(f"{stage}.{key}"))
    outputs.write(name, content.encode())
    commit(store, stage, key, outputs, {"read": 1})


def test_a_commit_puts_files_at_their_names_and_records_their_digests(tmp_path: Path) -> None:
    put(tmp_path, "filter", "web-00000", "ledger/web/00000.txt", "hello")
    assert (tmp_path / "ledger/web/00000.txt").read_text() == "hello"
    (done,) = read_done(PosixStore(tmp_path), "filter")
    assert done.outputs == {"ledger/web/00000.txt": {"size": 5, "sha256": hashlib.sha256(b"hello").hexdigest()}}
    assert done.counts == {"read": 1}
    assert not list((tmp_path / "work" / "tmp").iterdir())


def test_a_table_is_hashed_while_it_is_written(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    outputs.table("a.parquet", pl.DataFrame({"text": ["one", "two"] * 10_000}))
    content = (tmp_path / "a.parquet").read_bytes()
    assert outputs.entries["a.parquet"] == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_table(pl.DataFrame({"text": ["one", "two"] * 10_000}), tmp_path / "b.parquet")
    assert (tmp_path / "b.parquet").read_bytes() == content


def test_a_second_name_has_the_committed_content_or_the_first_is_named(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    put(tmp_path, "tokenize", "a", "work/tokens/a.bin", "tokens")
    entry = committed(store, "tokenize", "a").outputs["work/tokens/a.bin"]
    outputs = Outputs(store.workspace("shards.a"))
    outputs.repeat("tokens/a.bin", Origin("tokenize", "a", "work/tokens/a.bin"), entry)
    commit(store, "shards", "a", outputs, {})
    assert intact(store, "shards", "a", "tokens/a.bin").read_text() == "tokens"
    (tmp_path / "work/tokens/a.bin").write_text("tokemz")
    with pytest.raises(RottenFile, match=r"work/tokens/a\.bin is damaged: it is not as tokenize of a wrote it"):
        commit(store, "shards", "a", outputs, {})


def test_what_killed_processes_leave_behind_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    put(tmp_path, "filter", "a", "ledger/web/00000.txt", "kept")
    store.workspace("filter.b")
    part = tmp_path / "done" / "filter" / "b.json.99.part"
    part.write_text("{")
    (tmp_path / "recipe.toml.12.part").write_text("")
    store.tidy()
    kept = ["done/filter/a.json", "ledger/web/00000.txt"]
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == kept
    assert not (tmp_path / "work" / "tmp").exists()


def test_a_store_opens_by_its_address(tmp_path: Path) -> None:
    assert open_store(PosixStore(tmp_path).address) == PosixStore(tmp_path)


def test_a_second_process_is_told_that_the_folder_is_held(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from curate.engine.posix import PosixStore
from curate.errors import RunLocked
try:
    with PosixStore(Path({str(tmp_path)!r})).lock(): print("got it")
except RunLocked: print("held")
"""
    store = PosixStore(tmp_path)
    with store.lock():
        held = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    free = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (held.stdout.strip(), free.stdout.strip()) == ("held", "got it")
    with store.lock(), pytest.raises(RunLocked), store.lock():
        pass


def test_the_machines_errors_are_told_from_ours() -> None:
    assert isinstance(machine_error(OSError(errno.ENOSPC, "full", "x"), "y"), MachineError)
    assert machine_error(OSError(errno.ENOENT, "no such file"), "y") is None


FILES = tuple(
    InputFile(f"{name}.jsonl", f"/data/{name}.jsonl", size, "1")
    for name, size in zip("abcde", (10, 20, 100, 5, 5), strict=True)
)


def cut_in_fifties(file: InputFile, target: int) -> list[tuple[int, int]]:
    return [(start, min(start + 50, file.size)) for start in range(0, file.size, 50)]


def test_large_files_are_cut_and_small_ones_gathered_in_the_order_of_names() -> None:
    splits = make_splits("web", FILES, cut_in_fifties, 50)
    pieces = [[(piece.file.name[0], piece.start, piece.end) for piece in split.ranges] for split in splits]
    assert pieces == [[("a", 0, 10), ("b", 0, 20)], [("c", 0, 50)], [("c", 50, 100)], [("d", 0, 5), ("e", 0, 5)]]
    assert [split.key for split in splits] == ["web-00000", "web-00001", "web-00002", "web-00003"]


def test_a_plan_survives_its_file_and_refuses_other_inputs(tmp_path: Path) -> None:
    plan = Plan("digest", "0.1.0", "/data", make_splits("web", FILES, cut_in_fifties, 50))
    store = PosixStore(tmp_path)
    write_plan(store, plan)
    stored = read_plan(store)
    assert stored is not None
    assert list(stored.splits) == list(plan.splits)
    assert list(stored.splits.keys()) == list(plan.splits.keys())
    assert [stored.split(split.key) for split in plan.splits] == list(plan.splits)
    assert replace(stored, splits=plan.splits) == plan
    check_splits(store)
    check_plan(stored, plan, tmp_path)
    changed = (*FILES[:-1], InputFile("e.jsonl", "/data/e.jsonl", 5, "2"))
    other = Plan("digest", "0.1.0", "/data", make_splits("web", changed, cut_in_fifties, 50))
    with pytest.raises(RunConflict, match=r"1 changed \(web/e.jsonl\)"):
        check_plan(plan, other, tmp_path)
    with pytest.raises(RunConflict, match="another recipe"):
        check_plan(plan, Plan("other", "0.1.0", "/data", plan.splits), tmp_path)


def test_inputs_are_found_by_glob_folder_and_list_each_once(tmp_path: Path) -> None:
    for name in ("a/x.txt", "a/y.gz", "a/deep/er/x.txt", "b/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "list.txt").write_text("# two\na/*.gz\n\nb\n")

    def names(*patterns: str) -> list[str]:
        return [file.name for file in find_inputs(patterns, base=tmp_path)]

    assert names("a/*.txt") == ["x.txt"]
    assert names("a/**/*.txt") == ["deep/er/x.txt", "x.txt"]
    assert names("a", "a/x.txt") == ["deep/er/x.txt", "x.txt", "y.gz"]
    assert names("@list.txt") == ["x.txt", "y.gz"]
    assert names("[ab]/x.txt") == ["a/x.txt", "b/x.txt"]
    with pytest.raises(UsageError, match=r'no file matches "c/\*"'):
        names("c/*")
    with open_input(str(tmp_path / "a" / "x.txt")) as file:
        assert file.read() == b"a/x.txt"


def test_counts_close_or_the_commit_is_refused() -> None:
    ledger = pl.DataFrame(
        {
            "outcome": ["kept", "dropped", "dropped", "quarantined"],
            "step": [None, "url", "read", "read"],
            "reason": [None, "words", "http_status", "corrupt"],
            "byte_count": [10, 5, None, None],
        }
    )
    counts = count_outcomes(ledger, ["url"])
    assert counts["steps"] == {
        "dropped/read/http_status": [1, 0],
        "dropped/url/words": [1, 5],
        "quarantined/read/corrupt": [1, 0],
    }
    check_account(counts, "here")
    total: dict[str, object] = {}
    add_counts(total, counts)
    add_counts(total, counts)
    assert total["read"] == 8
    with pytest.raises(CheckFailed, match="does not close"):
        check_account(counts | {"read": 5}, "here")


def test_nested_steps_share_out_the_time_without_loss() -> None:
    clock = Clock()
    with clock("outer"):
        sum(range(200_000))
        with clock("inner"):
            sum(range(200_000))
    seconds = clock.seconds()
    assert set(seconds) == {"outer", "inner"}
    assert all(wall > 0 and cpu > 0 for wall, cpu in seconds.values())


def test_one_flipped_bit_of_a_sealed_file_is_seen_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(sealed_bytes({"recipe": "ab", "sizes": [1, 2.5, None], "naïve": {"a": True}}))
    whole = path.read_bytes()
    assert read_sealed(path) == {"recipe": "ab", "sizes": [1, 2.5, None], "naïve": {"a": True}}
    for place in range(len(whole)):
        for bit in (0, 3, 5):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            with pytest.raises(CheckFailed, match=r"plan\.json is damaged"):
                read_sealed(path)


def test_a_bit_that_flips_in_the_table_of_splits_is_seen_by_whoever_reads_its_line(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    sources = [make_splits(name, FILES, cut_in_fifties, 50) for name in ("web", "books")]
    write_plan(store, Plan("digest", "0.1.0", "/data", PlannedSplits([*sources[0], *sources[1]])))
    for name in ("splits.jsonl", "splits.ends"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:9] + bytes([whole[9] ^ 1]) + whole[10:])
        with pytest.raises(CheckFailed, match=name):
            check_splits(store)
        with pytest.raises(CheckFailed, match="damaged"):
            list(read_plan(store).splits)  # type: ignore[union-attr]
        (tmp_path / name).write_bytes(whole)
    assert read_plan(store).split("books-00002") == sources[1][2]  # type: ignore[union-attr]


def test_a_file_that_changed_after_its_commit_is_not_read(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    put(tmp_path, "filter", "a", "work/filter/a.txt", "hello")
    path = intact(store, "filter", "a", "work/filter/a.txt")
    assert path.read_text() == "hello"
    path.write_text("hallo")
    with pytest.raises(RottenFile, match=r"work/filter/a\.txt is damaged: it is not as filter of a wrote it"):
        intact(store, "filter", "a", "work/filter/a.txt")
    with pytest.raises(RottenFile):
        intact(store, "filter", "b", "work/filter/b.txt")


def test_a_damaged_record_says_nothing_and_is_named_by_whoever_builds_on_it(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    put(tmp_path, "filter", "a", "work/filter/a.txt", "hello")
    record = tmp_path / "done" / "filter" / "a.json"
    record.write_bytes(record.read_bytes().replace(b"hello", b"hallo").replace(b'"read": 1', b'"read": 3'))
    assert keys_done(store, "filter") == {"a"}
    assert list(read_done(store, "filter")) == []
    with pytest.raises(RottenFile, match=r"done/filter/a\.json is damaged"):
        committed(store, "filter", "a")


def test_a_file_that_is_gone_or_short_is_named_before_the_end(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    put(tmp_path, "tokenize", "a", "documents/a.txt", "hello")
    done = committed(store, "tokenize", "a")
    check_there(store, done)
    (tmp_path / "documents/a.txt").write_text("hell")
    with pytest.raises(RottenFile, match=r"documents/a\.txt"):
        check_there(store, done)


def test_a_range_of_a_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    store = PosixStore(tmp_path)
    store.write("a/b", bytes(range(100)))
    assert store.read_range("a/b", 10, 13) == bytes([10, 11, 12])
    assert store.read_range("a/b", 98, 200) == bytes([98, 99])
    with pytest.raises(FileNotFoundError):
        store.read_range("a/c", 0, 1)
