"""Nothing that comes from data moves the cursor, turns a line around, begins one, or is read as mark-up."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.cli import main
from curate.pipeline.run import run as run_recipe
from curate.terminal import printable, say_json

HOSTILE = "https://x.example/[/x][red]:heart:\x1b[31m\x9b2J\u202egnp\u2066\u200f\x07\x7f\nkept by nobody\r\u2028"
PROSE = "It was the best of times, it was the worst of times, and we had everything before us. " * 4
NAME = "no[red]\x1b[2J\u202etes.jsonl"
OWN = """
import curate

@curate.filter
def picky(document: curate.Document) -> bool:
    if document.id.endswith("3"):
        raise ValueError("bad \\x1b[31m [/x] \\u202e: " + (document.url or ""))
    return not document.id.endswith("5")
"""
RECIPE = """
name = "hostile"

[dedup]
method = ["exact"]

[tokenize]
tokenizer = "bytes"

[limits]
max_errors = 0.9
max_quarantined = 0.9

[[source]]
name = "notes"
read = "tables"
paths = ["*.jsonl"]
steps = ["gopher_quality", "own:picky"]
"""

Answer = tuple[int, str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "own.py").write_text(OWN)
    (folder / "recipe.toml").write_text(RECIPE)
    rows = [
        {
            "id": f"{HOSTILE}{number}",
            "url": HOSTILE + str(number),
            "text": f"{PROSE} {number // 2}. {HOSTILE}",
        }
        for number in range(40)
    ]
    (folder / NAME).write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_recipe(folder / "recipe.toml", out=folder / "run", workers=0)
    return folder


@pytest.fixture
def curate(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """A command's exit code, and all that it wrote."""
    monkeypatch.chdir(folder)

    def call(*words: str) -> Answer:
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, errors = capfd.readouterr()
        return int(ended.value.code or 0), out + errors

    return call


def assert_shown(text: str) -> None:
    """Every character is one that a terminal only shows."""
    unsafe = {each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert not unsafe
    assert "\nkept by nobody" not in text
    assert "Traceback" not in text


COMMANDS = [
    ["run", "recipe.toml", "--out", "run"],
    ["run", "recipe.toml", "--out", "run", "--json"],
    ["show", "run"],
    ["show", "run", "--reasons"],
    ["show", "run", "--json"],
    ["why", "run", HOSTILE + "2"],
    ["why", "run", HOSTILE + "3"],
    ["why", "run", HOSTILE + "1"],
    ["why", "run", HOSTILE + "1", "--json"],
    ["why", "run", "x.example"],
    ["why", "run", HOSTILE],
    ["retune", "run", "--set", "gopher_quality.min_words=100", "--sample", "3"],
    ["retune", "run", "--set", "gopher_quality.min_words=100", "--json"],
    ["verify", "run"],
    ["plan", "recipe.toml"],
    ["check", "recipe.toml"],
    ["check", "recipe.toml", "--json"],
    ["try", "recipe.toml", "own:picky"],
    ["try", "recipe.toml", "own:picky", "--json"],
    ["try", "recipe.toml", HOSTILE],
    ["dedup", NAME, "--out", "verdicts.parquet"],
    ["dedup", NAME, "--out", "verdicts.parquet", "--text", HOSTILE],
    ["decontaminate", NAME, "--against", NAME, "--out", "report.parquet"],
    ["decontaminate", NAME, "--against", HOSTILE, "--out", "report.parquet"],
    ["run", HOSTILE + "\ud800"],
    ["show", HOSTILE + "\udcff"],
    ["recipes", HOSTILE],
    [HOSTILE],
    ["show", "run", "--" + HOSTILE],
]


@pytest.mark.parametrize(
    "words", COMMANDS, ids=[" ".join(words[:4]).partition("https")[0] + str(n) for n, words in enumerate(COMMANDS)]
)
def test_a_hostile_address_is_shown_and_never_obeyed(curate: Callable[..., Answer], words: list[str]) -> None:
    code, text = curate(*words)
    assert code in (0, 1, 2), text
    assert_shown(text)
    if "--json" in words:
        json.JSONDecoder().raw_decode(text)


def test_the_address_is_still_there_to_be_read(curate: Callable[..., Answer]) -> None:
    _, text = curate("why", "run", HOSTILE + "2")
    assert r"https://x.example/[/x][red]:heart:\x1b[31m\x9b2J\u202egnp\u2066\u200f" in text


def test_json_gives_back_the_very_address(curate: Callable[..., Answer]) -> None:
    _, text = curate("why", "run", HOSTILE + "2", "--json")
    assert json.loads(text)[0]["url"] == HOSTILE + "2"


def test_a_terminal_with_a_small_alphabet_is_no_error() -> None:
    program = "from curate.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "recipes", "ärger 漢字"],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert r"\xe4rger \u6f22\u5b57" in done.stderr


@given(st.text())
def test_what_is_printable_stays_and_all_else_is_escaped_in_one_line(text: str) -> None:
    shown = printable(text)
    assert "\n" not in shown
    assert_shown(shown.replace("\u200c", "").replace("\u200d", ""))
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize("text", ["می\u200cخواهم", "👩\u200d💻", "プロ\u3000ジェクト", "naïve\xa0: 12\u202f000"])
def test_letters_that_need_a_joiner_or_their_own_space_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == text


def test_json_has_no_nan_however_deep_it_lies(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"a": [float("nan"), {"b": float("inf")}], "c": 1.5})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"a": [None, {"b": None}], "c": 1.5}
