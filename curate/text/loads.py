"""Four and eight bytes of a text as one number, wherever they stand: one instruction, however it is compiled.

Put together out of single bytes, they are one load only where the compiler sees through its own rewriting of the
places, which it did in some functions and not in others: all signals of a text took a twentieth longer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from curate.text.compiled import intrinsic


def _loader(bits: int) -> Callable[[Any, Any, Any], Any]:
    """The intrinsic that reads so many bits behind a pointer to bytes, the first byte lowest."""

    def load(context: Any, data: Any, at: Any) -> Any:
        from llvmlite import ir
        from numba import types

        number: Any = ir.IntType(bits)  # type: ignore[no-untyped-call]

        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            place = builder.bitcast(builder.gep(values[0], [values[1]]), number.as_pointer())
            found = builder.load(place, align=1)
            return found if sys.byteorder == "little" else builder.bswap(found)

        return getattr(types, f"uint{bits}")(data, types.int64), lower

    return load


four_bytes: Any = intrinsic(_loader(32))
"""uint32 of `data[at:at + 4]`, of a pointer to uint8."""
eight_bytes: Any = intrinsic(_loader(64))
"""uint64 of `data[at:at + 8]`."""
