"""What training needs besides curate: PyTorch and safetensors, and of curate's own requirements numpy alone."""

from __future__ import annotations

from importlib.util import find_spec

from curate.errors import UsageError

PACKAGES = {"torch": "PyTorch", "safetensors": "safetensors"}


def require_torch() -> None:
    """
    Raises:
        UsageError: what the extra `train` brings is not installed.
    """
    for package, name in PACKAGES.items():
        if find_spec(package) is None:
            raise UsageError(f'training needs {name}, which is not installed: pip install "curate-corpus[train]"')
