"""What a user's function raised, as the ledger tells it: the error, the place, and the way there.

exception ─▶ "KeyError: 'author' (my_filters.py:12: row['author'])" and, where it went through several, the traceback
"""

from __future__ import annotations

import traceback

from curate.errors import described

MAX_FRAMES = 10


def describe_raised(error: BaseException, caller: str) -> str:
    """A line with the error and the place where it was raised; then, where it went through several, the lines of the
    traceback. Frames of the file `caller`, which called the function, say nothing to its author.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != caller]
    place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}: {frames[-1].line})" if frames else ""
    told = described(error) + place
    way = "".join(traceback.format_list(frames[-MAX_FRAMES:])) if len(frames) > 1 else ""
    return f"{told}\n{way}".rstrip()
