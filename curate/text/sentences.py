"""Sentences, counted by the rule of spaCy's sentencizer: line by line, after each mark that ends one.

    words ─▶ a mark that ends a sentence, then the next word that is no punctuation begins another

"Mr. Smith" is one: "Mr." is a word of its own. Closing quotes and brackets belong to the sentence before them. A run of
white space that is more than one space is a word to that rule, and begins a sentence like one.
"""

from __future__ import annotations

from curate.text.characters import LINE_BREAK, PUNCTUATION, TERMINAL
from curate.text.compiled import inner

BLANK = 0x20


@inner
def count_sentences(codes, classes, starts, ends, count):
    """`starts`, `ends` are those of `count` words; each line has at least one sentence where it has a word."""
    sentences = 0
    has_ended = False
    last = 0
    for word in range(count):
        start, end = starts[word], ends[word]
        is_mark = (end - start == 1) & (classes[start] & TERMINAL != 0)
        # To the word before: nothing between them, or one space.
        is_close = (start == last) | ((start == last + 1) & (codes[last] == BLANK))
        if is_close & (word > 0) & (not has_ended) & (not is_mark):  # nine of ten words
            last = end
            continue
        is_new_line = is_wide = False
        if start > last + 1 or (start > last and codes[last] != BLANK):
            is_new_line, is_wide = _has_line_break(classes, last, start), True
        if word == 0 or is_new_line or (is_wide and has_ended):
            sentences += 1
            has_ended = is_mark
        elif has_ended and not is_mark and not _is_punctuation(classes, start, end):
            sentences += 1
            has_ended = False
        else:
            has_ended = has_ended or is_mark
        last = end
    return sentences


@inner
def _has_line_break(classes, low, high):
    found = 0
    for at in range(low, high):
        found |= classes[at] & LINE_BREAK
    return found != 0


@inner
def _is_punctuation(classes, start, end):
    common = PUNCTUATION
    for at in range(start, end):
        common &= classes[at]
    return common != 0
