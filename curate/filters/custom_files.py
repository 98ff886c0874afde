"""The files that a user's module is made of: itself, what it imports from the recipe's folder, and what those import.

my_filters.py ─▶ import words, from lists.bad import BAD ─▶ words.py, lists/__init__.py, lists/bad.py ─▶ …
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from curate.batch import ModelFile


def module_files(path: Path, base: Path, name: str) -> tuple[ModelFile, ...]:
    """The module itself under this name, then its imports below `base` in the order of their paths, each with its
    checksum. Only imports that are written as such are seen, at any depth of the code; nothing is executed."""
    found = {path.resolve()}
    waiting = [path.resolve()]
    while waiting:
        for imported in _imported(waiting.pop(), base.resolve()):
            if imported not in found:
                found.add(imported)
                waiting.append(imported)
    others = sorted(found - {path.resolve()})
    return (_model_file(path, name), *(_model_file(file, _name_below(file, base)) for file in others))


def _imported(path: Path, base: Path) -> Iterator[Path]:
    """Files below `base` that a file imports; of `import a.b`, a's `__init__` runs, too."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # Python itself will say what is wrong with it
        return
    for module in _module_names(tree):
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            below = base.joinpath(*parts[:length])
            for file in (below.with_suffix(".py"), below / "__init__.py"):
                if file.is_file():
                    yield file.resolve()


def _module_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _model_file(path: Path, name: str) -> ModelFile:
    return ModelFile(name, str(path), hashlib.sha256(path.read_bytes()).hexdigest())


def _name_below(path: Path, base: Path) -> str:
    return path.relative_to(base.resolve()).as_posix()
