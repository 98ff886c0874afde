"""Phrases that published rules look for, found in any ASCII case, wherever they stand: "lorem ipsum", "cookie policy".

codes ─▶ at each letter that is the rarest of a phrase: does one stand around it? ─▶ how often each kind
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.text.bits import BLOCK, LAST, NO_BITS, ONE, class_bits, trailing_zeros
from curate.text.characters import ANCHOR, ANCHORS
from curate.text.compiled import inner

POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
"""C4's (Raffel et al. 2020): a line with one of them is about the site, not about its subject."""

PHRASES = ("lorem ipsum", "javascript", "://", *POLICIES)
LOREM_IPSUM, JAVASCRIPT, URL, POLICY = range(4)
"""Their kinds, in the same order; the policies are one kind."""

CODES = np.array([ord(letter) for phrase in PHRASES for letter in phrase], dtype=np.int32)
SIZES = np.array([len(phrase) for phrase in PHRASES])
STARTS = np.cumsum(SIZES) - SIZES
OFFSETS = np.array([min(phrase.find(letter) for letter in ANCHORS if letter in phrase) for phrase in PHRASES])
"""Where a phrase has its first rare letter."""
PAIRS = CODES[STARTS + OFFSETS] << 8 | CODES[STARTS + OFFSETS + 1]
"""That letter and the next one: few other words have them side by side."""
CAPITAL_A, CAPITAL_Z, LOWER_CASE = 0x41, 0x5A, 0x20
PAIR_FILTER = np.uint64(sum({1 << ((pair >> 8) * 3 + (pair & 0xFF) * 5) % 64 for pair in PAIRS.tolist()}))
"""A bit for each pair: most others have none."""


class PhraseCounts(NamedTuple):
    """How often each kind stands in a text."""

    lorem_ipsums: int
    javascripts: int
    urls: int
    policies: int


@inner
def count_phrases(codes, classes, low, high):
    """Search `codes[low:high]`."""
    lorem = javascript = urls = policies = 0
    for first in range(low, high, BLOCK):
        anchors = class_bits(classes, first, high, ANCHOR)
        while anchors != NO_BITS:
            phrase = _phrase_around(codes, first + np.int64(trailing_zeros(anchors)), low, high)
            anchors &= anchors - ONE
            lorem += phrase == LOREM_IPSUM
            javascript += phrase == JAVASCRIPT
            urls += phrase == URL
            policies += phrase >= POLICY
    return PhraseCounts(lorem, javascript, urls, policies)


@inner
def _phrase_around(codes, at, low, high):
    """The number of the phrase that has its first rare letter at `at`, or -1."""
    if at + 1 >= high or not PAIR_FILTER >> _pair_bit(codes[at], codes[at + 1]) & ONE:
        return -1
    pair = _lower(codes[at]) << 8 | _lower(codes[at + 1])
    for number in range(len(SIZES)):
        start = at - OFFSETS[number]
        is_likely = pair == PAIRS[number] and start >= low and start + SIZES[number] <= high
        if is_likely and _is_phrase(codes, start, number):
            return number
    return -1


@inner
def _pair_bit(first, second):
    """Where the pair has its bit in PAIR_FILTER; ":", "/" and the space have the bit of lower case already."""
    return np.uint64((first | LOWER_CASE) * 3 + (second | LOWER_CASE) * 5) & LAST


@inner
def _lower(code):
    return code | LOWER_CASE if CAPITAL_A <= code <= CAPITAL_Z else code


@inner
def _is_phrase(codes, start, number):
    offset = 0
    while offset < SIZES[number] and _lower(codes[start + offset]) == CODES[STARTS[number] + offset]:
        offset += 1
    return offset == SIZES[number]
