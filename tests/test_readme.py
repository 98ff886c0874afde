"""README tells the truth: every block of code in it is run, and the output that it shows is the output."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import curate
from curate.recipe_file import load
from curate.report.funnel import by_step, funnel
from curate.report.why import stories
from curate.steps.bind import resolve

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="not in a checkout")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which README's first command, without its installation, has run."""
    folder = tmp_path_factory.mktemp("readme")
    command = blocks("bash")[0].rpartition("&&")[2].strip()
    assert command == ".venv/bin/curate run quickstart"
    words = [sys.executable, "-m", "curate", *command.split()[1:]]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=600)
    return folder


def test_the_quickstarts_output_is_the_one_shown(quickstart: Path) -> None:
    shown = re.search(r"<!-- quickstart output -->\n```text\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert shown
    words = [sys.executable, "-m", "curate", "show", "runs/quickstart"]
    environment = os.environ | {"COLUMNS": "80"}
    found = subprocess.run(words, cwd=quickstart, check=True, capture_output=True, text=True, env=environment).stdout
    assert [line.split() for line in found.splitlines() if line.strip()] == [
        line.split() for line in shown.group(1).splitlines() if line.strip()
    ]


def test_the_recipe_can_be_resolved(tmp_path: Path) -> None:
    mini, extending = blocks("toml")
    (tmp_path / "mini.toml").write_text(mini, encoding="utf-8")
    recipe = resolve(load(tmp_path / "mini.toml"))
    assert [source.name for source in recipe.sources] == ["web", "books", "code"]
    (tmp_path / "own.toml").write_text(extending, encoding="utf-8")
    assert "fineweb" in [step.use for step in resolve(load(tmp_path / "own.toml")).source("web").steps]


def test_the_filter_of_ten_lines_drops_what_it_should(quickstart: Path) -> None:
    [code] = [block for block in blocks("python") if "@curate.filter" in block]
    (quickstart / "my_filters.py").write_text(code, encoding="utf-8")
    book = curate.Run(quickstart / "runs" / "quickstart").documents("books").collect()["text"][0]
    for name, extra in (("plain", ""), ("sweet", "Add a teaspoon of sugar.")):
        (quickstart / f"{name}.txt").write_text(book[2000:6000] + "\n" + extra, encoding="utf-8")
    (quickstart / "own.toml").write_text(
        'name = "own"\n[[source]]\nname = "books"\nread = "books"\npaths = ["plain.txt", "sweet.txt"]\n'
        'steps = [{ use = "my_filters:no_recipes", words = ["teaspoon"] }]\n[tokenize]\ntokenizer = "bytes"\n'
    )
    run = curate.run(quickstart / "own.toml", out=quickstart / "own", workers=1)
    assert run.documents().collect()["id"].to_list() == ["books/plain.txt"]
    dropped = run.ledger().filter(outcome="dropped").collect()
    assert dropped.select("id", "step").rows() == [("books/sweet.txt", "my_filters:no_recipes")]
    assert ("my_filters:no_recipes", 1) in [(row.step, row.documents) for row in by_step(funnel(run))]
    [story] = stories(run, "books/sweet.txt")
    assert (story.outcome, story.step) == ("dropped", "my_filters:no_recipes")
    digest = hashlib.sha256((quickstart / "my_filters.py").read_bytes()).hexdigest()
    assert digest in {model["sha256"] for model in run.manifest["models"]}


def test_the_python_lines_work_on_the_quickstart(quickstart: Path) -> None:
    [code] = [block for block in blocks("python") if "run.manifest" in block]
    words = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(words, cwd=quickstart, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "gopher_quality" not in done.stderr
    assert "web/web.warc.gz@" in done.stdout


def test_the_second_command_is_the_one_that_ci_runs() -> None:
    marked = re.search(r"<!-- test command -->\n```bash\n(.*)\n```", README.read_text(encoding="utf-8"))
    assert marked
    assert marked.group(1) == blocks("bash")[1].strip()
    assert "pytest" in marked.group(1)
