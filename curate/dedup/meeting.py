"""Which documents may meet: those of all splits with a key in common, found one range of hashes at a time.

a split's keys ─▶ mixed, by column ─▶ by hash range ─▶ one object of slices      (`keys_by_range`, a task a split)
range r of all splits ─▶ equal keys ─▶ pairs ─▶ a forest                          (`forest_of_range`, a task a range)

Two documents meet where they have the value of a column in common that a method compares (`DocumentMethod.meets`), or
their id, as one id stands for one document. More may meet than a method then compares, and none fewer.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.clusters import first_equal
from curate.dedup.forests import Forest, forest_of
from curate.dedup.method import Method, PassageMethod
from curate.dedup.methods import document_methods, methods_of
from curate.recipe_dedup import Dedup

ROW_BITS = 32
"""A document is called by the number of its split, and in the low bits by its row there."""
ENTRY_BYTES = 12
"""Of a key (8) and a row (4)."""
MIX = 0x9E3779B97F4A7C15
HALF = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


def has_parts(dedup: Dedup) -> bool:
    """Whether documents can be compared in groups, and what is cut found by ranges."""
    return not of_all_at_once(dedup)


def of_all_at_once(dedup: Dedup) -> str:
    """Why all documents must be looked at in one process; nothing where they need not."""
    methods = methods_of(dedup)
    if len({*dedup.method}) < len(methods):
        return "a method that is asked twice looks at all of them at once"
    if whole := [method.name for method in methods if not _has_parts(method, dedup)]:
        return f'"{whole[0]}" looks at all of them at once'
    cuts = [isinstance(method, PassageMethod) for method in methods]
    return "" if cuts == sorted(cuts) else "methods that cut texts must come last to be done in parts"


def _has_parts(method: Method, dedup: Dedup) -> bool:
    if isinstance(method, PassageMethod):
        return method.span is not None or method.in_order is not None
    return bool(method.meets(dedup))


def meeting_columns(dedup: Dedup) -> list[str]:
    """The columns (UInt64) by which documents meet (`DocumentMethod.meets`)."""
    return [name for method in document_methods(dedup) for name in method.meets(dedup)]


def keys_by_range(signed: pl.DataFrame, columns: list[str], ranges: int) -> list[bytes]:
    """Of each hash range the keys (uint64) of a split's documents that lie there, and their rows (uint32). `signed` has
    `id` and the columns, a row a document; a null meets nobody."""
    hashed = [signed["id"].hash(seed=1), *(signed[name] for name in columns)]
    has_value = [np.flatnonzero(column.is_not_null().to_numpy()).astype(np.uint32) for column in hashed]
    values = [column.drop_nulls().to_numpy() for column in hashed]
    keys = np.concatenate([_mixed(column, number) for number, column in enumerate(values)])
    rows = np.concatenate(has_value)
    which = ranges_of(keys, ranges)
    order = np.argsort(which, kind="stable")  # of 16 bits: numpy counts, and does not compare
    bounds = np.searchsorted(which[order], np.arange(ranges + 1)).tolist()
    keys, rows = keys[order], rows[order]
    return [keys[first:last].tobytes() + rows[first:last].tobytes() for first, last in pairwise(bounds)]


def _mixed(values: npt.NDArray[np.uint64], number: int) -> npt.NDArray[np.uint64]:
    """One to one within a column, and otherwise in each."""
    mixed = (values + np.uint64((number + 1) * MIX % (1 << 64))) * np.uint64(MIX)
    mixed = (mixed ^ (mixed >> HALF)) * np.uint64(MIX)
    return np.asarray(mixed ^ (mixed >> HALF))


def ranges_of(keys: npt.NDArray[np.uint64], ranges: int) -> npt.NDArray[np.uint16]:
    """By the low half of the bits, so that the keys of one range still differ in their high bits."""
    return (((keys & LOW) * np.uint64(ranges)) >> HALF).astype(np.uint16)


def forest_of_range(slices: Iterable[tuple[int, bytes]]) -> Forest:
    """Of one hash range of all splits, by the splits' numbers: who hangs together there."""
    keys, documents = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for split, content in slices:
        count = len(content) // ENTRY_BYTES
        keys.append(np.frombuffer(content, np.uint64, count))
        rows = np.frombuffer(content, np.uint32, count, offset=8 * count)
        documents.append(rows.astype(np.int64) + (split << ROW_BITS))
    all_keys, all_documents = np.concatenate(keys), np.concatenate(documents)
    keys.clear()
    documents.clear()
    firsts = first_equal(all_keys)
    moved = np.flatnonzero(firsts != np.arange(len(firsts)))
    return forest_of(all_documents[firsts[moved]], all_documents[moved])


def numbered(forest: Forest, starts: npt.NDArray[np.int64]) -> Forest:
    """By the documents' numbers through all splits, of which each begins at one of `starts`."""
    return Forest._make(starts[who >> ROW_BITS] + (who & ((1 << ROW_BITS) - 1)) for who in forest)
