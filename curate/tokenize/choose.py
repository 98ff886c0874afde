"""How much of each document is needed: chosen by a keyed hash of its id, so that any machine chooses the same.

hashes, tokens ─▶ up to a share: whole documents and the beginning of one   (choose_tokens)
               ─▶ held out: the end of one                                  (choose_tail)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

MIN_TOKENS = 2
"""Of a document: one of text, and end-of-text."""
REACH = 1000
"""Tokens on either side among which the end of a document may begin."""

Int64s = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


def hash_ids(ids: pl.Series, *, seed: int, purpose: str) -> Hashes:
    """uint64[n]: xxh3_64 of each id under a key made from the seed and the purpose."""
    key = xxhash.xxh3_64_intdigest(purpose.encode(), seed=seed)
    hashes = (xxhash.xxh3_64_intdigest(name.encode(), seed=key) for name in ids)
    return np.fromiter(hashes, dtype=np.uint64, count=len(ids))


def choose_tokens(hashes: Hashes, token_counts: Int64s, budget: int) -> Int64s:
    """int64[n]: the tokens to take of each document so that they are `budget` in all, or all if those are too few.

    Documents are whole in the order of their hashes; the last is cut where the budget ends. A cut document has at least
    two tokens, so a budget of one gets two.
    """
    order = np.argsort(hashes, kind="stable")
    counts = token_counts[order].astype(np.int64, copy=False)
    wanted = max(budget, MIN_TOKENS) if budget > 0 else 0
    taken: Int64s = np.cumsum(counts, dtype=np.int64)  # from here on in place: there may be billions of documents
    taken -= counts
    np.subtract(wanted, taken, out=taken)
    np.clip(taken, 0, counts, out=taken)
    _mend_end(taken, counts)
    counts[order] = taken
    return counts


def _mend_end(taken: Int64s, counts: Int64s) -> None:
    """One token alone would be an end-of-text without a text: the document before it gives one of its own."""
    last = int(np.count_nonzero(taken)) - 1
    if last > 0 and taken[last] == 1 < counts[last]:
        can_give = taken[last - 1] > MIN_TOKENS
        taken[last - 1] -= can_give
        taken[last] += 1 if can_give else -1


def choose_tail(
    hashes: Hashes, token_counts: Int64s, share: float, *, are_whole: npt.NDArray[np.bool_] | None = None
) -> tuple[int, int] | None:
    """Of a source that has no whole document to hold out: the document whose end is held out, and of how many tokens.

    That is `share` of all tokens, and at most half of the document: the first by its hash that is long enough, else the
    longest, of those that `are_whole`. None where all are too short to be cut in two.
    """
    limits = token_counts // 2 if are_whole is None else np.where(are_whole, token_counts // 2, 0)
    if limits.max(initial=0) < MIN_TOKENS:
        return None
    wanted = max(round(share * int(token_counts.sum())), MIN_TOKENS)
    wanted = min(wanted, int(limits.max()))
    number = min(np.flatnonzero(limits >= wanted).tolist(), key=lambda place: int(hashes[place]))
    return number, wanted


def cut_tail(tokens: npt.NDArray[Any], wanted: int, pieces: tuple[bytes, ...]) -> int:
    """How many tokens the end of a document has that begins with a paragraph, else a line, else a word, as near as can
    be to the place where `wanted` tokens are left."""
    middle, reach = len(tokens) - wanted, min(wanted // 2, REACH)
    nearby = range(max(middle - reach, 1), min(middle + reach, len(tokens) - MIN_TOKENS) + 1)
    places = sorted(nearby, key=lambda place: (abs(place - middle), place))
    for is_bound in (_is_paragraph, _is_line, _is_word, _is_character):
        for place in places:
            earlier = pieces[tokens[place - 2]] if place > 1 else b""
            if is_bound(earlier + pieces[tokens[place - 1]], pieces[tokens[place]]):
                return len(tokens) - place
    return wanted


def _is_paragraph(before: bytes, after: bytes) -> bool:
    return before.endswith(b"\n\n") and not after.startswith(b"\n")


def _is_line(before: bytes, after: bytes) -> bool:
    return before.endswith(b"\n") and not after.startswith(b"\n")


def _is_word(before: bytes, after: bytes) -> bool:
    return after.startswith(b" ") and not before.endswith(b" ")


def _is_character(before: bytes, after: bytes) -> bool:
    return bool(after) and after[0] & 0xC0 != 0x80


def take_head_of_mask(mask: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.uint8]:
    """Of a document's mask what `take_head` takes of its tokens; an end-of-text that a cut puts there is no target."""
    return mask if count == len(mask) else np.append(mask[: count - 1], np.uint8(0))


def take_head(tokens: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """The first tokens of a document, `count` with the end-of-text that stands at its end."""
    return tokens if count == len(tokens) else np.append(tokens[: count - 1], tokens[-1])
