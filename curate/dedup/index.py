"""An index of documents that stay, so that later runs are deduplicated against them without their texts.

    signature files ─▶ rows of what stays ─▶ DIR/00000.parquet …, index.json (how they were signed)
    later: DIR ─▶ the same parameters? ─▶ earlier documents for `find_duplicates`

A run writes its own under dedup/index/ where its recipe has `[dedup] index = true`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curate.dedup.methods import document_methods
from curate.dedup.ranking import KEEP
from curate.dedup.signatures import read_columns
from curate.engine.whole import OpenFile, whole_file
from curate.errors import UsageError
from curate.recipe_dedup import Dedup
from curate.run_files import INDEX

PARAMETERS = "index.json"
VERSION = 2


def parameters_of(dedup: Dedup) -> dict[str, Any]:
    """What two signature files must have in common for their documents to be comparable."""
    methods = document_methods(dedup)
    parameters: dict[str, Any] = {"version": VERSION, "method": sorted(method.name for method in methods)}
    for method in methods:
        parameters |= method.parameters(dedup)
    return parameters


def open_index(folder: str | Path, dedup: Dedup) -> list[Path]:
    """The signature files of an index, or of a run that has one.

    Raises:
        UsageError: there is none, or it was made with other parameters; the sentence names both.
    """
    place = Path(folder)
    place = place / INDEX if (place / INDEX).is_dir() else place
    if not (place / PARAMETERS).is_file():
        raise UsageError(f"{folder} holds no index of documents; a run writes one with [dedup] index = true")
    theirs, ours = read_parameters(place / PARAMETERS), parameters_of(dedup)
    if theirs != ours:
        raise UsageError(f"the index {folder} was made with {_said(theirs)}, and this is {_said(ours)}")
    return files_of(place)


def files_of(folder: Path) -> list[Path]:
    """Those that an index wrote, and no other that happens to lie there."""
    return sorted(path for path in folder.glob("*.parquet") if path.stem.isdecimal())


def read_parameters(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is damaged, or no index's: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is damaged, or no index's: it holds {type(found).__name__}")
    return found


def ids_of_both(
    files: Sequence[str | Path], earlier: Sequence[str | Path], dedup: Dedup
) -> tuple[pl.Series, pl.Series]:
    """Ids of documents that stand in an index, too: those whose text is the same there, and those whose text is not."""
    if not files or not earlier:
        return pl.Series("id", [], pl.String), pl.Series("id", [], pl.String)
    names = ["length", *_keys(dedup)]
    ours, theirs = (read_columns([str(path) for path in paths], ["id", *names]) for paths in (files, earlier))
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_theirs")) for name in names[1:])
    is_same &= pl.col("length_theirs").is_null() | (pl.col("length") == pl.col("length_theirs"))
    both = ours.join(theirs, on="id", suffix="_theirs").group_by("id").agg(is_same.any().alias("same")).sort("id")
    return both.filter("same")["id"], both.filter(~pl.col("same"))["id"]


def _keys(dedup: Dedup) -> tuple[str, ...]:
    """What two signed documents with one text have in common: best what follows from the text alone."""
    methods = sorted(document_methods(dedup), key=lambda method: not method.is_of_text)
    return next((keys for method in methods if (keys := method.keys(dedup))), ())


def write_index(
    folder: Path,
    dedup: Dedup,
    signature_files: Sequence[str | Path],
    copies: Callable[[pl.Series], pl.Series],
    *,
    open_file: OpenFile = whole_file,
) -> int:
    """Add the documents of some signature files but for copies and those that are there already; returns how many.
    `copies` are the ids of copies, given those of a file: all of these, and any others.

    With `whole_file`, an index that is read meanwhile is whole; a run hashes what it writes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open_file(folder / PARAMETERS) as file:
        file.write(json.dumps(parameters_of(dedup), indent=1).encode() + b"\n")
    count = 0
    for place, signatures in zip(_free_places(folder), signature_files, strict=False):
        signed = pl.read_parquet(signatures, glob=False)
        if KEEP not in signed.columns:  # a later run may ask for it, and earlier documents come first in any case
            signed = signed.with_columns(pl.lit(None, pl.Float64).alias(KEEP))
        stay = signed.join(copies(signed["id"]).to_frame("id"), on="id", how="anti", maintain_order="left")
        with open_file(place) as file:
            stay.write_parquet(file, compression="zstd", compression_level=3)
        count += stay.height
    return count


def append_index(folder: Path, dedup: Dedup, signature_files: Sequence[Path]) -> int:
    """Add documents that nobody compared with those that are there; returns how many.

    Raises:
        UsageError: an id stands twice, or there already, or the folder is no index of these parameters.
    """
    if (folder / PARAMETERS).is_file():
        there = open_index(folder, dedup)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is no index, and not empty: name another folder")
    else:
        there = []
    ids = read_columns([str(path) for path in (*there, *signature_files)], ["id"])["id"]
    if twice := ids.filter(ids.is_duplicated()).head(1).to_list():
        raise UsageError(f'the id "{twice[0]}" stands twice: ids in an index must be unique')
    return write_index(folder, dedup, signature_files, lambda ids: ids.clear())


def _free_places(folder: Path) -> Iterable[Path]:
    number = 1 + max((int(path.stem) for path in files_of(folder)), default=-1)
    while True:
        yield folder / f"{number:05}.parquet"
        number += 1


def _said(parameters: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())
