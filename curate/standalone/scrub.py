"""Scrubbing by itself, of any tables with texts: `curate scrub FILES`, `curate.scrub_files`.

files ─▶ their columns (a first look) ─▶ rows, piece by piece ─▶ `[scrub]` ─▶ the same rows with clean texts ─▶ out
                                                                   └─▶ too many findings, or it fails: not written
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from curate.engine.plan import Split
from curate.errors import DocumentError, UsageError
from curate.readers import jsonl, parquet
from curate.readers.inflate import COMPRESSED
from curate.recipe import Recipe, Scrub, Source
from curate.standalone.outputs import SUFFIXES, check_places
from curate.standalone.tables import (
    SOURCE,
    TableRows,
    Unread,
    Whole,
    chosen,
    find_splits,
    inputs_of,
    read_rows,
    require_columns,
    require_rows,
)
from curate.standalone.writing import schema_of, united, with_texts, write_rows
from curate.steps.scrub import count_findings, has_too_many, scrub_as_asked

ROWS_AT_ONCE = 1000


@dataclass(slots=True)
class Scrubbed:
    """What was found in plain files, and what became of their rows."""

    rows: int = 0
    """That were read."""
    changed: int = 0
    """Of those that were written, those in which something was found."""
    dropped: int = 0
    """With more than `max_findings`."""
    findings: dict[str, int] = field(default_factory=dict)
    """By entity, in the rows that were written."""
    unread: list[Unread] = field(default_factory=list)
    """What could not be read, or not be scrubbed: it is in no output."""
    outputs: tuple[Path, ...] = ()


def scrub_files(
    paths: Sequence[str | Path],
    scrub: Scrub | None = None,
    *,
    out: str | Path,
    columns: Mapping[str, str] | None = None,
    seed: int = 17,
) -> Scrubbed:
    """The rows of JSON Lines and Parquet files again, with all their columns, and texts without personal data.

    `columns` maps `text` and `id` to the files' names, where these differ; pseudonyms are keyed by a row's id, without
    one `file@row`. `out` is a file for all rows, Parquet or JSON Lines, as its suffix says, whose columns are united
    where files differ; or a folder, in which each file gets one of its own name. `seed` is that of a recipe.

    Raises:
        UsageError: no such file, column or entity, nothing that can be read, an output that is an input, or two inputs
            that would be one output.
    """
    source = Source(SOURCE, "tables", tuple(map(str, paths)), columns=columns or {})
    recipe = Recipe("scrub", seed=seed, scrub=scrub or Scrub(), sources=(source,), base=Path.cwd(), file="curate scrub")
    scrub_as_asked(pl.DataFrame(schema={"id": pl.String, "text": pl.String}), recipe)  # says what can never work
    splits = find_splits(source, recipe)
    targets = _targets(Path(out), splits)
    for target in targets:
        check_places({"--out": target}, patterns=source.paths, inputs=inputs_of(splits))
    schemas, found = _look(splits, source)
    for target, parts in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        schema = united(schema for part in parts for schema in schemas[part.key])
        write_rows(target, _clean(parts, recipe, found), schema)
    return replace(found, outputs=tuple(targets))


def _targets(out: Path, splits: Sequence[Split]) -> dict[Path, list[Split]]:
    """By output, the parts of inputs that go there."""
    parts = [
        replace(split, key=f"{split.key}/{number}", ranges=(piece,))
        for split in splits
        for number, piece in enumerate(split.ranges)
    ]
    if out.name.lower().endswith(SUFFIXES):
        return {out: parts}
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: the format follows the suffix; allowed are {', '.join(SUFFIXES)}, or a folder")
    targets: dict[Path, list[Split]] = {}
    for part in parts:
        if (name := _output_name(part.ranges[0].file.name)) is not None:
            targets.setdefault(out / name, []).append(part)
    for target, group in targets.items():
        names = sorted({part.ranges[0].file.name for part in group})
        if len(names) > 1:
            raise UsageError(f"{names[0]} and {names[1]} would both be written to {target}; scrub them one by one")
    return targets or {out / "nothing.jsonl": parts}  # that none of them is a table is said when they are read


def _output_name(name: str) -> str | None:
    """Of an input: its own, where that is a format that is written, else the nearest; None for what is no table."""
    if name.lower().endswith(SUFFIXES):
        return name
    if parquet.is_parquet(name):
        return str(Path(name).with_suffix(".parquet"))
    if not jsonl.is_lines(name):
        return None
    is_compressed = name.lower().endswith(tuple(COMPRESSED))
    plain = Path(name).with_suffix("") if is_compressed else Path(name)
    return str(plain.with_suffix(".jsonl.gz" if is_compressed else ".jsonl"))


def _look(splits: Sequence[Split], source: Source) -> tuple[dict[str, list[pa.Schema]], Scrubbed]:
    """By part, the columns of its rows; what cannot be read is known before anything is written."""
    found = Scrubbed()
    schemas: dict[str, list[pa.Schema]] = {}
    columns: set[frozenset[str]] = set()
    for split in splits:
        for number, piece in enumerate(split.ranges):
            key = f"{split.key}/{number}"
            for rows in read_rows(replace(split, ranges=(piece,)), source, whole=True):
                schemas.setdefault(key, []).append(schema_of(rows.whole))
                columns.add(rows.columns)
                found.rows += rows.frame.height
                found.unread += rows.unread
            schemas.setdefault(key, [])
    require_rows(found.rows, found.unread)
    require_columns(source, columns)
    return schemas, found


def _clean(parts: Sequence[Split], recipe: Recipe, found: Scrubbed) -> Iterator[Whole]:
    source = recipe.sources[0]
    for part in parts:
        for rows in read_rows(part, source, whole=True):
            for start in range(0, rows.frame.height, ROWS_AT_ONCE):
                yield _clean_rows(rows, start, recipe, found)


def _clean_rows(rows: TableRows, start: int, recipe: Recipe, found: Scrubbed) -> Whole:
    documents = rows.frame.slice(start, ROWS_AT_ONCE).with_row_index("place", offset=start)
    scrubbed = documents.with_columns(_scrub(documents, recipe, found)).filter(~pl.col("_broken"))
    is_too_many = has_too_many(scrubbed, recipe)
    found.dropped += int(is_too_many.sum())
    stay = scrubbed.filter(~is_too_many)
    found.changed += int((count_findings(stay) > 0).sum())
    for name in (column for column in stay.columns if column.startswith("pii_")):
        entity = name.removeprefix("pii_").upper()
        found.findings[entity] = found.findings.get(entity, 0) + int(stay[name].sum())
    column = recipe.sources[0].columns.get("text", "text")
    return with_texts(chosen(rows.whole, stay["place"].to_list()), column, stay["text"].to_list())


def _scrub(documents: pl.DataFrame, recipe: Recipe, found: Scrubbed) -> pl.DataFrame:
    """Fails closed: where a text cannot be finished each is tried by itself, and those that fail are marked."""
    try:
        return scrub_as_asked(documents, recipe).with_columns(_broken=pl.lit(False))
    except DocumentError as error:
        if documents.height > 1:
            alone = [_scrub(documents[number : number + 1], recipe, found) for number in range(documents.height)]
            return pl.concat(alone)
        found.unread.append(Unread(documents["id"].item(), "scrub", str(error), 1))
        return scrub_as_asked(documents[:0], recipe).clear(n=1).with_columns(_broken=pl.lit(True))
