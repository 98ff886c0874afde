"""The files that a user's module is made of: itself, what it imports from the recipe's folder, what those import, and
the lists that they or the recipe name.

my_filters.py ─▶ import words, from .bad import BAD, "names.txt" ─▶ words.py, bad.py, names.txt ─▶ …
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from curate.model_file import ModelFile

OWN_NAME = "curate"
MAX_NAME = 255
MODE = frozenset("rwaxbt+")
WRITES = frozenset("wax+")


def module_files(path: Path, roots: Sequence[Path], name: str, lists: Sequence[Path] = ()) -> tuple[ModelFile, ...]:
    """The module itself under this name, then, in the order of their paths, its imports below the roots and the files
    that a string in one of these modules names, with `lists`; each with its checksum. Only what is written as such is
    seen, at any depth of the code; nothing is executed."""
    own, roots = path.absolute(), [root.resolve() for root in roots]
    modules, named, waiting = {own}, set(lists), [own]
    while waiting:
        file = waiting.pop()
        tree = _tree(file)
        named.update(named_files(_strings(tree), [file.parent, *roots]))
        imported = set(_imported(tree, file, roots)) - modules
        modules |= imported
        waiting += imported
    others = sorted((modules | named) - {own})
    return (_model_file(path, name), *(_model_file(file, _name_below(file, roots)) for file in others))


def named_files(names: set[str], folders: Sequence[Path]) -> Iterator[Path]:
    """Files that are called so, in the first folder that has them, the working directory at last; a folder's own name
    and a file's may stand apart, as in `HERE / "lists" / "bad.txt"`."""
    names = {name for name in names if 0 < len(name) <= MAX_NAME and name.isprintable()}
    for start in dict.fromkeys([*folders, Path.cwd()]):
        below = [start, *(start / name for name in names if (start / name).is_dir())]
        found = {name: folder / name for folder in below for name in names if (folder / name).is_file()}
        names -= found.keys()
        yield from found.values()


def package_of(path: Path, root: Path) -> tuple[str, ...]:
    """The package that a file belongs to, seen from a folder: what `from . import` starts from."""
    folder = path.absolute().parent
    return folder.relative_to(root).parts if folder.is_relative_to(root) else ()


def _tree(path: Path) -> ast.AST:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # Python itself will say what is wrong with it
        return ast.Module([], [])


def _imported(tree: ast.AST, path: Path, roots: Sequence[Path]) -> Iterator[Path]:
    """Files below the roots that a module imports; of `import a.b`, a's `__init__` runs, too."""
    for root in roots:
        for module in _module_names(tree, package_of(path, root)):
            parts = module.split(".")
            for length in range(1, len(parts) + 1 if parts[0] != OWN_NAME else 0):
                below = root.joinpath(*parts[:length])
                yield from filter(Path.is_file, (below.with_suffix(".py"), below / "__init__.py"))


def _module_names(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level <= len(package):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and _called(node) in ("import_module", "__import__"):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.strip("."):
                yield first.value.lstrip(".")


def _strings(tree: ast.AST) -> set[str]:
    """All that stand in the code, but those of files that are opened for writing."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        if not (isinstance(node, ast.Call) and _writes(node)):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def _writes(call: ast.Call) -> bool:
    """`open(NAME, "a")`: a log beside a filter decides nothing."""
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    modes = [arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    return _called(call) == "open" and any(set(mode) <= MODE and set(mode) & WRITES for mode in modes)


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _model_file(path: Path, name: str) -> ModelFile:
    with path.open("rb") as file:
        return ModelFile(name, str(path), hashlib.file_digest(file, "sha256").hexdigest())


def _name_below(path: Path, roots: Sequence[Path]) -> str:
    """From a root; of another place the last name only, as a plan tells nothing of the machine."""
    return next((path.relative_to(root).as_posix() for root in reversed(roots) if path.is_relative_to(root)), path.name)
