"""Runs the notebooks beside it, cell by cell, and keeps what they show, or writes it down with `--write`.

    python docs/notebooks/execute.py [--write] [NAME.ipynb …]

NAME.ipynb ─▶ code cells ─▶ exec, in order, in an empty folder ─▶ what was printed, what the last line was ─▶ outputs

No Jupyter is needed. A notebook is changed in any editor that knows notebooks, and executed with this, so that its
outputs hold no path of a machine, no counter of a session and no time.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent


def main() -> int:
    names = [name for name in sys.argv[1:] if name != "--write"]
    for path in [FOLDER / name for name in names] or sorted(FOLDER.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            executed = execute(json.loads(path.read_text(encoding="utf-8")), Path(folder))
        if "--write" in sys.argv[1:]:
            path.write_text(written(executed), encoding="utf-8")
        print(f"{path.name} runs")
    return 0


def written(notebook: Mapping[str, Any]) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def execute(notebook: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The notebook with the outputs that its cells have in `folder`; an exception of a cell is raised, unless the cell
    has the tag "raises-exception"."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells, number = [], 0
    with contextlib.chdir(folder):
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                number += 1
                cell = {**cell, "execution_count": number, "outputs": outputs(cell, names, number)}
            cells.append(cell)
    return {**notebook, "cells": cells}


def outputs(cell: Mapping[str, Any], names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """What Jupyter would store: what was printed, then what the last line is, if it is an expression."""
    shown: list[dict[str, Any]] = []
    printed = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    with contextlib.redirect_stdout(printed["stdout"]), contextlib.redirect_stderr(printed["stderr"]):
        try:
            value = run("".join(cell["source"]), names)
            if value is not None:
                data = {"text/plain": lines(without_folder(repr(value)))}
                if hasattr(value, "_repr_html_"):
                    data["text/html"] = lines(without_folder(value._repr_html_()))
                result = {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data}
                shown.append(result)
        except Exception as error:
            if "raises-exception" not in cell["metadata"].get("tags", []):
                raise
            told = without_folder(str(error))
            name = type(error).__name__
            shown.append({"output_type": "error", "ename": name, "evalue": told, "traceback": [f"{name}: {told}"]})
    streams = {name: without_folder(stream.getvalue()) for name, stream in printed.items() if stream.getvalue()}
    return [{"output_type": "stream", "name": name, "text": lines(text)} for name, text in streams.items()] + shown


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line if that is an expression, else None."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def without_folder(text: str) -> str:
    return text.replace(f"{os.getcwd()}/", "")


if __name__ == "__main__":
    sys.exit(main())
