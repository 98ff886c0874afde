"""Completion in a shell knows what the parsers know."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from curate.commands.completion import bash_script, choices_by_command, zsh_script
from curate.commands.table import whole_parser

CHOICES = dict(choices_by_command(whole_parser()))


def completed(*words: str) -> list[str]:
    """What bash offers for the last of the words."""
    line = f"COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}"
    program = f"{bash_script(CHOICES)}\n{line}\n_curate\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["curate", "tr"], ["try", "train"]),
        (["curate", "run", "quick"], ["quickstart"]),
        (["curate", "run", "recipe.toml", "--di"], ["--discard-intermediate"]),
        (["curate", "classifier", ""], ["train", "evaluate", "apply", "threshold"]),
        (["curate", "classifier", "evaluate", "m.bin", "--la"], ["--label"]),
        (["curate", "completion", "z"], ["zsh"]),
        (["curate", "dedup", ""], []),
    ],
    ids=" ".join,
)
def test_bash_offers_what_may_come_next(words: list[str], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_zsh_is_told_every_option_and_what_it_means() -> None:
    script = zsh_script(CHOICES)
    assert script.startswith("#compdef curate\n")
    assert "'retune:Predict what other thresholds" in script
    assert all(word.text in script for each in CHOICES.values() for word in each.options)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_can_read_its_script() -> None:
    subprocess.run(["zsh", "-n"], input=zsh_script(CHOICES), text=True, check=True)


def test_the_command_prints_the_script() -> None:
    words = [sys.executable, "-m", "curate", "completion", "bash"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == bash_script(CHOICES)
