"""docs/recipe.md and docs/cli.md say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from curate.commands.table import COMMANDS, parse
from curate.steps.bind import BUILT_IN

DOCS = Path(__file__).resolve().parents[1] / "docs"

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="not in a checkout")


def test_the_pages_are_those_that_the_code_makes() -> None:
    words = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_every_key_of_a_recipe_says_what_it_means() -> None:
    keys, _, steps = (DOCS / "recipe.md").read_text(encoding="utf-8").partition("\n## Steps\n")
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", keys, re.MULTILINE)
    assert len(rows) > 80
    assert [name for name, meaning in rows if not meaning.strip()] == []
    assert re.findall(r"^### `(\w+)`$", steps, re.MULTILINE) == [*BUILT_IN]


def test_every_example_of_a_command_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    monkeypatch.chdir(tmp_path)
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    lines = [
        line
        for block in re.findall(r"^```bash\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]
    examples = [line for line in lines if line.startswith("curate ")]
    assert len({line.split()[1] for line in examples}) == len(COMMANDS) - 1  # completion is asked by eval
    for line in examples:
        assert parse(shlex.split(line)[1:]).command in line
