"""The elements and attributes that the scanner knows, and what each of them means to it: one table, as kernels read it.

    name ─▶ hash, made while its bytes are read ─▶ number (0: unknown) ─▶ properties, a bit each

The sets are those of the HTML standard (13.2.4.2 special and formatting elements and scopes, 13.2.5 the states of the
tokenizer, 13.2.6.5 foreign content) and of its style sheet (15.3: which elements are blocks).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.text.compiled import inner

VOID, BLOCK, SPECIAL, SCOPE, LIST_SCOPE, BUTTON_SCOPE, TABLE_SCOPE, CLOSES_P = (1 << bit for bit in range(8))
FORMATTING, HEADING, RAW, HEAD_PART, BREAKOUT, TABLE_PART, SCOPED_END, RUBY_PART = (1 << bit for bit in range(8, 16))
EMPHASIS, UNSEEN, CONTROL, SILENT, PREFORMATTED, TEXT_POINT, SPECIAL_ABROAD = (1 << bit for bit in range(16, 23))

_HEADINGS = "h1 h2 h3 h4 h5 h6"
_SECTIONS = """address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer
    header hgroup main menu nav ol pre listing search section summary ul"""

_SETS = {
    # No content and no end tag.
    VOID: "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr",
    # Where a run of text begins and ends.
    BLOCK: f"""html body {_SECTIONS} {_HEADINGS} p li dd dt form hr frameset legend optgroup plaintext xmp
        table caption colgroup tbody thead tfoot tr td th template noscript button select textarea datalist label""",
    # An end tag of another kind does not close what is around these.
    SPECIAL: f"""{_SECTIONS} {_HEADINGS} applet area base basefont bgsound body br button caption col colgroup dd dt
        embed form frame frameset head hr html iframe img input keygen li link marquee meta noembed noframes noscript
        object p param plaintext script select source style table tbody td template textarea tfoot th thead title tr
        track wbr xmp""",
    # "In scope" ends at these, and for some end tags at a list, a button, or only at a table as well.
    SCOPE: "applet caption html table td th marquee object template",
    LIST_SCOPE: "applet caption html table td th marquee object template ol ul",
    BUTTON_SCOPE: "applet caption html table td th marquee object template button",
    TABLE_SCOPE: "html table template",
    CLOSES_P: f"{_SECTIONS} {_HEADINGS} p li dd dt form table hr xmp plaintext",
    FORMATTING: "a b big code em font i nobr s small strike strong tt u",
    HEADING: _HEADINGS,
    # Their content is text up to their own end tag.
    RAW: "script style iframe noembed noframes title textarea xmp",
    # What a head may hold: anything else ends it.
    HEAD_PART: "base basefont bgsound link meta noframes noscript script style template title head html",
    # Never part of a drawing or formula: they end it.
    BREAKOUT: f"""b big blockquote body br center code dd div dl dt em embed {_HEADINGS} head hr i img li listing menu
        meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var""",
    TABLE_PART: "caption col colgroup tbody thead tfoot tr td th",
    # Their end tag closes what is open in them, if they are in scope.
    SCOPED_END: f"{_SECTIONS} button applet marquee object",
    RUBY_PART: "rb rt rtc rp",
    EMPHASIS: "b strong em i",
    # Another text for what is seen, or none at all.
    UNSEEN: "audio canvas video svg head annotation annotation-xml frameset",
    # What a reader enters or chooses.
    CONTROL: "button select textarea datalist",
    # They get no row of their own among the elements.
    SILENT: "br wbr meta link base param source track col script style title basefont bgsound area",
    PREFORMATTED: "pre listing textarea xmp plaintext",
    # Inside a formula or a drawing, the content of these is HTML again.
    TEXT_POINT: "mi mo mn ms mtext foreignobject desc title",
    SPECIAL_ABROAD: "mi mo mn ms mtext annotation-xml foreignobject desc title",
}
_OTHERS = (
    "time math mjx-container mjx-math text tspan span option ruby abbr cite dfn q sub sup kbd samp var ins del picture"
)
_OTHERS += " meter progress output address object isindex image noindex bdi bdo data slot map mark semantics"


def _all_names() -> tuple[str, ...]:
    return tuple(sorted({name for names in (*_SETS.values(), _OTHERS) for name in names.split()}))


TAGS: tuple[str, ...] = ("", *_all_names())
"""`TAGS[number]` is the name of an element; 0 is for all others, which the standard treats alike."""
TAG_IDS: dict[str, int] = {name: number for number, name in enumerate(TAGS)}
UNKNOWN = 0
KEYS = 512
"""Of elements on the stack: a number for each known name, and 256 that all others share by their hash."""

_ATTRIBUTES = """class id role itemprop itemtype hidden aria-hidden style href start value reversed type lang content
    name property http-equiv rel encoding alttext data-latex display colspan datetime src xml:lang color face size"""
ATTRIBUTES: tuple[str, ...] = tuple(_ATTRIBUTES.split())
ATTRIBUTE_IDS: dict[str, int] = {name: number for number, name in enumerate(ATTRIBUTES)}


def tag_ids(names: str) -> tuple[int, ...]:
    """The numbers of elements, whose names have spaces between them."""
    return tuple(TAG_IDS[name] for name in names.split())


def attribute_ids(names: str) -> tuple[int, ...]:
    """The numbers of attributes, likewise."""
    return tuple(ATTRIBUTE_IDS[name] for name in names.split())


SLOT_SHIFT = np.uint64(54)
SLOTS = 1024
PRIME = np.uint64(0x9E3779B97F4A7C15)
START = np.uint64(0xCBF29CE484222325)
_ALL = (1 << 64) - 1


class NameTable(NamedTuple):
    """An open-addressing table: `keys` uint64[1024], hashes or 0; `numbers` int32[1024]."""

    keys: npt.NDArray[np.uint64]
    numbers: npt.NDArray[np.int32]


def name_hash(name: str | bytes) -> int:
    """The hash of a name in lower case, as `extend_name` makes it byte by byte."""
    value = int(START)
    for byte in name.encode() if isinstance(name, str) else name:
        value = (value ^ byte) * int(PRIME) & _ALL
    return value


def name_table(numbers: dict[str, int], slots: int = SLOTS) -> NameTable:
    """A table that `number_of` finds names in; at most a third of it is full."""
    if 3 * len(numbers) > slots:
        raise ValueError(f"{len(numbers)} names are too many for a table of {slots} slots")
    table = NameTable(np.zeros(slots, dtype=np.uint64), np.full(slots, UNKNOWN, dtype=np.int32))
    for name, number in numbers.items():
        key = name_hash(name)
        slot = key >> int(SLOT_SHIFT)
        while table.keys[slot]:
            slot = (slot + 1) % slots
        table.keys[slot], table.numbers[slot] = key, number
    return table


@cache
def tag_table() -> NameTable:
    return name_table({name: number for name, number in TAG_IDS.items() if name})


@cache
def attribute_table() -> NameTable:
    """Numbers count from 1 here, as 0 is for unknown ones."""
    return name_table({name: number + 1 for name, number in ATTRIBUTE_IDS.items()})


@cache
def tag_properties() -> npt.NDArray[np.int64]:
    """int64[256]: the bits of each element."""
    properties = np.zeros(256, dtype=np.int64)
    for bit, names in _SETS.items():
        properties[[TAG_IDS[name] for name in names.split()]] |= bit
    return properties


@inner
def extend_name(value, byte):
    """The hash of a name with one more byte; upper-case letters count as lower-case ones."""
    if 0x41 <= byte <= 0x5A:
        byte |= 0x20
    return (value ^ np.uint64(byte)) * PRIME


@inner
def number_of(keys, numbers, value):
    """The number of the name with this hash; 0 for an unknown one."""
    slot = np.int64(value >> SLOT_SHIFT)
    while keys[slot] != 0 and keys[slot] != value:  # a third full at most, so that a free slot ends the search
        slot = (slot + 1) & (SLOTS - 1)
    return numbers[slot]
