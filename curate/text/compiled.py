"""How the kernels are compiled: `kernel` is called from Python and cached on disk, `part` and `inner` by kernels alone.

A kernel is compiled anew once any file that names `curate.text.compiled` has changed, as its inner functions may stand
in each of them (see `kernel_cache`). None has annotations: numba finds the types from the arguments of a call.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.errors import TypingError
from numba.extending import intrinsic

from curate.text.kernel_cache import KernelCache


def kernel(function: Callable[..., Any]) -> Any:
    """Compiled when it is first called with arguments of some types, and loaded from disk from then on."""
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


def is_compiled(kernel: Any) -> bool:
    """Whether its machine code lies on disk: then it takes a tenth of a second to load, else seconds to make."""
    return Path(kernel._cache._cache_file._index_path).exists()


part = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=_PartCompiler)  # type: ignore[call-overload]
"""Without entry points for Python and C, which take longer to compile than most of the functions themselves."""
inner = numba.njit(  # type: ignore[call-overload]
    nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, pipeline_class=_PartCompiler
)
"""Compiled into its callers: a call costs more than most of the functions do."""


def _pointer(context: Any, array: Any) -> Any:
    if array.layout != "C":
        raise TypingError("a pointer needs an array without gaps; numpy.ascontiguousarray makes one")

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        proxy: Any = cgutils.create_struct_proxy(array)  # type: ignore[no-untyped-call]
        return proxy(context, builder, value=values[0]).data

    return types.CPointer(array.dtype)(array), lower  # type: ignore[no-untyped-call]


pointer: Any = intrinsic(_pointer)
"""Where a contiguous array begins; inner functions take a pointer for an array, and run up to twice as fast.

An array is seven arguments to a call, each call counts its references, and each index may count from its end; a pointer
is one argument, and an index only that. It keeps no array alive: take it from a kernel's arguments, which Python holds
until the kernel returns.
"""
