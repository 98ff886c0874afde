"""Where a compiled kernel is kept: in a file whose name says what all sources of kernels were when it was compiled.

    all sources of kernels -> digest -> MODULE.KERNEL-DIGEST-LINE.py311.nbi, .1.nbc in __pycache__ or the user's cache

Numba alone looks only at the file that defines a kernel, and would run it with the old body of an inner function that
stands elsewhere. The digest is in the name, not in the index as numba's own stamp is: numba writes an index before the
code that it points to, and another process, or one that was killed in between, would pair the new index with old code.
"""

from __future__ import annotations

import hashlib
from functools import cache
from glob import escape
from pathlib import Path
from typing import Any

from llvmlite.binding import parse_assembly
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.runtime.nrt import rtsys

PACKAGE = Path(__file__).resolve().parents[1]
MARK = b"curate.text.compiled"
"""What each source of kernels has in its text, in an import; a test holds that a kernel uses such files alone."""


def digest_of_sources(package: Path) -> str:
    """The digest of the names and contents of all files that kernels are made of."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        if MARK in content:
            # The length keeps one file's end and the next one's beginning apart.
            digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


@cache
def digest_of_kernels() -> str:
    """Read once in a process, in some 5 ms, as it starts to define kernels."""
    return digest_of_sources(PACKAGE)


class _KernelFiles(CompileResultCacheImpl):
    """Numba's choice of a folder and of names, with the digest between a kernel's name and its line."""

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        self.kernel_name = fullname
        return super().get_filename_base(f"{fullname}-{digest_of_kernels()}", abiflags)  # type: ignore[no-any-return, no-untyped-call]

    def reduce(self, compiled: Any) -> Any:
        """What is written of a kernel: its machine code, and not what numba keeps beside it for other compiled code.

        The environments of its inner functions, of which there are hundreds, are for code that makes Python objects,
        as no inner function does (`numba_code._LinkedCode`). The bitcode is for functions that call the kernel, and no
        kernel does: a part is what two of them share. Both took more than half of the time in which a process loads
        its kernels."""
        (name, kind, (machine_code, _)), *needed, _ = super().reduce(compiled)  # type: ignore[no-untyped-call]
        return ((name, kind, (machine_code, _entry_points(compiled.fndesc))), *needed, [])


def _entry_points(described: Any) -> bytes:
    """Bitcode that says which functions of the machine code may be asked for; what stands in them is never run."""
    names = described.llvm_func_name, described.llvm_cpython_wrapper_name
    module = parse_assembly("".join(f'define void @"{name}"() {{ ret void }}\n' for name in names))  # type: ignore[no-untyped-call]
    bitcode: bytes = module.as_bitcode()
    return bitcode


class KernelCache(FunctionCache):
    """The files of one kernel. What older sources left behind is deleted once there is something newer."""

    _impl_class = _KernelFiles

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Without `target.refresh()`, which numba calls first, and which is half of what a process takes to start:
        machine code that is loaded needs the runtime alone. Who compiles needs what numba knows of the functions of
        Python and numpy; the compiler asks for it as well."""
        rtsys.initialize(target)
        return self._load_overload(signature, target)  # type: ignore[no-untyped-call]

    def save_overload(self, signature: Any, compiled: Any) -> None:
        super().save_overload(signature, compiled)  # type: ignore[no-untyped-call]
        base: str = self._impl.filename_base
        python = base.rpartition(".")[2]  # "py311": each Python has files of its own
        for path in Path(self.cache_path).glob(f"{escape(self._impl.kernel_name)}-*.{python}.*nb[ic]"):
            if not path.name.startswith(base):
                path.unlink(missing_ok=True)  # a process that still reads it compiles anew
