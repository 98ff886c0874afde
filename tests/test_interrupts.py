"""Ctrl-C and SIGTERM at any moment: one line, exit 130 or 143; never a traceback, never silence."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.interrupts import GOES_ON, Note, Stopped, noted

RECIPE = """
name = "interrupted"

[tokenize]
tokenizer = "bytes"

[[source]]
name = "notes"
read = "tables"
paths = ["notes.jsonl"]
steps = [{ use = "gopher_quality", min_words = 5 }, { where = "word_count > 0" }]
"""
MOMENTS = (0.0, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.7, 0.9, 1.2, 1.6, 2.0)

has_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see what is caught")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    row = '{"id": "%d", "text": "It was the best of times, it was the worst of times. %d"}\n'
    (tmp_path / "notes.jsonl").write_text("".join(row % (number, number) for number in range(500)))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def signalled(words: list[str], number: int, seconds: float, folder: Path) -> tuple[int, str]:
    """Exit code and stderr of a command that gets a signal so many seconds after it began to listen for any."""
    command = [sys.executable, "-m", "curate", *words]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not catches_sigterm(process.pid):
        time.sleep(0.001)
    time.sleep(seconds)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def catches_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = re.search(r"SigCgt:\s*([0-9a-f]+)", status)
    return bool(caught and int(caught.group(1), 16) >> (signal.SIGTERM - 1) & 1)


@has_proc
@pytest.mark.parametrize("seconds", MOMENTS)
def test_a_run_that_is_signalled_at_any_moment_says_so_in_one_line(recipe: Path, seconds: float) -> None:
    number = signal.SIGTERM if MOMENTS.index(seconds) % 2 else signal.SIGINT
    words = ["run", str(recipe), "--out", "run", "--workers", "2"]
    code, errors = signalled(words, number, seconds, recipe.parent)
    last = errors.splitlines()[-1] if errors else ""
    assert code == 0 or (code == 128 + number and last.startswith("curate: interrupted")), (code, errors)
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


@has_proc
@pytest.mark.parametrize("words", [["check", "recipe.toml"], ["run", "recipe.toml", "--workers", "0"]])
@pytest.mark.parametrize("seconds", [0.05, 0.5, 1.0])
def test_so_do_commands_that_work_in_their_own_process(recipe: Path, words: list[str], seconds: float) -> None:
    code, errors = signalled(words, signal.SIGTERM, seconds, recipe.parent)
    assert code == 0 or (code == 143 and "curate: interrupted" in errors), (code, errors)
    assert "Traceback" not in errors


def test_an_interrupted_run_goes_on_where_it_was(recipe: Path) -> None:
    words = ["run", str(recipe), "--out", "run", "--workers", "1"]
    signalled(words, signal.SIGTERM, 1.0, recipe.parent)
    done = subprocess.run([sys.executable, "-m", "curate", *words], cwd=recipe.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (recipe.parent / "run" / "manifest.json").is_file()


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """As in a shell: a program that is started in the background hears no Ctrl-C at all."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_a_signal_is_noted_once_and_the_second_acts_as_before() -> None:
    with noted() as note:
        signal.raise_signal(signal.SIGINT)
        assert note.number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_note_names_the_exit_code_of_its_signal() -> None:
    from curate.errors import Interrupted

    note = Note()
    note.check()
    note.number = signal.SIGTERM
    with pytest.raises(Interrupted) as stopped:
        note.check()
    assert stopped.value.exit_code == 143


PROGRAM = """
import os, signal, sys
from curate.interrupts import Signals
signals = Signals(is_ours=True)
signals.catch()
{}
"""


@pytest.mark.parametrize(
    "program",
    [
        "class Last:\n    def __del__(self): os.kill(os.getpid(), signal.SIGTERM)\nLast(); print('went on')",
        "sys.path.insert(0, '.')\ntry:\n    import killed\nexcept BaseException: pass\nprint('went on')",
    ],
    ids=["in a finalizer", "in an import that swallows what is raised"],
)
def test_a_signal_is_never_swallowed(tmp_path: Path, program: str) -> None:
    (tmp_path / "killed.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    command = [sys.executable, "-c", PROGRAM.format(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (143, "")
    assert done.stderr == "curate: interrupted\n"


def test_what_was_stopped_while_it_was_made_says_nothing_in_its_finalizer(tmp_path: Path) -> None:
    """llvmlite's handles, for one, look in `__del__` for what `__init__` had not set yet."""
    program = (
        "import os, signal\nfrom curate.interrupts import Signals, Stopped\n"
        "signals = Signals(is_ours=True)\nsignals.catch()\n"
        "class Handle:\n"
        "    def __init__(self): {stop}; self.handle = 1\n"
        "    def __del__(self): del self.handle\n"
        "try: Handle()\nexcept (Stopped, ValueError): print('stopped')\n"
    )
    done = [
        subprocess.run([sys.executable, "-c", program.format(stop=stop)], capture_output=True, text=True)
        for stop in ("os.kill(os.getpid(), signal.SIGTERM)", "raise ValueError")
    ]
    assert [each.stdout for each in done] == ["stopped\n", "stopped\n"]
    assert done[0].stderr == ""
    assert "AttributeError" in done[1].stderr  # without a signal it is told as ever


def test_stopped_is_a_keyboard_interrupt_that_knows_its_signal() -> None:
    assert Stopped(signal.SIGTERM).number == signal.SIGTERM
    assert not isinstance(Stopped(signal.SIGTERM), Exception)


def test_a_library_that_makes_its_own_of_an_interrupt_does_not_hide_which_signal_it_was(recipe: Path) -> None:
    (recipe.parent / "mine.py").write_text(
        "import curate, os, signal, time\n\n@curate.filter\ndef stopped(document: curate.Document) -> bool:\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGTERM)\n        time.sleep(5)\n"
        "    except KeyboardInterrupt:\n        raise KeyboardInterrupt from None\n    return True\n"
    )
    recipe.write_text(recipe.read_text().replace('{ where = "word_count > 0" }', '"mine:stopped"'))
    command = [sys.executable, "-m", "curate", "run", str(recipe), "--out", "run", "--workers", "0"]
    done = subprocess.run(command, cwd=recipe.parent, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (143, f"curate: {GOES_ON}")
