"""curate.text.kernel_cache: a kernel is loaded while all sources of kernels are as they were, and else made anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curate.text import compiled, compiling, kernel_cache, numba_code
from curate.text.kernel_cache import digest_of_sources

KERNEL = """
from curate.text.compiled import kernel
from curate.text.constant import constant

@kernel
def answer(number):
    return number + constant()
"""
INNER = """
from curate.text.compiled import inner

@inner
def constant():
    return {number}
"""
PROGRAM = "from curate.text.answer import answer; print(answer(1), sum(answer.made.stats.cache_hits.values()))"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """What `curate` needs for a kernel of one file that calls an inner function of another."""
    text = tmp_path / "curate" / "text"
    text.mkdir(parents=True)
    for module in (compiled, compiling, kernel_cache, numba_code):
        shutil.copy(str(module.__file__), text)
    (tmp_path / "curate" / "__init__.py").touch()
    (text / "answer.py").write_text(KERNEL, encoding="utf-8")
    (text / "constant.py").write_text(INNER.format(number=1), encoding="utf-8")
    return tmp_path / "curate"


ASK = "from curate.text.answer import answer; from curate.text.compiled import is_compiled; print(is_compiled(answer))"


def run(package: Path, cache: Path | None = None) -> list[int]:
    """The kernel's answer in a process of its own, and how many compiled forms were loaded from disk for it."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache or package), "PYTHONPATH": str(package.parent)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=package.parent, env=environment, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_a_kernel_is_new_once_the_file_of_its_inner_function_has_changed(package: Path) -> None:
    assert run(package) == [2, 0]
    assert run(package) == [2, 1]
    (package / "text" / "constant.py").write_text(INNER.format(number=41), encoding="utf-8")
    assert run(package) == [42, 0]
    assert run(package) == [42, 1]
    assert len([*package.rglob("*.nbi")]) == 1, "the kernel of the older sources is deleted"
    assert len([*package.rglob("*.nbc")]) == 1


def test_whether_a_kernel_is_compiled_is_known_before_it_is_called(package: Path) -> None:
    def is_compiled() -> str:
        environment = os.environ | {"PYTHONPATH": str(package.parent)}
        environment.pop("NUMBA_CACHE_DIR", None)
        command = [sys.executable, "-c", ASK]
        return subprocess.run(command, cwd=package.parent, env=environment, capture_output=True, text=True).stdout

    assert is_compiled() == "False\n"
    run(package)
    assert is_compiled() == "True\n"
    (package / "text" / "constant.py").write_text(INNER.format(number=2), encoding="utf-8")
    assert is_compiled() == "False\n"


def test_a_kernel_of_a_package_that_cannot_be_written_to_is_kept_in_the_folder_of_the_user(
    package: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    (package / "text" / "__pycache__").write_text("", encoding="utf-8")  # holds for root as well, unlike a mode
    assert run(package, cache) == [2, 0]
    assert run(package, cache) == [2, 1]
    assert [*cache.rglob("*.nbi")]
    assert not [*package.rglob("*.nbi")]


def test_the_digest_changes_with_names_and_contents_of_kernel_sources_alone(package: Path) -> None:
    first = digest_of_sources(package)
    (package / "text" / "other.py").write_text("ONE = 1", encoding="utf-8")
    assert digest_of_sources(package) == first, "no source of kernels"

    source = package / "text" / "constant.py"
    source.write_text(INNER.format(number=2), encoding="utf-8")
    second = digest_of_sources(package)
    source.rename(source.with_name("renamed.py"))
    assert len({first, second, digest_of_sources(package)}) == 3
