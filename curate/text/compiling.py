"""What to hold open while a kernel is compiled, for those who watch over time; it stands apart from the kernels, as who
names `curate.text.compiled` is one of their sources.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

WHILE_COMPILING: ContextVar[Callable[[], AbstractContextManager[object]]] = ContextVar("while", default=nullcontext)
"""On a fresh machine compiling takes longer than any document may: no document must pay for it."""
