"""A plan on disk: any plan comes back as it was, each split alone, too; and no flipped bit goes unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.engine.plan import FileRange, InputFile, Plan, PlannedSplits, Split, check_plan, key_of, make_splits
from curate.engine.plan_file import check_splits, read_plan, write_plan
from curate.engine.posix import PosixStore
from curate.errors import CheckFailed, RunConflict
from curate.recipe import OwnColumn
from curate.run_files import PLAN, SPLIT_ENDS, SPLITS

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
FILES = st.builds(InputFile, NAMES, NAMES, st.integers(0, 1 << 50), st.text("0123456789", max_size=19))
RANGES = st.lists(st.builds(FileRange, FILES, st.integers(0, 1 << 50), st.integers(0, 1 << 50)), max_size=3)
SOURCES = st.dictionaries(st.sampled_from(["web", "my-books", "code", "a-00001"]), st.lists(RANGES, max_size=4))


def splits_of(sources: dict[str, list[list[FileRange]]]) -> PlannedSplits:
    return PlannedSplits(
        Split(key_of(source, number), source, number, tuple(ranges), number * 7)
        for source, several in sources.items()
        for number, ranges in enumerate(several)
    )


@settings(deadline=None, max_examples=100)
@given(SOURCES, st.lists(st.tuples(NAMES, NAMES), max_size=3), NAMES)
def test_a_plan_comes_back_from_its_files_as_it_was(
    sources: dict[str, list[list[FileRange]]], files: list[tuple[str, str]], base: str
) -> None:
    columns = (("web", (OwnColumn("score", "score", "number"),)),)
    planned = Plan(
        "r", "v", base, splits_of(sources), tuple(files), "f", columns, (("id", "String"),), (("n", "Int8"),)
    )
    with TemporaryDirectory() as folder:
        store = PosixStore(Path(folder))
        write_plan(store, planned)
        found = read_plan(store)
        assert found is not None
        check_splits(store)
        assert replace(found, splits=planned.splits) == planned
        assert list(found.splits) == list(planned.splits)
        assert list(found.splits.keys()) == [split.key for split in planned.splits]
        assert all(found.split(split.key) == split for split in planned.splits)
        assert all(list(found.of(source)) == list(planned.of(source)) for source in (*sources, "other"))
        assert found.inputs() == planned.inputs()
        check_plan(planned, found, store.root)


def small_plan(folder: Path) -> PosixStore:
    file = InputFile("a.txt", "/data/a.txt", 10, "1")
    splits = splits_of({"web": [[FileRange(file, 0, 5)], [FileRange(file, 5, 10)]]})
    store = PosixStore(folder)
    write_plan(store, Plan("r", "v", "/base", splits))
    return store


@pytest.mark.parametrize("name", [PLAN, SPLITS, SPLIT_ENDS])
def test_a_flipped_bit_anywhere_in_its_files_is_seen_by_the_one_who_hands_out_tasks(tmp_path: Path, name: str) -> None:
    store = small_plan(tmp_path)
    content = (tmp_path / name).read_bytes()
    for at in range(len(content)):
        (tmp_path / name).write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        with pytest.raises(CheckFailed, match="damaged"):
            check_splits(store)
    (tmp_path / name).write_bytes(content[:-1])
    with pytest.raises(CheckFailed, match="damaged"):
        check_splits(store)


@pytest.mark.parametrize("name", [SPLITS, SPLIT_ENDS])
def test_who_reads_a_split_and_finds_it_damaged_names_the_file_that_is(tmp_path: Path, name: str) -> None:
    store = small_plan(tmp_path)
    content, whole = (tmp_path / name).read_bytes(), list(read_plan(store).splits)  # type: ignore[union-attr]
    harmless, told = 0, []
    for at in range(len(content)):
        (tmp_path / name).write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        plan = read_plan(store)
        assert plan is not None
        try:
            assert list(plan.splits) == whole  # an end behind the last line's cuts nothing off
            harmless += 1
        except CheckFailed as error:
            told.append(str(error))
    assert harmless <= 8
    assert all(name in sentence for sentence in told)


def test_no_plan_is_none_and_lost_splits_are_named(tmp_path: Path) -> None:
    assert read_plan(PosixStore(tmp_path / "empty")) is None
    store = small_plan(tmp_path)
    (tmp_path / SPLITS).unlink()
    with pytest.raises(CheckFailed, match=SPLITS):
        check_splits(store)


@settings(deadline=None)
@given(st.lists(st.integers(0, 400), max_size=30), st.integers(1, 300))
def test_splits_hold_every_range_once_in_order_and_are_no_larger_than_they_must(sizes: list[int], target: int) -> None:
    files = [InputFile(f"{number:03}", f"/{number:03}", size, "") for number, size in enumerate(sizes)]

    def cut(file: InputFile, target: int) -> list[tuple[int, int]]:
        count = max(-(-file.size // target), 1)
        return [(file.size * part // count, file.size * (part + 1) // count) for part in range(count)]

    splits = make_splits("web", files, cut, target)
    ranges = [(piece.file.name, piece.start, piece.end) for split in splits for piece in split.ranges]
    assert ranges == [(file.name, *bounds) for file in files for bounds in cut(file, target)]
    assert [split.key for split in splits] == [key_of("web", number) for number in range(len(splits))]
    assert all(len(split.ranges) == 1 or split.size <= target for split in splits)


def test_what_changed_since_the_plan_is_said_by_name_and_number(tmp_path: Path) -> None:
    def plan(*versions: str) -> Plan:
        files = [InputFile(f"{number}.txt", f"/{number}.txt", 1, version) for number, version in enumerate(versions)]
        return Plan("r", "v", "/", splits_of({"web": [[FileRange(file, 0, 1)] for file in files if file.version]}))

    before = plan("1", "1", "1")
    for after, told in (
        (plan("1", "2", "1"), r"1 changed \(web/1\.txt\)"),
        (plan("1", "", "1"), r"1 gone \(web/1\.txt\)"),
        (plan("1", "1", "1", "1"), r"1 new \(web/3\.txt\)"),
        (plan("2", "", "1", "1"), r"1 gone \(web/1\.txt\), 1 new \(web/3\.txt\), 1 changed \(web/0\.txt\)"),
    ):
        with pytest.raises(RunConflict, match=told):
            check_plan(before, after, tmp_path)
    with pytest.raises(RunConflict, match="another list, another model"):
        check_plan(replace(before, files=(("list", "1"),)), replace(before, files=(("model", "1"),)), tmp_path)
    with pytest.raises(RunConflict, match="begun with curate v, this is w"):
        check_plan(before, replace(before, version="w"), tmp_path)
