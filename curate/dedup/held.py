"""What is cut out of the texts of one split, with the ids of the documents, of any split, that keep the same words.

Cuts of rows of the split, holders by place ◀─▶ a table ◀─▶ bytes for another task
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.dedup.cuts import NOBODY, Cuts, add_cuts

HELD = {"row": pl.UInt32, "start": pl.Int64, "end": pl.Int64, "method": pl.Int8, "held_by": pl.String}


class HeldCuts(NamedTuple):
    """`cuts`, by rows of the split, whose holders are places in `ids`, which are sorted."""

    cuts: Cuts
    ids: pl.Series

    @classmethod
    def none(cls) -> HeldCuts:
        return cls(Cuts.none(), pl.Series("id", [], dtype=pl.String))


def add_held(held: HeldCuts, more: HeldCuts) -> HeldCuts:
    """Both together. Places of `more` are in the texts that `held` has left."""
    ids = pl.concat([held.ids, more.ids]).unique().sort()
    return HeldCuts(add_cuts(_among(held, ids), _among(more, ids)), ids)


def _among(held: HeldCuts, ids: pl.Series) -> Cuts:
    """Its cuts, with holders counted among more ids."""
    place = ids.search_sorted(held.ids).cast(pl.Int64).to_numpy()
    holder = held.cuts.holder
    is_known = holder != NOBODY
    moved = np.full(len(holder), NOBODY, dtype=np.int64)
    moved[is_known] = place[holder[is_known]]
    return held.cuts._replace(holder=moved)


def as_table(held: HeldCuts) -> pl.DataFrame:
    cuts, is_known = held.cuts, held.cuts.holder != NOBODY
    names = held.ids if len(held.ids) else pl.Series([None], dtype=pl.String)
    holders = pl.select(pl.when(pl.Series(is_known)).then(names.gather(np.maximum(cuts.holder, 0)))).to_series()
    columns = (cuts.document, cuts.start, cuts.end, cuts.method, holders)
    return pl.DataFrame(dict(zip(HELD, columns, strict=True)), schema=HELD)


def as_held(table: pl.DataFrame) -> HeldCuts:
    ids = table["held_by"].drop_nulls().unique().sort()
    holder = places_in(ids, table["held_by"])
    row, start, end = (table[name].cast(pl.Int64).to_numpy() for name in ("row", "start", "end"))
    return HeldCuts(Cuts(row, start, end, table["method"].to_numpy(), holder), ids)


def places_in(ids: pl.Series, names: pl.Series) -> npt.NDArray[np.int64]:
    """Of each name its place among sorted ids; NOBODY where it is null."""
    place = ids.search_sorted(names.drop_nulls()).cast(pl.Int64).to_numpy()
    found = np.full(len(names), NOBODY, dtype=np.int64)
    found[names.is_not_null().to_numpy()] = place
    return found


def packed(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.write_ipc(content, compression="zstd")
    return content.getvalue()


def unpacked(content: bytes) -> pl.DataFrame:
    return pl.read_ipc(io.BytesIO(content))
