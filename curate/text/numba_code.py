"""How numba compiles what `curate.text.compiled` names: kernels with their cache, and parts that they link."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.errors import TypingError
from numba.core.event import Event, Listener, register
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from curate.text.compiling import WHILE_COMPILING
from curate.text.kernel_cache import KernelCache


class _Compiling(Listener):
    """Holds open what `WHILE_COMPILING` says, from the first function that is compiled for a call to the last."""

    def __init__(self) -> None:
        self._depth, self._held = 0, ExitStack()

    def on_start(self, event: Event) -> None:
        if not self._depth:
            self._held.enter_context(WHILE_COMPILING.get()())
        self._depth += 1

    def on_end(self, event: Event) -> None:
        self._depth -= 1
        if not self._depth:
            self._held.close()


@cache
def _listen() -> None:
    register("numba:compile", _Compiling())  # type: ignore[no-untyped-call]


def _kernel(function: Callable[..., Any]) -> Any:
    _listen()
    compiled: Any = numba.njit(nogil=True)(function)
    compiled._cache = KernelCache(function)  # type: ignore[no-untyped-call]  # what cache=True does, with numba's own
    return compiled


class _LinkedCode(JITCodeLibrary):
    """Code that is linked into that of its callers, and optimized and made machine code there alone.

    Numba would do both for each function by itself with all that it calls, and once more for each of its callers.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None, as it is no machine code."""
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0

    @property
    def codegen(self) -> Any:
        """Numba asks it to note a function's environment, which only code that makes Python objects needs."""
        return _WithoutEnvironments(self._codegen)


class _WithoutEnvironments:
    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        pass


class _PartCompiler(Compiler):
    """Numba's own compiler, whose code goes into a library of the kind above."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, _LinkedCode(target.codegen(), "part"), *rest)  # type: ignore[no-untyped-call]


_part = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=_PartCompiler)  # type: ignore[call-overload]
_inner = numba.njit(  # type: ignore[call-overload]
    nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, pipeline_class=_PartCompiler
)

KINDS: Mapping[str, Callable[[Callable[..., Any]], Any]] = {
    "kernel": _kernel,
    "part": _part,
    "inner": _inner,
    "intrinsic": intrinsic,
}


def type_of(made: Any) -> Any:
    """Numba's type of one of its own objects."""
    cpu_target.typing_context.refresh()  # intrinsics that are new since it looked last
    return cpu_target.typing_context.resolve_value_type(made)


def is_on_disk(kernel: Any) -> bool:
    return Path(kernel._cache._cache_file._index_path).exists()


def pointer_to(array: Any) -> Any:
    """Of `curate.text.compiled.pointer`, for an array of this type: its signature, and what writes its code."""
    if array.layout != "C":
        raise TypingError("a pointer needs an array without gaps; numpy.ascontiguousarray makes one")

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        proxy: Any = cgutils.create_struct_proxy(array)  # type: ignore[no-untyped-call]
        return proxy(context, builder, value=values[0]).data

    return types.CPointer(array.dtype)(array), lower  # type: ignore[no-untyped-call]
