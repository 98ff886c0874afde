"""Users' modules, loaded from the recipe's folder: they hide no other module, and see what lies beside them whenever
they run.

"pkg.filters" ─▶ base/pkg/filters.py ─▶ Loaded(module, folder)      call ─▶ with folder.open(): function(document)
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from curate.errors import UsageError
from curate.own_code.files import module_files, package_of

PREFIX = "curate_custom_"
INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a module imports from, and what it has imported from there so far: other versions of these modules, or
    another recipe's of the same names, may be in use in this process."""

    roots: tuple[str, ...]
    files: frozenset[str]
    names: frozenset[str]
    """What the files are called where they are imported from the roots."""
    modules: dict[str, ModuleType] = field(default_factory=dict)

    @contextmanager
    def open(self) -> Iterator[None]:
        """What lies in the folder can be imported, and is forgotten afterwards by all but this module."""
        hidden = _take({name for name in self.names if name in sys.modules and self._has_another(name)})
        path, writes_none = list(sys.path), sys.dont_write_bytecode
        sys.modules.update(self.modules)
        before = set(sys.modules) - self.modules.keys()
        sys.path[:0] = self.roots
        sys.dont_write_bytecode = True  # bytecode is told from its source by the second: an edit may come sooner
        try:
            yield
        finally:
            sys.path[:], sys.dont_write_bytecode = path, writes_none
            self.modules.update(_take({name for name in set(sys.modules) - before if self._holds(name)}))
            sys.modules.update(hidden)

    def _has_another(self, name: str) -> bool:
        """Whether a script or a notebook has imported one of the files itself, maybe before it was edited."""
        return _file(sys.modules[name]) in self.files and name != "__main__" and PREFIX not in name

    def _holds(self, name: str) -> bool:
        """Whether a module is the user's own; an environment of installed packages may lie in the same folder."""
        file = _file(sys.modules[name])
        is_below = any(file.startswith(root + os.sep) for root in self.roots)
        return is_below and not any(word in file for word in INSTALLED) and name.partition(".")[0] != "curate"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A module of the user's, and where it imports from; null where it is an installed one."""

    module: ModuleType
    folder: Folder | None = None


def find_module(name: str, base: Path) -> Loaded:
    """The module that a recipe calls so: a file or a package in its folder, else an importable one.

    Raises:
        UsageError: there is none, or it cannot be imported.
    """
    below = base / (name if name.endswith(".py") else name.replace(".", "/") + ".py")
    for path in (below, below.with_suffix("") / "__init__.py"):
        if path.is_file():
            roots = roots_of(path, name, base)
            files = module_files(path, roots, name)
            modules = tuple((file.path, file.sha256) for file in files if file.path.endswith(".py"))
            return _load_file(str(path.absolute()), tuple(str(root.resolve()) for root in roots), modules)
    try:
        return Loaded(importlib.import_module(name))
    except (ImportError, ValueError, TypeError) as error:  # the last two: for what is no name at all
        raise UsageError(f'there is no module "{name}": neither {below} nor installed ({error})') from error


def roots_of(path: Path, name: str, base: Path) -> tuple[Path, ...]:
    """The folders that a module imports from: a script's own, as when Python runs it, and the recipe's."""
    return (path.parent, base) if name.endswith(".py") else (base,)


def import_root(module: ModuleType) -> tuple[Path, ...]:
    """The folder that a module was imported from, if it is the user's own: a working directory, a package in work."""
    depth = module.__name__.count(".") + hasattr(module, "__path__")
    path = Path(_file(module)).absolute()
    is_own = PREFIX not in module.__name__ and module.__name__ != "__main__" and not set(INSTALLED) & set(path.parts)
    return (path.parents[depth],) if is_own else ()


@functools.cache
def _load_file(path: str, roots: tuple[str, ...], modules: tuple[tuple[str, str], ...]) -> Loaded:
    """The file as a module under a name of its own, which hides no other; loaded anew when one of its files has other
    content."""
    digest = hashlib.sha256("".join(sha256 for _, sha256 in modules).encode()).hexdigest()[:12]
    package = package_of(Path(path), Path(roots[-1]))
    name = ".".join([*package, f"{PREFIX}{Path(path).stem}_{digest}"])
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    files = frozenset(file for file, _ in modules)
    folder = Folder(roots, files, frozenset(_names(files, roots)))
    sys.modules[name] = module  # dataclasses look their module up there
    importlib.invalidate_caches()
    try:
        with folder.open():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return Loaded(module, folder)


def _names(files: frozenset[str], roots: tuple[str, ...]) -> Iterator[str]:
    for path in map(Path.resolve, map(Path, files)):
        for root in filter(path.is_relative_to, roots):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or ""


def _take(names: set[str]) -> Mapping[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in names}
