"""Folders and patterns against what the standard library finds."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.engine.files import find_inputs
from curate.engine.folders import local_files
from curate.engine.patterns import (
    glob_to_regex,
    marked_at_common_folder,
    name_below,
    shown,
    split_at_mark,
    take_apart,
)
from curate.errors import UsageError

PARTS = st.sampled_from(["a", "b.gz", "ab", "a b", "é", "[x]", "b.g"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
PATTERNS = st.lists(st.sampled_from(["*", "?", "a*", "*.gz", "[ab]*", "[!a]*", "**", "é"]), min_size=1, max_size=3)


def make(root: Path, paths: list[str]) -> None:
    for path in paths:
        place = root / path
        if not any(parent.is_file() for parent in place.parents) and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(path)


def standard_glob(root: Path, pattern: str) -> set[str]:
    """Files alone; `**` matches folders at any depth, and at an end all files below. Of a file "a" the library's "a/**"
    finds "a/", as if it were a folder."""
    found = glob.glob(pattern, root_dir=root, recursive=True, include_hidden=True)
    return {path for path in found if (root / path).is_file() and not path.endswith("/")}


@settings(deadline=None, max_examples=100)
@given(st.lists(PATHS, max_size=8), PATTERNS.map("/".join))
def test_a_pattern_finds_what_the_standard_library_finds(paths: list[str], pattern: str) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        make(root, paths)
        top, depth, matcher = take_apart(f"{root}/{pattern}")
        found = {found.path for found in local_files(top, depth) if matcher.fullmatch(found.path)}
        assert {os.path.relpath(path, root) for path in found} == standard_glob(root, pattern)


@settings(deadline=None, max_examples=60)
@given(st.lists(PATHS, max_size=8), st.none() | st.integers(0, 3))
def test_all_files_of_a_folder_are_found_down_to_a_depth_with_size_and_time(
    paths: list[str], depth: int | None
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        make(root, paths)
        found = sorted(local_files(str(root), depth))
        wanted = [path for path in sorted(root.rglob("*")) if path.is_file()]
        wanted = [path for path in wanted if depth is None or len(path.relative_to(root).parts) <= depth + 1]
        assert [found.path for found in found] == sorted(map(str, wanted))
        for file in found:
            facts = os.stat(file.path)
            assert (file.size, file.version) == (facts.st_size, str(facts.st_mtime_ns))


def test_links_are_followed_but_never_round_in_a_circle(tmp_path: Path) -> None:
    make(tmp_path, ["a/one.txt", "b/two.txt"])
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "beside").symlink_to(tmp_path / "b")
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    (tmp_path / "a" / "nowhere").symlink_to(tmp_path / "gone")
    names = sorted(os.path.relpath(found.path, tmp_path) for found in local_files(str(tmp_path / "a"), None))
    assert names == ["a/beside/two.txt", "a/one.txt", "a/up/b/two.txt"]


def test_places_without_data_and_the_whole_machine_are_refused() -> None:
    for path, told in (("/proc", "part of the system"), ("/sys/kernel", "part of the system"), ("/", "whole machine")):
        with pytest.raises(UsageError, match=told):
            list(local_files(path, None))
    assert not list(local_files("/no/such/place", None))


@settings(deadline=None)
@given(st.text("ab*?[]!-/.", max_size=10), st.text("ab/-.!", max_size=10))
def test_a_pattern_without_folders_at_any_depth_never_crosses_one(pattern: str, path: str) -> None:
    if "**" in pattern or "[" in pattern:  # a set may name the slash itself
        return
    if re.fullmatch(glob_to_regex(pattern), path):
        assert path.count("/") == pattern.count("/")


@settings(deadline=None)
@given(PATHS, PATHS)
def test_a_mark_gives_two_files_of_one_name_different_ones(one: str, other: str) -> None:
    paths = [f"/data/{one}/x.txt", f"/data/{other}/x.txt"]
    if paths[0] == paths[1]:
        return
    names = []
    for path, against in (paths, reversed(paths)):
        plain, top = split_at_mark(marked_at_common_folder(path, against), is_path=True)
        assert plain == path
        names.append(name_below(plain, plain, top))
    assert names[0] != names[1]


def test_what_is_advised_for_two_files_of_one_name_works_also_where_a_folder_has_brackets(tmp_path: Path) -> None:
    make(tmp_path, ["[x]/a/x.txt", "[x]/b/x.txt"])
    paths = [f"{tmp_path}/[x]/{folder}/x.txt" for folder in "ab"]
    with pytest.raises(UsageError, match="would both be called"):
        find_inputs(paths, base=tmp_path)
    marked = [marked_at_common_folder(*paths), marked_at_common_folder(*reversed(paths))]
    assert [file.name for file in find_inputs(marked, base=tmp_path)] == ["a/x.txt", "b/x.txt"]


def test_long_paths_are_shown_with_their_length() -> None:
    assert shown("a" * 200) == "a" * 200
    assert shown("a" * 3000).endswith("… (3,000 characters)")
