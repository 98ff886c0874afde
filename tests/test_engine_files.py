"""Where inputs are found: literal names before patterns, bounded searches, stores that do not answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.engine.files import find_inputs, read_version
from curate.engine.patterns import marked_at_common_folder, name_below, split_at_mark
from curate.errors import UsageError


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("a.txt", "b[1].txt", "sub/c.txt", "sub/deep/d.txt", "sub/e.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def names(base: Path, *patterns: str) -> list[str]:
    return [os.path.relpath(file.uri, base) for file in find_inputs(patterns, base=base)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("*.txt", ["a.txt", "b[1].txt"]),
        ("b[1].txt", ["b[1].txt"]),
        ("[ab]*.txt", ["a.txt", "b[1].txt"]),
        ("[!a]*.txt", ["b[1].txt"]),
        ("s?b/*", ["sub/c.txt", "sub/e.gz"]),
        ("**/*.txt", ["a.txt", "b[1].txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("**/**/**/**/**/**/**/**/**/**/d*", ["sub/deep/d.txt"]),
        ("sub", ["sub/c.txt", "sub/deep/d.txt", "sub/e.gz"]),
        ("*/deep/*", ["sub/deep/d.txt"]),
        ("./sub/../a.txt", ["a.txt"]),
    ],
)
def test_patterns_find_what_a_shell_would(base: Path, pattern: str, found: list[str]) -> None:
    assert names(base, pattern) == found


def called(base: Path, *patterns: str) -> list[str]:
    return [file.name for file in find_inputs(patterns, base=base)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("sub/c.txt", ["c.txt"]),
        ("{base}/sub/c.txt", ["c.txt"]),
        ("./sub/c.txt", ["c.txt"]),
        ("sub", ["c.txt", "deep/d.txt", "e.gz"]),
        ("sub/", ["c.txt", "deep/d.txt", "e.gz"]),
        ("s*/*.txt", ["sub/c.txt"]),
        ("sub/*.txt", ["c.txt"]),
        ("sub/**/*.txt", ["c.txt", "deep/d.txt"]),
        ("**/d.txt", ["sub/deep/d.txt"]),
        ("sub/d*p/d.txt", ["deep/d.txt"]),
        ("b[1].txt", ["b[1].txt"]),
        ("./sub/deep/.", ["d.txt"]),
        ("sub/./deep/d.txt", ["deep/d.txt"]),
        ("sub/./deep/*.txt", ["deep/d.txt"]),
        ("sub/./deep", ["deep/d.txt"]),
        ("././sub/deep/d.txt", ["sub/deep/d.txt"]),
        ("sub/./../a.txt", ["a.txt"]),
        ("s*/./deep/d.txt", ["sub/deep/d.txt"]),
        ("file://{base}/sub/deep/d.txt", ["d.txt"]),
        ("file://{base}/sub", ["c.txt", "deep/d.txt", "e.gz"]),
        ("file://{base}/s*/*.txt", ["sub/c.txt"]),
        ("file://{base}/./sub/*.txt", ["sub/c.txt"]),
    ],
)
def test_an_input_is_called_by_its_path_below_the_fixed_part_of_its_pattern(
    base: Path, pattern: str, found: list[str]
) -> None:
    assert called(base, pattern.format(base=base)) == found


@pytest.mark.parametrize("pattern", ["s*/c.txt", "sub", "**/c.txt", "sub/./c.txt", "file://{base}/s*/*.txt"])
def test_a_name_is_the_same_whatever_else_matches(base: Path, pattern: str) -> None:
    def name_of_c() -> str:
        [name] = [each.name for each in find_inputs([pattern.format(base=base)], base=base) if "sub/c" in each.uri]
        return name

    before = name_of_c()
    for more in ("sibling/c.txt", "sub/f/c.txt", "sub/deep/er/c.txt"):
        (base / more).parent.mkdir(parents=True)
        (base / more).write_text(more)
    assert name_of_c() == before


def test_a_file_of_two_patterns_is_read_once_and_named_by_the_first(base: Path) -> None:
    assert called(base, "sub/deep", "sub", "**/d.txt") == ["c.txt", "d.txt", "e.gz"]
    assert called(base, "sub", "sub/deep") == ["c.txt", "deep/d.txt", "e.gz"]


def test_two_files_of_one_name_are_told_apart_by_whoever_wrote_the_patterns(base: Path) -> None:
    (base / "other" / "deep").mkdir(parents=True)
    (base / "other" / "deep" / "d.txt").write_text("another")
    with pytest.raises(UsageError, match=r'other/deep/d.txt and .*sub/deep/d.txt would both be called "d.txt"') as told:
        find_inputs(["sub/deep/*", "other/deep/d.txt"], base=base)
    assert f'"{base}/./other/deep/d.txt"' in str(told.value)
    assert called(base, "./././sub/deep/*", f"{base}/./other/deep/d.txt") == ["other/deep/d.txt", "sub/deep/d.txt"]
    (base / "list.txt").write_text("sub/./deep/d.txt\nother/deep/d.txt\n")
    assert called(base, "@list.txt") == ["d.txt", "deep/d.txt"]


def test_a_mark_tells_buckets_apart() -> None:
    marked = marked_at_common_folder("s3://one/x.gz", "s3://other/x.gz")
    assert marked == "s3://./one/x.gz"
    uri, top = split_at_mark(marked)
    assert uri == "s3://one/x.gz"
    assert name_below(uri, uri, top) == "one/x.gz"


def test_a_link_to_a_folder_above_is_followed_once(base: Path) -> None:
    (base / "sub" / "up").symlink_to("..")
    (base / "linked").symlink_to("sub/deep")
    (base / "itself").symlink_to("itself")
    assert names(base, "**/*.txt") == ["a.txt", "b[1].txt", "linked/d.txt", "sub/c.txt", "sub/deep/d.txt"]


def test_the_version_of_a_file_is_the_same_however_it_is_asked_for(base: Path) -> None:
    (file,) = find_inputs(["a.txt"], base=base)
    assert read_version(file.uri) == (file.size, file.version)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("/**/*.jsonl", "whole machine"),
        ("/", "whole machine"),
        ("/proc/*/maps", "part of the system"),
        ("/proc/self/environ", "part of the system"),
        ("/dev/zero", "part of the system"),
        ("/sys/**", "part of the system"),
        ("x\0y", "NUL"),
        ("x" * 5000, "too long"),
        ("y/" * 2500 + "*", "no file matches|too long"),
        ("@" + "z" * 5000, "too long"),
        ("@missing.txt", "list of paths"),
        ("@sub", "list of paths"),
        ("nothing*", "no file matches"),
        ("a.txt/b", "no file matches"),
        ("[z-a]*", "no file matches|no pattern"),
        ("[a", "no file matches"),
        ("ftp://host/x", "cannot read"),
        ("s3://a b/x", "bucket"),
        ("s3://", "bucket"),
        ("http://host/x*", "cannot read"),
        ("nonsense://", "cannot read"),
    ],
    ids=lambda value: value[:14],
)
def test_a_pattern_that_can_find_nothing_is_one_sentence(base: Path, pattern: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as error:
        find_inputs([pattern], base=base)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


def test_no_pattern_at_all_is_said(base: Path) -> None:
    (base / "empty.txt").write_text("# nothing\n\n")
    with pytest.raises(UsageError, match="no path is given"):
        find_inputs(["@empty.txt"], base=base)


def test_a_pipe_is_no_file(base: Path) -> None:
    os.mkfifo(base / "pipe")
    with pytest.raises(UsageError, match="no file matches"):
        find_inputs(["pipe"], base=base)


@pytest.mark.parametrize("path", ["s3://bucket/crawl/*.gz", "s3://bucket/one.gz"])
def test_a_store_that_does_not_answer_is_one_line_within_seconds(tmp_path: Path, path: str) -> None:
    (tmp_path / "recipe.toml").write_text(
        f'name = "far"\n\n[[source]]\nname = "web"\nread = "warc"\npaths = ["{path}"]\n'
    )
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    environment = os.environ | nowhere | {"AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "curate", "plan", "recipe.toml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith('curate: recipe.toml:3: source "web": ')
    assert done.stderr.count("\n") == 1
