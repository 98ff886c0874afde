"""The memory of a scan: what it writes, where it stands, and the stack of open elements, as the kernels pass it on.

One page after another uses it: rows go on where the last page's ended, `state`, the stack and `last_open` begin anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import llvmlite.ir
import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic

from curate.text.compiled import inner, pointer

ir: Any = llvmlite.ir


class ScanRoom(NamedTuple):
    """Arrays without gaps. Row i of a matrix begins at i times its width."""

    data: Any  # uint8: the source
    state: Any  # int64[STATE]: counters and what else changes, by the constants below
    stack: Any  # int32[levels, STACK_WIDTH]
    last_open: Any  # int32[KEYS]: the level of the innermost open element of a name, or -1
    spans: Any  # int32[attributes, 2]: of the tag that is being read, valid where SEEN has the attribute's bit
    elements: Any  # int32[elements, ELEMENT_WIDTH]
    words: Any  # uint32[words]
    blocks: Any  # int32[blocks, BLOCK_WIDTH]
    text: Any  # uint8[bytes]
    links: Any  # int32[links, LINK_WIDTH]
    scripts: Any  # int32[scripts, SCRIPT_WIDTH]
    facts: Any  # int32[facts of the page, 2]
    tag_keys: Any  # the tables of `names`, `facts` and `references`
    tag_numbers: Any
    properties: Any
    attribute_keys: Any
    attribute_numbers: Any
    fact_keys: Any
    fact_numbers: Any
    reference_keys: Any
    reference_codes: Any
    windows: Any


_TYPES: tuple[Any, ...] = (
    types.uint8, types.int64, types.int32, types.int32, types.int32, types.int32, types.uint32, types.int32,
    types.uint8, types.int32, types.int32, types.int32, types.uint64, types.int32, types.int64, types.uint64,
    types.int32, types.uint64, types.int32, types.uint64, types.int32, types.int32,
)  # fmt: skip


def addresses_of(room: ScanRoom) -> npt.NDArray[np.uint64]:
    """uint64[arrays]: where each array begins. It keeps none alive: hold the room until the kernel returns."""
    for array, wanted in zip(room, _TYPES, strict=True):
        if not array.flags.c_contiguous or str(array.dtype) != wanted.name:
            raise TypeError(f"an array of {array.dtype} in the memory of a scan; {wanted.name} without gaps is right")
    return np.array([array.ctypes.data for array in room], dtype=np.uint64)


def _member(name: str) -> Any:
    """A function for kernels: the pointer to one array of a room, which itself is a pointer to the addresses of all.

    One argument instead of twenty-two: with a tuple of pointers, each use of it was as many instructions, and a
    kernel took minutes to compile.
    """
    index = ScanRoom._fields.index(name)
    pointed: Any = types.CPointer(_TYPES[index])  # type: ignore[no-untyped-call]

    def member(context: Any, room: Any) -> Any:
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            place = builder.gep(values[0], [ir.Constant(ir.IntType(64), index)])
            address = builder.load(place, typ=ir.IntType(64))
            # No array moves while a kernel runs: an address that was loaded once need not be loaded again.
            address.set_metadata("invariant.load", builder.module.add_metadata([]))
            return builder.inttoptr(address, context.get_value_type(pointed))

        return pointed(room), lower

    return intrinsic(member)


data_of: Any = _member("data")
state_of: Any = _member("state")
stack_of: Any = _member("stack")
last_open_of: Any = _member("last_open")
spans_of: Any = _member("spans")
elements_of: Any = _member("elements")
words_of: Any = _member("words")
blocks_of: Any = _member("blocks")
text_of: Any = _member("text")
links_of: Any = _member("links")
scripts_of: Any = _member("scripts")
facts_of: Any = _member("facts")
tag_keys_of: Any = _member("tag_keys")
tag_numbers_of: Any = _member("tag_numbers")
properties_of: Any = _member("properties")
attribute_keys_of: Any = _member("attribute_keys")
attribute_numbers_of: Any = _member("attribute_numbers")
fact_keys_of: Any = _member("fact_keys")
fact_numbers_of: Any = _member("fact_numbers")
reference_keys_of: Any = _member("reference_keys")
reference_codes_of: Any = _member("reference_codes")
windows_of: Any = _member("windows")

STATE_FIELDS = (
    # How much is written.
    "N_ELEMENTS", "N_WORDS", "N_BLOCKS", "N_TEXT", "N_LINKS", "N_SCRIPTS",
    # The run of text that is being collected: where it begins in the text, and what is known of it.
    "RUN", "SPACE", "BREAKS_AHEAD", "RUN_HOLDER", "RUN_FLAGS", "RUN_OPENED", "RUN_CLOSED", "RUN_LINK_BYTES",
    "RUN_LINKS", "RUN_BOLD_BYTES", "RUN_CODE_BYTES", "RUN_BREAKS", "RUN_IMAGES", "RUN_INPUTS", "LINE", "AFTER_BREAKS",
    # The stack, and what is open.
    "TOP", "FIRST_ELEMENT", "OPEN_LINKS", "OPEN_BOLD", "OPEN_CODE", "FORM", "HAS_HEAD", "HAS_BODY", "HAS_REVERSED",
    # The tag that was read last.
    "SEEN", "IS_CLOSED", "TAG_HASH",
    # The formula that is open: where its text begins, and its TeX in the source.
    "MATH_TEXT", "MATH_BLOCK", "TEX_BEGIN", "TEX_END", "IS_DISPLAY", "LAST_FORMULA", "HAS_TEX_SCRIPT",
    "MATH_SPACE",
    # What was asked.
    "IS_XHTML", "IS_WHOLE", "SOURCE_END",
)  # fmt: skip
STATE = len(STATE_FIELDS)
N_ELEMENTS, N_WORDS, N_BLOCKS, N_TEXT, N_LINKS, N_SCRIPTS = range(6)
COUNTS = 6
RUN, SPACE, BREAKS_AHEAD, RUN_HOLDER, RUN_FLAGS, RUN_OPENED, RUN_CLOSED, RUN_LINK_BYTES, RUN_LINKS = range(6, 15)
RUN_BOLD_BYTES, RUN_CODE_BYTES, RUN_BREAKS, RUN_IMAGES, RUN_INPUTS, LINE, AFTER_BREAKS = range(15, 22)
TOP, FIRST_ELEMENT, OPEN_LINKS, OPEN_BOLD, OPEN_CODE, FORM, HAS_HEAD, HAS_BODY, HAS_REVERSED = range(22, 31)
SEEN, IS_CLOSED, TAG_HASH = range(31, 34)
MATH_TEXT, MATH_BLOCK, TEX_BEGIN, TEX_END, IS_DISPLAY, LAST_FORMULA, HAS_TEX_SCRIPT = range(34, 41)
MATH_SPACE, IS_XHTML, IS_WHOLE, SOURCE_END = range(41, 45)

STACK_COLUMNS = (
    "AT_TAG",  # number of its name; NO_TAG once its end tag came while other elements were open in it
    "AT_ROW",  # row among the elements
    "AT_KEY",  # index in `last_open`
    "AT_SAME",  # the level of the next element outwards with the same key, or -1
    # The innermost level, this one included, at which looking outwards for an element ends:
    "AT_SCOPE", "AT_LIST_SCOPE", "AT_BUTTON_SCOPE", "AT_TABLE_SCOPE", "AT_SPECIAL",
    "AT_ITEM",  # for li, dt and dd: the innermost special element but address, div and p
    "AT_HTML",  # the innermost level that is no part of a drawing or formula
    "AT_SPACE",  # the namespace of the element: HTML, SVG or MATHML
    "AT_INSIDE",  # the namespace by whose rules its content is read
    "AT_HOLDER",  # row of the innermost block
    "AT_FLAGS",  # columns.FLAGS of its content
    "AT_LISTS", "AT_QUOTES", "AT_PRE",  # how many lists and quotations, and which pre, its content stands in
    "AT_LINK",  # its row among the links, or -1
    "AT_PROPERTIES",  # names.tag_properties of its tag
)  # fmt: skip
STACK_WIDTH = len(STACK_COLUMNS)
AT_TAG, AT_ROW, AT_KEY, AT_SAME, AT_SCOPE, AT_LIST_SCOPE, AT_BUTTON_SCOPE, AT_TABLE_SCOPE, AT_SPECIAL = range(9)
AT_ITEM, AT_HTML, AT_SPACE, AT_INSIDE, AT_HOLDER, AT_FLAGS, AT_LISTS, AT_QUOTES, AT_PRE, AT_LINK = range(9, 19)
AT_PROPERTIES = 19
NO_TAG = -1
HTML, SVG, MATHML = range(3)
MAX_LEVELS = 1 << 17
"""Elements that are nested deeper keep a row and their text, but close nothing and hide nothing."""


@inner
def room_at(addresses):
    """The room of a kernel, from `addresses_of`; other kernels take it as an argument."""
    return pointer(addresses)
