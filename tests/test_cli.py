"""The command line itself: whatever the user does wrong, or the machine, is one line and the right exit code."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from curate.cli import main
from curate.commands.table import COMMANDS
from curate.errors import RunConflict
from curate.faults import explain

PROSE = "It was the best of times, it was the worst of times, and we had everything before us. " * 4
RECIPE = """
name = "places"
[tokenize]
tokenizer = "bytes"
[[source]]
name = "notes"
read = "tables"
paths = ["notes.jsonl"]
"""

Answer = tuple[int, list[str]]


@pytest.fixture
def curate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Answer]:
    """A command in a folder with odd places: its exit code, and the lines of stderr."""
    monkeypatch.chdir(tmp_path)
    rows = [json.dumps({"id": f"n{number}", "text": f"{PROSE}{number}"}) for number in range(5)]
    Path("notes.jsonl").write_text("\n".join(rows) + "\n")
    Path("recipe.toml").write_text(RECIPE)
    Path("file").write_text("no folder")
    Path("folder/full").mkdir(parents=True)
    Path("folder/full/x").write_text("x")
    Path("loop").symlink_to("loop")

    def call(*words: str) -> Answer:
        with pytest.raises(SystemExit) as ended:
            main(words)
        return int(ended.value.code or 0), capsys.readouterr().err.splitlines()

    return call


NO_FILES = [
    "file/x",
    "file/x/y",
    "missing/x",
    "folder",
    "a" * 300,
    "a/" * 2500 + "x",
    "loop/x",
    "",
    "/proc/x",
    "/sys/x",
]
NO_FOLDERS = ["file/x", "folder", "a" * 300, "a/" * 2500 + "x", "loop/x", "loop", "", "/proc/x", "file", "/dev/full"]
MISSING = ["file/x", "missing/x", "folder", "a" * 300, "a/" * 2500 + "x", "loop", "", "/proc/x", "file"]


def short(place: str) -> str:
    return place[:12] or "nothing"


@pytest.mark.parametrize("place", NO_FILES, ids=short)
@pytest.mark.parametrize(
    "words",
    [
        ["dedup", "notes.jsonl", "--out"],
        ["dedup", "notes.jsonl", "--out", "verdicts.parquet", "--kept"],
        ["decontaminate", "notes.jsonl", "--against", "notes.jsonl", "--out"],
        ["subset", "folder", "--to"],
        ["classifier", "train", "notes.jsonl", "--label", "id", "--out"],
        ["classifier", "apply", "file", "notes.jsonl", "--out"],
        ["perplexity", "train", "notes.jsonl", "--out"],
        ["perplexity", "train", "notes.jsonl", "--out", "m.clm", "--arpa"],
        ["perplexity", "score", "file", "notes.jsonl", "--out"],
        ["perplexity", "convert", "file", "--out"],
    ],
    ids=lambda words: f"{words[0]} {words[-1]}",
)
def test_a_place_that_cannot_hold_a_file_is_one_line(
    curate: Callable[..., Answer], words: list[str], place: str
) -> None:
    assert_one_line(curate(*words, place))


@pytest.mark.parametrize("place", NO_FOLDERS, ids=short)
def test_a_place_that_cannot_hold_a_run_is_one_line(curate: Callable[..., Answer], place: str) -> None:
    assert_one_line(curate("run", "recipe.toml", "--workers", "0", "--out", place))


@pytest.mark.parametrize("place", MISSING, ids=short)
@pytest.mark.parametrize(
    "words",
    [["run"], ["plan"], ["check"], ["show"], ["verify"], ["train"], ["why", "--", "n1"], ["retune", "--set", "a.b=1"]],
    ids=lambda words: str(words[0]),
)
def test_a_recipe_or_run_that_is_not_there_is_one_line(
    curate: Callable[..., Answer], words: list[str], place: str
) -> None:
    name, *rest = words
    assert_one_line(curate(name, place, *rest))


def assert_one_line(answer: Answer) -> None:
    code, lines = answer
    assert code in (2, 5), lines
    assert len(lines) == 1, lines
    assert lines[0].startswith("curate: ")
    assert "internal error" not in lines[0]
    assert len(lines[0]) < 700


def test_a_device_is_never_written_over(curate: Callable[..., Answer], tmp_path: Path) -> None:
    """A new file takes the name of the old one: as root, that of /dev/null."""
    import os

    os.mkfifo(tmp_path / "pipe")
    code, lines = curate("dedup", "notes.jsonl", "--out", "pipe")
    assert (code, len(lines)) == (2, 1)
    assert (tmp_path / "pipe").is_fifo()


def test_a_folder_that_was_deleted_under_us_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    program = "import os; os.rmdir(os.getcwd()); from curate.cli import main; main(['run', 'quickstart'])"
    command = [sys.executable, "-c", program]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, cwd=tmp_path / "gone", capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr == "curate: the current folder was deleted; change to one that exists\n"


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "a/b"), 2, "there is no such file or folder: a/b"),
        (NotADirectoryError("a/b is no folder"), 2, "a file stands where a folder is needed: a/b is no folder"),
        (OSError(errno.ENAMETOOLONG, "too long", "x" * 5000), 2, "the name is too long"),
        (OSError("No such file or directory (os error 2): x"), 2, "there is no such file or folder"),
        (PermissionError(errno.EACCES, "denied", "x"), 5, "permission denied: x"),
        (OSError(errno.ENOSPC, "full", "x"), 5, "the disk is full: x"),
        (pl.exceptions.ComputeError("No space left on device (os error 28)"), 5, "the disk is full"),
        (OSError("Couldn't deserialize thrift\nmore"), 5, "Couldn't deserialize thrift"),
        (pl.exceptions.ComputeError("parquet: File out of specification: no footer"), 1, "a file is damaged: parquet"),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), 5, "timed out"),
        (MemoryError(), 5, "out of memory"),
        (RunConflict("another recipe"), 4, "another recipe"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_system_refuses_says_whose_turn_it_is(error: Exception, code: int, told: str) -> None:
    known = explain(error)
    assert known.exit_code == code
    assert str(known).startswith(told)
    assert "\n" not in str(known)


def test_a_bug_says_that_it_is_one_and_leaves_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        {}["missing"]
    except KeyError as error:
        known = explain(error)
    assert known.exit_code == 1
    assert str(known).startswith("internal error: KeyError: 'missing'")
    written = next(tmp_path.iterdir())
    assert str(written) in str(known)
    assert "KeyError: 'missing'" in written.read_text()


def test_every_traceback_is_shown_to_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CURATE_TRACEBACK", "1")
    explain(RunConflict("another recipe"))
    assert "RunConflict: another recipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rnu", "quickstart"], 'there is no command "rnu"; did you mean "run"?'),
        (["tyr"], 'did you mean "try"?'),
        (["filter", "r.toml", "--try", "--step", "c4"], "is now curate try RECIPE STEP"),
        (["--json", "shwo", "x"], 'did you mean "show"?'),
        (["run", "quickstart", "--wrokers", "2"], 'curate run takes no "--wrokers"; did you mean "--workers"?'),
        (["show", "x", "--reason=1"], "reasons"),
        (["show", "x", "y"], 'curate show takes no "y"'),
        (["dedup", "x", "--out", "y", "--treshold=1"], 'did you mean "--threshold"?'),
        (["classifier", "evaluate", "m", "x", "--label", "y", "--txet", "z"], 'did you mean "--text"?'),
        (["classifier", "trian", "x"], "trian"),
        ([], "COMMAND"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistyped_command_or_option_gets_its_nearest_name(
    curate: Callable[..., Answer], words: list[str], told: str
) -> None:
    code, lines = curate(*words)
    assert code == 2
    assert len(lines) == 1
    assert told in lines[0]


def test_help_of_every_command_is_printed_without_a_heavy_import() -> None:
    program = "import sys; from curate.commands.table import COMMANDS; print(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(shown.stdout.split()) & {"polars", "numpy", "pyarrow", "torch", "numba", "tokenizers"}
    assert all(command.__doc__ for command in COMMANDS)


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    program = f"{sys.executable} -m curate signals | head -1; echo ${{PIPESTATUS[0]}}"
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""
