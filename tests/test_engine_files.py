"""Where inputs are found: literal names before patterns, bounded searches, stores that do not answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.engine.files import find_inputs, read_version
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
