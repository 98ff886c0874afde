"""How functions become kernels: `kernel` is called from Python and cached on disk, `part` and `inner` by kernels alone.

@kernel def count(…)  ─▶ Lazy ─ first call ─▶ numba (`curate.text.numba_code`) ─▶ machine code from disk, or made anew

Numba takes half a second to import, and a process that only looks at a recipe calls no kernel: so it is asked for when
one is called. A kernel is compiled anew once any file that names `curate.text.compiled` has changed, as its inner
functions may stand in each of them (see `kernel_cache`). None has annotations: numba finds the types from the arguments
of a call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Lazy:
    """A function whose compiled form is made when somebody calls it, or a kernel that is being compiled names it."""

    def __init__(self, function: Callable[..., Any], kind: str) -> None:
        self.py_func = function
        self._kind = kind
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        return self.made(*arguments)

    @functools.cached_property
    def made(self) -> Any:
        """Numba's own object."""
        from curate.text import numba_code

        return numba_code.KINDS[self._kind](self.py_func)

    @property
    def _numba_type_(self) -> Any:
        """What numba asks of a value that it does not know, in the code of a kernel."""
        from curate.text.numba_code import type_of

        return type_of(self.made)


def kernel(function: Callable[..., Any]) -> Any:
    """Compiled when it is first called with arguments of some types, and loaded from disk from then on."""
    return Lazy(function, "kernel")


def part(function: Callable[..., Any]) -> Any:
    """Without entry points for Python and C, which take longer to compile than most of the functions themselves."""
    return Lazy(function, "part")


def inner(function: Callable[..., Any]) -> Any:
    """Compiled into its callers: a call costs more than most of the functions do."""
    return Lazy(function, "inner")


def intrinsic(function: Callable[..., Any]) -> Any:
    """For kernels: the instructions that `function(context, *types)` writes, as numba's own `intrinsic` has it."""
    return Lazy(function, "intrinsic")


def is_compiled(kernel: Any) -> bool:
    """Whether its machine code lies on disk: then it takes a tenth of a second to load, else seconds to make."""
    from curate.text.numba_code import is_on_disk

    return is_on_disk(kernel.made)


def _pointer(context: Any, array: Any) -> Any:
    from curate.text.numba_code import pointer_to

    return pointer_to(array)


pointer: Any = intrinsic(_pointer)
"""Where a contiguous array begins; inner functions take a pointer for an array, and run up to twice as fast.

An array is seven arguments to a call, each call counts its references, and each index may count from its end; a pointer
is one argument, and an index only that. It keeps no array alive: take it from a kernel's arguments, which Python holds
until the kernel returns.
"""
