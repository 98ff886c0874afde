"""What the scanner writes: rows of int32 for elements, blocks, links and scripts, and what each column says.

    page ─▶ elements ─┬─ words (uint32): hashed words of class, id, role, itemprop and itemtype
                      └─ blocks ─▶ text (UTF-8)        links, scripts, facts: spans of the source

A column is a constant: `blocks[:, LINK_BYTES]`. All positions are indices into arrays of the whole batch; -1 is none.
Kernels are made of these constants, too, as of all that names curate.text.compiled.
"""

from __future__ import annotations

ELEMENT_COLUMNS = (
    "TAG",  # index in names.TAGS; 0 is unknown
    "PARENT",  # row of the element it stands in; -1 for the root of a page
    "DEPTH",  # 0 for the root
    "FLAGS",  # bits below, its own and those of what it stands in
    "OPENS",  # position of its "<" in the source
    "CLOSES",  # position in the source where it was closed
    "LAST",  # one more than the row of its last descendant: rows are in document order
    "FIRST_WORD",  # its words are words[FIRST_WORD:LAST_WORD]
    "LAST_WORD",
    "FIRST_BLOCK",  # the blocks inside it are blocks[FIRST_BLOCK:LAST_BLOCK]
    "LAST_BLOCK",
    "NUMBER",  # li: its number; ol: the number of its next item; table: rows; tr: its row from 0; td, th: its column
    "KIND",  # ol, ul, li: how it is marked (below); td, th: columns that it spans; table: most columns of a row
    "NAME",  # hash of its name, for unknown elements, too
)
BLOCK_COLUMNS = (
    "ELEMENT",  # row of the element that is a block in CSS and holds it
    "BEGIN",  # its text is text[BEGIN:END]
    "END",
    "LINK_BYTES",  # of its text, inside links
    "LINKS",  # that begin in it
    "BOLD_BYTES",  # of its text, in b, strong, em, i
    "IMAGES",  # since the block before
    "INPUTS",
    "OPENED",  # position of its first byte in the source
    "CLOSED",  # and where its last text ended
    "BLOCK_FLAGS",  # bits below
    "LEVEL",  # of the heading it stands in: 1 to 6, or 0
    "ITEM",  # row of the li that it stands in, or -1
    "LISTS",  # how many ul and ol it stands in
    "TABLE",  # row of the innermost table, or -1
    "CELL",  # row of the td, th or caption of that table, or -1
    "QUOTES",  # how many blockquotes it stands in
    "BREAKS",  # line breaks in its text
    "PREFORMATTED_IN",  # row of the pre that it stands in, or -1
    "CODE_BYTES",  # of its text, in code, kbd, samp, tt
)
LINK_COLUMNS = (
    "LINK_ELEMENT",  # row of the a
    "HREF",  # its target is the source[HREF:HREF_END], references not decoded
    "HREF_END",
    "LABEL",  # its text is text[LABEL:LABEL_END], with a space before it perhaps
    "LABEL_END",
    "LINK_BLOCK",  # the block that it begins in, or the next
)
SCRIPT_COLUMNS = ("SCRIPT_BEGIN", "SCRIPT_END")
"""The content of `<script type="application/ld+json">`, as a span of the source."""

(TAG, PARENT, DEPTH, FLAGS, OPENS, CLOSES, LAST, FIRST_WORD, LAST_WORD, FIRST_BLOCK, LAST_BLOCK, NUMBER, KIND, NAME) = (
    range(len(ELEMENT_COLUMNS))
)
(ELEMENT, BEGIN, END, LINK_BYTES, LINKS, BOLD_BYTES, IMAGES, INPUTS, OPENED, CLOSED, BLOCK_FLAGS) = range(11)
(LEVEL, ITEM, LISTS, TABLE, CELL, QUOTES, BREAKS, PREFORMATTED_IN, CODE_BYTES) = range(11, len(BLOCK_COLUMNS))
LINK_ELEMENT, HREF, HREF_END, LABEL, LABEL_END, LINK_BLOCK = range(len(LINK_COLUMNS))
SCRIPT_BEGIN, SCRIPT_END = range(len(SCRIPT_COLUMNS))

ELEMENT_WIDTH, BLOCK_WIDTH, LINK_WIDTH, SCRIPT_WIDTH = 14, 20, 6, 2

# Bits of FLAGS and BLOCK_FLAGS.
HIDDEN = 1 << 0  # hidden, aria-hidden=true, display:none or visibility:hidden, here or further out
IN_PRE = 1 << 1  # white space is kept
IN_NOSCRIPT = 1 << 2
IN_TEMPLATE = 1 << 3
IN_CONTROL = 1 << 4  # button, select, textarea, datalist
IN_LABEL = 1 << 5
IN_DRAWING = 1 << 6  # text of an svg, where it was asked for
DROPPED = 1 << 7  # elements only: their text is in no block, as it is hidden in the midst of a line, or not text
# Bits of BLOCK_FLAGS alone.
CONTINUES = 1 << 8  # the same line goes on: a button, a label or the like stood before it, and no block ended
AFTER_BREAK = 1 << 9  # two line breaks or more ended the block before, not an element
STARTS_ITEM = 1 << 10  # the first block of its li
ALL_BOLD = 1 << 11  # all of its text stands in b, strong, em, i
STARTS_CELL = 1 << 12  # the first block of its cell
# Bits of FLAGS alone.
IS_BLOCK = 1 << 13
IS_LINK = 1 << 14  # an a with href
COUNTS_DOWN = 1 << 15  # an ol that is reversed
FROM_ITEMS = 1 << 16  # and begins with the number of its items

# How an item is marked.
BULLET, DECIMAL, LOWER_LETTER, UPPER_LETTER, LOWER_ROMAN, UPPER_ROMAN = range(1, 7)

FACTS = (
    "title",
    "language",
    "description",
    "author",
    "published",
    "modified",
    "robots",
    "og_type",
    "og_title",
    "og_site_name",
    "generator",
    "canonical",
    "base",
    "time",
    "keywords",
    "license",
    "tdm_reservation",
)
"""Facts of a page: each is a span of the source, [begin, end) in `facts[page, fact]`, or [-1, -1)."""
