"""The linear models that ship, by name: their files lie in models/, their digests in models/SHA256SUMS.

"toxicity-de" ─▶ models/toxicity-de.bin, its digest and licences ─▶ LinearModel
"""

from __future__ import annotations

import functools
from pathlib import Path

from curate.filters.linear_model import LinearModel, load_linear

MODELS = Path(__file__).parent / "models"
SUMS = MODELS / "SHA256SUMS"
LICENSES = {
    "quality": "Apache-2.0; learned from GPL-2.0-or-later, GFDL-1.2-or-later and public-domain texts",
    "toxicity-en": "Apache-2.0; learned from MIT",
    "toxicity-de": "Apache-2.0; learned from CC-BY-4.0",
    "toxicity-fr": "Apache-2.0; learned from MIT",
    "toxicity-ar": "Apache-2.0; learned from MIT",
    "toxicity-pt": "CC-BY-SA-4.0",
    "toxicity-ko": "CC-BY-SA-4.0",
}
"""models/NOTICE.md says more."""


def shipped_model(name: str) -> LinearModel:
    """The model of this name, whose checksum is verified.

    Raises:
        UsageError: it is damaged, or is not there.
    """
    return load_linear(str(MODELS / f"{name}.bin"), sha256=shipped_sum(f"{name}.bin"), license=LICENSES[name])


def shipped_names(kind: str) -> tuple[str, ...]:
    """What stands behind "kind-" in the names of the models of a kind: "toxicity" gives ("ar", "de", …)."""
    prefix = f"{kind}-"
    return tuple(sorted(name.removeprefix(prefix) for name in LICENSES if name.startswith(prefix)))


def shipped_sum(file: str) -> str:
    """The SHA-256 of a file in models/ that SHA256SUMS lists."""
    return _sums()[file]


@functools.cache
def _sums() -> dict[str, str]:
    """A line a file, as `sha256sum` writes them."""
    lines = (line.split() for line in SUMS.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in lines}
