"""How the kernels are compiled: `kernel` is called from Python and cached on disk, `part` and `inner` by kernels alone.

Numba keeps a compiled kernel until the file that defines it changes; a change in a file of its inner functions needs
`curate/**/__pycache__/*.nb?` deleted.
"""

from __future__ import annotations

import numba

kernel = numba.njit(cache=True, nogil=True)
part = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)  # type: ignore[call-overload]
"""Without entry points for Python and C, which take longer to compile than most of the functions themselves."""
inner = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)  # type: ignore[call-overload]
"""Compiled into its callers: an array is seven arguments to a call, which cost more than most of the functions do."""
