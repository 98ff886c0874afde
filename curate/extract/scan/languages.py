"""The language of code, as its page names it: `class="language-python"` on pre, on code in it, or around it."""

from __future__ import annotations

import numpy as np

from curate.extract.scan.columns import ELEMENT_WIDTH, LAST, OPENS, PARENT
from curate.extract.scan.search import is_here, skip_space, word
from curate.text.compiled import inner, part

GREATER, MINUS, PLUS, SHARP, UNDERSCORE = b">-+#_"
LANGUAGE, LANG, SOURCE, BRUSH = word("language-"), word("lang-"), word("highlight-source-"), word("brush:")
FIRST_LETTERS = b"lhb"
LONGEST_LANGUAGE, LONGEST_TAG = 24, 1000


@part
def write_language(source, elements, pre, data, out):
    """Write the name of the language behind a fence, if the pre, what it begins with, or what it stands in has one."""
    around = elements[pre * ELEMENT_WIDTH + PARENT]
    first = pre + 1 if elements[pre * ELEMENT_WIDTH + LAST] > pre + 1 else pre
    for row in (np.int64(pre), np.int64(first), np.int64(around)):  # of one type, as a loop needs them
        after = _write_name(source, np.int64(elements[row * ELEMENT_WIDTH + OPENS]), data, out)
        if after > out:
            return after
    return out


@inner
def _write_name(source, at, data, out):
    """The name in the tag that begins at `at`; the tag has an end, as it has made an element."""
    for place in range(at + 1, at + LONGEST_TAG):
        byte = source[place]
        if byte == GREATER:
            break
        if byte == FIRST_LETTERS[0] or byte == FIRST_LETTERS[1] or byte == FIRST_LETTERS[2]:
            end = place + LONGEST_LANGUAGE  # a word is compared byte by byte, and the tag's ">" is in none
            begin = _behind(source, place, end)
            if begin:
                return _copy_name(source, skip_space(source, begin, begin + 2), data, out)
    return out


@inner
def _behind(source, at, end):
    """Where a name begins, if a word stands here that announces one, else 0."""
    for wanted in (LANGUAGE, LANG, SOURCE, BRUSH):
        if is_here(source, at, end, wanted):
            return at + len(wanted)
    return 0


@inner
def _copy_name(source, at, data, out):
    for step in range(LONGEST_LANGUAGE):
        byte = source[at + step]
        is_letter = 0x61 <= byte | 0x20 <= 0x7A or 0x30 <= byte <= 0x39
        if not is_letter and byte != MINUS and byte != PLUS and byte != SHARP and byte != UNDERSCORE:
            break
        data[out] = byte
        out += 1
    return out
