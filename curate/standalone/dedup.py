"""Deduplication by itself, of any tables with texts or of texts in memory: `curate dedup`, `curate.dedup_texts`.

files ─▶ splits ─▶ one signature file each, several at a time ─▶ `dedup` ─▶ a verdict for each document ─▶ out
                       texts of candidates are read again ─────────┘    └─▶ the rows that stay ─▶ kept; index, last
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from curate.dedup.find import COMPARED, Found, find_duplicates
from curate.dedup.index import PARAMETERS, ids_of_both, open_index, write_index
from curate.dedup.methods import columns_needed, cuts_texts, reads_texts
from curate.dedup.ranking import keep_word, keeps_cleanest
from curate.dedup.sets import Texts
from curate.dedup.sign import HIGHEST, sign_documents, with_bands
from curate.engine.plan import Split
from curate.errors import UsageError
from curate.pipeline.survivors import cut_documents
from curate.readers.rows import KNOWN
from curate.recipe import Recipe, Source
from curate.recipe_dedup import Dedup
from curate.standalone.dedup_account import DedupAccount, account_of
from curate.standalone.outputs import check_index, check_places
from curate.standalone.tables import (
    SOURCE,
    Unread,
    Whole,
    chosen,
    find_splits,
    inputs_of,
    joined,
    read_rows,
    require_columns,
    require_rows,
)
from curate.standalone.writing import schema_of, united, with_texts, write_frame, write_rows

TEXTS_AT_ONCE = 10_000
VERDICT = ("id", "duplicate_of", "cluster", "size", *COMPARED, "method", "earlier")


@dataclass(frozen=True, slots=True)
class Signed:
    """What is known of the documents of one split once they are signed."""

    path: Path
    ids: pl.Series
    unread: tuple[Unread, ...]
    schemas: tuple[pa.Schema, ...]
    """Of its files, where their rows are to be written again."""
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """`verdicts`: a row for each row of the files, in their order; `unread`: what could not be read."""

    verdicts: pl.DataFrame
    unread: tuple[Unread, ...]

    @property
    def account(self) -> DedupAccount:
        """How many stay, and what found the others."""
        return account_of(self.verdicts, self.unread)


def dedup_files(
    paths: Sequence[str | Path],
    dedup: Dedup,
    *,
    columns: Mapping[str, str] | None = None,
    against: Sequence[str | Path] = (),
    index: str | Path | None = None,
    out: str | Path | None = None,
    kept: str | Path | None = None,
    workers: int = 1,
    scratch: str | Path | None = None,
) -> Deduplicated:
    """A verdict on every row of JSON Lines and Parquet files.

    `columns` maps `text`, `id`, `url`, `timestamp` to the files' names, where these differ. Where there is an id it
    must be unique; else a row's id is `file@row`. Rows that repeat a document of an index in `against`, or of `index`,
    are copies of that; those that are in one already, with this id and this text, are "known" and no copies of
    themselves; those that stay are added to `index`, last of all, which is made where there is none. `out` is a file to
    write the verdicts to, `kept` one for the rows that stay, with all their columns and with their texts as they are
    then: Parquet or JSON Lines, as the suffix says. Columns of files that differ are united. `scratch` holds signatures
    meanwhile, some 600 bytes a document at 14 bands of 8 rows, and the shingles of candidates.

    The verdicts have `id`, and as `find_duplicates` tells them `duplicate_of` (null: it stays), `cluster`, `size`,
    `similarity`, `containment`, `novel_words`, `method`, `earlier`; where a method cuts texts, `cuts`, a list of
    `start, end, method, held_by`, and `cut_away`: too few words are left of it, so that it does not stay.

    Raises:
        UsageError: no such file, no such column, nothing that can be read, an id that stands twice, or with another
            text in the index, an index that is damaged or made with other parameters, an output that is an input.
    """
    source = Source(SOURCE, "tables", tuple(map(str, paths)), columns=_columns(columns or {}, dedup))
    recipe = Recipe("dedup", dedup=dedup, sources=(source,), base=Path.cwd(), file="curate dedup")
    splits = find_splits(source, recipe)
    _check_places(splits, source, against, index, out, kept)
    dedup = with_bands(dedup)
    ours = open_index(index, dedup) if index is not None and (Path(index) / PARAMETERS).is_file() else []
    earlier = [file for place in against for file in open_index(place, dedup)] + ours
    with tempfile.TemporaryDirectory(dir=scratch, prefix="curate-dedup-") as folder:
        one = partial(_sign_split, source=source, dedup=dedup, folder=Path(folder), whole=kept is not None)
        with ThreadPoolExecutor(workers) as pool:
            signed = list(pool.map(one, splits))
        require_rows(sum(len(part.ids) for part in signed), [unread for part in signed for unread in part.unread])
        require_columns(source, (part.columns for part in signed), _needed(dedup))
        files = [part.path for part in signed]
        _check_ids(files, ours, dedup, index)
        texts = _texts_needed(dedup, partial(_texts, splits, source, kept is not None))
        found = find_duplicates(files, dedup, texts=texts, scratch=Path(folder), earlier=earlier, cores=workers)
        ids = pl.concat([part.ids for part in signed]) if signed else pl.Series("id", [], dtype=pl.String)
        verdicts = _every_row(ids, found, dedup)
        if cuts_texts(dedup):
            verdicts = verdicts.with_columns(_cut_away(splits, source, found, dedup))
        if out is not None:
            write_frame(verdicts, Path(out))
        if kept is not None:
            schema = united(schema for part in signed for schema in part.schemas)
            write_rows(Path(kept), _kept(splits, source, found, dedup), schema)
        if index is not None:
            copies = found.verdicts.filter(pl.col("duplicate_of").is_not_null())["id"]
            write_index(Path(index), dedup, files, lambda _: copies)
    return Deduplicated(verdicts, tuple(unread for part in signed for unread in part.unread))


def _check_places(
    splits: Sequence[Split],
    source: Source,
    against: Sequence[str | Path],
    index: str | Path | None,
    out: str | Path | None,
    kept: str | Path | None,
) -> None:
    inputs = inputs_of(splits)
    folders = [
        (option, Path(place))
        for option, place in (("--index", index), *(("--against", run) for run in against))
        if place is not None
    ]
    check_places({"--out": out, "--kept": kept}, patterns=source.paths, inputs=inputs, folders=folders)
    if index is not None:
        check_index(index, patterns=source.paths, inputs=inputs)


def _check_ids(files: Sequence[Path], ours: Sequence[Path], dedup: Dedup, index: str | Path | None) -> None:
    """An id names one document of an index, and a verdict that names it means that one."""
    _, others = ids_of_both(files, ours, dedup)
    if len(others):
        more = f", and {len(others) - 1:,} more" if len(others) > 1 else ""
        raise UsageError(
            f'--index {index} holds another text under the id "{others[0]}"{more}: ids in an index must be unique; '
            "name a column of ids with --id, give the files other names, or make another index"
        )


def dedup_texts(texts: Iterable[str | None], dedup: Dedup | None = None, **parameters: Any) -> pl.DataFrame:
    """A verdict on each of some texts; parameters are those of `[dedup]` in a recipe (`verify=0.8`, `ngram=7`, …).

    Returns, one row per text in their order: `duplicate_of` (UInt32: the place of the text that stays; null: this one),
    `cluster` (UInt32: that place for every member), `size`, `similarity`, `containment`, `novel_words`, `method`; where
    a method cuts texts, `cuts`, a list of `start, end` (bytes), `method` and `held_by` (the place of the text that
    keeps the words, as a string).

        kept = [text for text, other in zip(texts, curate.dedup_texts(texts)["duplicate_of"]) if other is None]
    """
    dedup = with_bands(dedup or Dedup(**parameters))
    column = pl.Series("text", texts, dtype=pl.String)
    ids = pl.Series("id", np.arange(len(column))).cast(pl.String).str.zfill(10)
    table = pl.DataFrame({"id": ids, "source": pl.repeat(SOURCE, len(column), eager=True), "text": column})
    if columns_needed(dedup) or keep_word(dedup) not in ("longest", "first"):
        raise UsageError("texts alone have no URL, no date and no other column: give them in a file to curate dedup")
    with tempfile.TemporaryDirectory(prefix="curate-dedup-") as folder:
        path = Path(folder) / "signatures.parquet"
        _sign(table, dedup).write_parquet(path, compression="uncompressed")
        texts_of_rows = _texts_needed(dedup, lambda number, rows: column.gather(rows))
        found = find_duplicates([path], dedup, texts=texts_of_rows, scratch=Path(folder))
    places = [pl.col(name).cast(pl.UInt32) for name in ("duplicate_of", "cluster")]
    table = _every_row(ids, found, dedup)
    return table.select(*places, "size", *COMPARED, "method", *table.columns[len(VERDICT) :])


def _columns(columns: Mapping[str, str], dedup: Dedup) -> dict[str, str]:
    word = keep_word(dedup)
    own = [word.removeprefix(HIGHEST)] if word.startswith(HIGHEST) else []
    own += [name for name in columns_needed(dedup) if name not in KNOWN]
    if taken := [name for name in own if name == "source"]:
        raise UsageError(f'a column "{taken[0]}" cannot be asked for: it says here which source a document is from')
    return dict(columns) | {name: name for name in own}


def _needed(dedup: Dedup) -> list[str]:
    """Columns without which a method, or the choice of the copy that stays, would silently do nothing."""
    return [*columns_needed(dedup), *(["timestamp"] if keep_word(dedup) == "latest" else [])]


def _texts_needed(dedup: Dedup, texts: Texts) -> Texts | None:
    """Without verification and where no method cuts texts, nobody reads them again."""
    return texts if keeps_cleanest(dedup) or reads_texts(dedup) else None


def _sign_split(split: Split, source: Source, dedup: Dedup, folder: Path, whole: bool) -> Signed:
    parts = list(read_rows(split, source, whole=whole))
    frame = joined(parts, source)
    path = folder / f"{split.key}.parquet"
    _sign(frame, dedup).write_parquet(path, compression="uncompressed")
    schemas = tuple(schema_of(part.whole) for part in parts) if whole else ()
    unread = tuple(unread for part in parts for unread in part.unread)
    return Signed(path, frame["id"], unread, schemas, frozenset[str]().union(*(part.columns for part in parts)))


def _sign(frame: pl.DataFrame, dedup: Dedup) -> pl.DataFrame:
    """Piece by piece, so that the shingles of few texts are in memory."""
    pieces = [sign_documents(piece, dedup) for piece in frame.iter_slices(TEXTS_AT_ONCE)]
    return pl.concat(pieces) if pieces else sign_documents(frame, dedup)


def _texts(splits: Sequence[Split], source: Source, whole: bool, number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
    """The same rows are there as when they were signed: a damaged column costs them only where it is read."""
    return joined(list(read_rows(splits[number], source, whole=whole)), source)["text"].gather(rows)


def _every_row(ids: pl.Series, found: Found, dedup: Dedup) -> pl.DataFrame:
    """The verdicts, with those on documents that nothing repeats."""
    table = ids.to_frame("id").join(found.verdicts, on="id", how="left", maintain_order="left")
    filled = {"cluster": pl.col("id"), "size": 1, "earlier": False}
    table = table.with_columns(pl.col(name).fill_null(value) for name, value in filled.items())
    if not cuts_texts(dedup):
        return table
    parts = found.cuts.group_by("id", maintain_order=True).agg(
        pl.struct("start", "end", "method", "held_by").alias("cuts")
    )
    return table.join(parts, on="id", how="left", maintain_order="left")


def _cut_away(splits: Sequence[Split], source: Source, found: Found, dedup: Dedup) -> pl.Expr:
    """Which documents were cut and have too few words left."""
    copies = found.verdicts.filter(pl.col("duplicate_of").is_not_null()).select("id")
    ids = [
        cut_documents(rows.frame.join(copies, on="id", how="anti"), found.cuts, dedup.min_words_left)[1]["id"]
        for split in splits
        for rows in read_rows(split, source)
    ]
    gone = pl.concat(ids) if ids else pl.Series("id", [], pl.String)
    return pl.col("id").is_in(gone.to_list()).alias("cut_away")


def _kept(splits: Sequence[Split], source: Source, found: Found, dedup: Dedup) -> Iterator[Whole]:
    """The rows that stay, with all that their files say of them, and their texts without what was cut."""
    copies = found.verdicts.filter(pl.col("duplicate_of").is_not_null()).select("id")
    column = source.columns.get("text", "text")
    for split in splits:
        for rows in read_rows(split, source, whole=True):
            numbered = rows.frame.with_row_index("place").join(copies, on="id", how="anti", maintain_order="left")
            if not cuts_texts(dedup):
                yield chosen(rows.whole, numbered["place"].to_list())
                continue
            left = cut_documents(numbered, found.cuts, dedup.min_words_left)[0]
            stay = chosen(rows.whole, left["place"].to_list())
            yield with_texts(stay, column, left["text"].to_list()) if left["cut_bytes"].sum() else stay
