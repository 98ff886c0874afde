"""What must be the same on every machine that works on a run: versions, curate's own files, the plan, and by digest all
that decides bytes besides the inputs: the user's own modules, models and lists.
"""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from curate.engine.job import open_run
from curate.engine.store import Store
from curate.pipeline.planning import LIBRARIES
from curate.run_files import PLAN
from curate.steps.deciding_files import deciding_files
from curate.version import __version__

DIGITS = 12
"""Of a SHA-256: told to people, and enough to tell two files apart."""


def facts_of(store: Store) -> dict[str, str]:
    """By what is compared, how it is on this machine, in words.

    Raises:
        UsageError: the run is not seen from here.
        CheckFailed: its recipe or plan is damaged.
        RecipeError: something that the recipe names is not here.
    """
    recipe, _ = open_run(store)
    facts = {"curate": __version__, "Python": platform.python_version().rpartition(".")[0]}
    facts |= {name: version(name) for name in LIBRARIES}
    facts |= {"files of curate": _digest_of_code(), PLAN: hashlib.sha256(store.read(PLAN)).hexdigest()[:DIGITS]}
    return facts | {file.name: file.sha256[:DIGITS] for file in deciding_files(recipe)}


def _digest_of_code() -> str:
    """Two checkouts of one version are two versions, too."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:DIGITS]
