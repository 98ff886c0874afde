"""Of every byte of texts, which kind of character it belongs to, as the expressions that split texts tell them apart.

UTF-8 ─▶ code points ─▶ kinds, asked of `tokenizers` a few thousand at a time, once one comes ─▶ a kind a byte
                                                                                             └▶ CUT in endless runs
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, pre_tokenizers

from curate.text.compiled import inner, kernel, pointer

UNKNOWN, LETTER, NUMBER, OTHER, SPACE, NEWLINE = range(6)
"""What the split tells apart, after what nobody has asked about; SPACE is white space that does not end a line."""
KIND, CUT = 7, 8
"""In a byte: the kind; that no word reaches over its left side."""
MAX_RUN = 512
"""Characters of white space, or of none: training time grows faster than a word; longer runs are cut, in training."""
SEPARATORS = (0x1C, 0x1F)
"""What is white space to Python and not to expressions."""
CODE_POINTS = 0x110000
SURROGATES = range(0xD800, 0xE000)
ASKED, ALL_KNOWN = 1 << 12, -1


class CharacterKinds:
    """The kinds of all code points, as far as they have come."""

    def __init__(self) -> None:
        self._kinds = np.full(CODE_POINTS, UNKNOWN, dtype=np.uint8)

    def of_bytes(self, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """uint8[len(data) + 1], the last one CUT; those before the first text and behind the last mean nothing."""
        kinds = np.zeros(len(data) + 1, dtype=np.uint8)
        while (unknown := _mark_kinds(data, offsets, self._kinds, kinds)) != ALL_KNOWN:
            start = unknown - unknown % ASKED
            self._kinds[start : start + ASKED] = character_kinds(range(start, start + ASKED))
        return kinds


def character_kinds(codes: range) -> npt.NDArray[np.uint8]:
    """The kind of each code point, as the expressions of `tokenizers` see it; half a microsecond each."""
    characters = [chr(code) for code in codes if code not in SURROGATES]
    found = np.full(len(characters), OTHER, dtype=np.uint8)
    for kind, expression in ((LETTER, r"\p{L}+"), (NUMBER, r"\p{N}+"), (SPACE, r"\s+")):
        found[_is_found("".join(characters), expression)] = kind
    found[[character in "\r\n" for character in characters]] = NEWLINE
    kinds = np.full(len(codes), OTHER, dtype=np.uint8)
    kinds[[code not in SURROGATES for code in codes]] = found
    return kinds


def _is_found(text: str, expression: str) -> npt.NDArray[np.bool_]:
    """Whether each character of a text is in a run that an expression finds."""
    is_found = np.ones(len(text), dtype=bool)
    for _, (start, end) in pre_tokenizers.Split(Regex(expression), "removed").pre_tokenize_str(text):
        is_found[start:end] = False
    return is_found


@kernel
def _mark_kinds(data, offsets, kinds_of_codes, kinds):
    """The kind of each byte's character, and CUT where a text begins and where a run has gone on for too long; returns
    the first code point whose kind nobody knows, or ALL_KNOWN."""
    of_code, end_of_all = pointer(kinds_of_codes), offsets[len(offsets) - 1]
    data, kinds = pointer(data), pointer(kinds)
    at = offsets[0]
    while at < end_of_all:
        size = size_of(data[at])
        code = _code(data, at, size)
        kind = of_code[code]
        if kind == UNKNOWN:
            return code
        kinds[at] = kind
        for tail in range(at + 1, at + size):
            kinds[tail] = kind
        at += size
    for text in range(len(offsets) - 1):
        _cut_runs(data, kinds, offsets[text], offsets[text + 1])
        kinds[offsets[text]] |= CUT
    kinds[end_of_all] = CUT
    return ALL_KNOWN


@inner
def _cut_runs(data, kinds, start, end):
    """CUT after each 512 characters of white space, or of none. A run begins at `start`; looked at is, from behind, no
    more of the next 512 bytes than it takes to see that it ends there."""
    while end - start > MAX_RUN:
        border = start + MAX_RUN
        while border > start and _is_blank(data, kinds, border) == _is_blank(data, kinds, border - 1):
            border -= 1
        start = border if border > start else _cut_run(data, kinds, start, end)


@inner
def _cut_run(data, kinds, at, end):
    """CUT in the run that begins at `at`; returns where it ends."""
    is_blank, characters = _is_blank(data, kinds, at), 0
    while at < end and _is_blank(data, kinds, at) == is_blank:
        if characters == MAX_RUN:
            kinds[at] |= CUT
            characters = 0
        characters += 1
        at += size_of(data[at])
    return at


@inner
def _is_blank(data, kinds, at):
    """As `str.isspace`, to which four control characters are white space that are none to expressions."""
    return kinds[at] & KIND >= SPACE or (SEPARATORS[0] <= data[at] <= SEPARATORS[1])


@inner
def size_of(lead):
    """Bytes of the character that a byte begins."""
    return 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


@inner
def _code(data, at, size):
    code = np.int64(data[at]) & (0xFF >> (size + 1) if size > 1 else 0x7F)  # without the lead byte's mark
    for tail in range(at + 1, at + size):
        code = code << np.int64(6) | np.int64(data[tail] & 0x3F)
    return code
