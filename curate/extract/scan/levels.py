"""Questions to the stack of open elements, answered in constant time: which level has a name, what the top holds."""

from __future__ import annotations

import numpy as np

from curate.extract.scan.columns import (
    ELEMENT_WIDTH,
    NAME,
)
from curate.extract.scan.names import (
    UNKNOWN,
)
from curate.extract.scan.room import (
    AT_ROW,
    AT_SAME,
    STACK_WIDTH,
    TAG_HASH,
    TOP,
    elements_of,
    last_open_of,
    stack_of,
    state_of,
)
from curate.text.compiled import inner

BUCKETS, BUCKET_SHIFT, NAME_SHIFT = 256, np.uint64(40), np.uint64(32)
MAX_STEPS = 32
"""How many open elements of unknown names with the same key are looked at for one end tag."""


@inner
def level_of(room, tag):
    """The innermost level with this known name, or -1."""
    return np.int64(last_open_of(room)[tag])


@inner
def top_value(room, column):
    return np.int64(stack_of(room)[state_of(room)[TOP] * STACK_WIDTH + column])


@inner
def short_hash(room):
    """The name of the tag that was read last, as `columns.NAME` keeps it."""
    return np.int32(np.uint32(np.uint64(state_of(room)[TAG_HASH]) >> NAME_SHIFT))


@inner
def key_of(room, tag):
    if tag != UNKNOWN:
        return np.int64(tag)
    return BUCKETS + np.int64((np.uint64(state_of(room)[TAG_HASH]) >> BUCKET_SHIFT) & np.uint64(BUCKETS - 1))


@inner
def level_of_name(room, tag):
    """The innermost level with the name of the tag that was read last, known or not, or -1."""
    level = np.int64(last_open_of(room)[key_of(room, tag)])
    if tag == UNKNOWN:
        wanted, steps = short_hash(room), 0
        while level >= 0 and steps < MAX_STEPS:
            if elements_of(room)[stack_of(room)[level * STACK_WIDTH + AT_ROW] * ELEMENT_WIDTH + NAME] == wanted:
                return level
            level = np.int64(stack_of(room)[level * STACK_WIDTH + AT_SAME])
            steps += 1
        return np.int64(-1)
    return level
