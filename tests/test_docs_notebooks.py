"""The notebooks of docs/notebooks run from their first cell to their last, and show what is stored in them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="not in a checkout")


def executor() -> Any:
    spec = importlib.util.spec_from_file_location("execute_notebooks", FOLDER / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(notebook: dict[str, Any]) -> list[Any]:
    """The outputs of each cell, but for the tables of polars, which another version may draw otherwise."""
    outputs = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [[each for each in of_cell if "┌" not in json.dumps(each, ensure_ascii=False)] for of_cell in outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_is_stored_in_it(path: Path, tmp_path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    with pl.Config():  # a notebook may change how tables are drawn
        executed = executor().execute(stored, tmp_path)
    assert shown(executed) == shown(stored)
    assert [len(each) for each in shown(stored)].count(0) < len(shown(stored)) / 2


def test_there_are_notebooks_and_they_are_of_the_format() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["first_run", "own_rows", "own_step"]
    for path in NOTEBOOKS:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        names = [cell["id"] for cell in notebook["cells"]]
        assert len({*names}) == len(names)
        for cell in notebook["cells"]:
            assert {"cell_type", "id", "metadata", "source"} <= cell.keys()
            assert {"execution_count", "outputs"} <= cell.keys() or cell["cell_type"] == "markdown"


def test_an_exception_that_nobody_expects_stops_a_notebook(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["1 / 0"], "execution_count": None, "outputs": []}
    with pytest.raises(ZeroDivisionError):
        executor().execute({"cells": [cell]}, tmp_path)
    [made] = executor().execute({"cells": [cell | {"metadata": {"tags": ["raises-exception"]}}]}, tmp_path)["cells"]
    assert made["outputs"][0]["evalue"] == "division by zero"


def test_what_is_printed_comes_before_what_the_last_line_is(tmp_path: Path) -> None:
    source = ["import os\n", "print(os.getcwd() + '/x')\n", "6 * 7"]
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "execution_count": None, "outputs": []}
    [made] = executor().execute({"cells": [cell]}, tmp_path)["cells"]
    assert made["outputs"][0] == {"output_type": "stream", "name": "stdout", "text": ["x\n"]}
    assert made["outputs"][1]["data"] == {"text/plain": ["42"]}
