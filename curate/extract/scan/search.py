"""The next place of a byte, 32 bytes at a step: what stands between quotes, in scripts and comments costs little.

bytes ─▶ vector ─▶ a bit for each that is the wanted one ─▶ the lowest bit
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir
import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic

from curate.text.bits import NO_BITS, trailing_zeros
from curate.text.compiled import inner

ir: Any = llvmlite.ir
STEP = 32
LOWER_CASE = 0x20


def _matches(context: Any, data: Any, at: Any, byte: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data, at, byte = values
        vector = ir.VectorType(ir.IntType(8), STEP)
        place = builder.bitcast(builder.gep(data, [at]), vector.as_pointer())
        found = builder.load(place, align=1, typ=vector)  # a byte's own alignment: it may begin anywhere
        lane = builder.insert_element(ir.Constant(vector, ir.Undefined), byte, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), STEP), [0] * STEP)
        wanted = builder.shuffle_vector(lane, ir.Constant(vector, ir.Undefined), zeros)
        bits = builder.bitcast(builder.icmp_unsigned("==", found, wanted), ir.IntType(STEP))
        return builder.zext(bits, ir.IntType(64))

    return types.uint64(types.CPointer(types.uint8), types.int64, types.uint8), lower  # type: ignore[no-untyped-call]


matches: Any = intrinsic(_matches)
"""`matches(data, at, byte)`: bit i of the uint64 says whether `data[at + i]` is the byte; 32 bytes are read."""


@inner
def find_byte(data, at, end, byte):
    """Where the byte stands next; `end` if nowhere."""
    while at + STEP <= end:
        bits = matches(data, at, np.uint8(byte))
        if bits != NO_BITS:
            return at + np.int64(trailing_zeros(bits))
        at += STEP
    while at < end and data[at] != byte:
        at += 1
    return at


def word(text: str) -> npt.NDArray[np.uint8]:
    """A word for `is_here`: an array, as bytes of each length are a type of their own to numba."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


@inner
def is_here(data, at, end, wanted):
    """Whether the bytes of `wanted`, in lower case, stand here, in any case of their letters."""
    if at + len(wanted) > end:
        return False
    for step in range(len(wanted)):
        byte = data[at + step]
        if 0x41 <= byte <= 0x5A:
            byte |= LOWER_CASE
        if byte != wanted[step]:
            return False
    return True


@inner
def is_space(byte):
    """White space of HTML: space, tab, newline, form feed, return."""
    return byte == 0x20 or byte == 0x0A or byte == 0x09 or byte == 0x0D or byte == 0x0C


@inner
def skip_space(data, at, end):
    while at < end and is_space(data[at]):
        at += 1
    return at
