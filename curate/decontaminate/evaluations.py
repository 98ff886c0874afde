"""Evaluation sets as items to look for: files of any of three kinds, a file a set, a row or a line an item.

.jsonl .parquet (any columns) .txt ─▶ columns with text ─▶ set, item, text, answer ─▶ Evaluation
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from curate.decontaminate.ngrams import Evaluation, index_items
from curate.engine.files import find_inputs, open_input
from curate.engine.plan import InputFile
from curate.errors import UsageError, nearest
from curate.model_file import ModelFile
from curate.readers.inflate import COMPRESSED, Unreadable, inflate
from curate.recipe import Decontaminate

ID_COLUMNS = ("id", "doc_id", "item_id", "task_id", "question_id", "idx", "index")
SCHEMA = {"set": pl.String, "item": pl.String, "text": pl.String, "answer": pl.String}


def open_evaluation(decontaminate: Decontaminate, base: Path) -> Evaluation:
    """The items of all sets, indexed; a process reads them once, and again when a file has changed.

    Raises:
        UsageError: a file is missing or cannot be read as what its name says, it has none of the columns, or no item is
            long enough to be found.
    """
    return _open(decontaminate, _files(decontaminate, base))


@lru_cache(maxsize=2)
def _open(decontaminate: Decontaminate, files: tuple[InputFile, ...]) -> Evaluation:
    rows = [row for file in files for row in _items(file, decontaminate)]
    return index_items(pl.DataFrame(rows, schema=SCHEMA), ngram=ngram_of(decontaminate))


def ngram_of(decontaminate: Decontaminate) -> int:
    return decontaminate.sampled.ngram if decontaminate.method == "sampled" else decontaminate.ngrams.ngram


def evaluation_files(decontaminate: Decontaminate, base: Path) -> list[ModelFile]:
    """The files with their checksums, for the manifest."""
    found = []
    for file in _files(decontaminate, base):
        with open_input(file.uri) as raw:
            found.append(ModelFile(file.name, file.uri, hashlib.sha256(raw.read()).hexdigest()))
    return found


def _files(decontaminate: Decontaminate, base: Path) -> tuple[InputFile, ...]:
    return find_inputs(decontaminate.against, base=base)


def _items(file: InputFile, decontaminate: Decontaminate) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(_rows(file)):
        name = next((str(row[column]) for column in ID_COLUMNS if row.get(column) is not None), str(number))
        answer = row.get(decontaminate.answer) if decontaminate.method == "sampled" else None
        columns = decontaminate.columns or _text_columns(row, decontaminate)
        missing = [column for column in columns if column not in row]
        if missing:
            raise UsageError(f'{file.name}, item {number}: there is no column "{missing[0]}"{nearest(missing[0], row)}')
        text = "\n".join(_strings([row[column] for column in columns]))
        said = " ".join(_strings(answer)) or None
        yield {"set": file.name, "item": name, "text": text, "answer": said}


def _text_columns(row: Mapping[str, Any], decontaminate: Decontaminate) -> list[str]:
    others = (*ID_COLUMNS, *((decontaminate.answer,) if decontaminate.method == "sampled" else ()))
    return [column for column in row if column not in others]


def _strings(value: Any) -> list[str]:
    """Every text within a value, in order: of choices in a list, of fields in a struct."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _strings(part)]
    return [text for part in value for text in _strings(part)] if isinstance(value, list | tuple) else []


def _rows(file: InputFile) -> Iterator[dict[str, Any]]:
    if file.name.lower().endswith((".parquet", ".pq")):
        with open_input(file.uri) as raw:
            yield from _parquet(file, raw)
        return
    plain = file.name.lower()
    for suffix in COMPRESSED:
        plain = plain.removesuffix(suffix)
    is_json = plain.endswith((".jsonl", ".ndjson", ".json"))
    for number, line in enumerate(_lines(file)):
        if line.strip():
            yield _object(line, number, file) if is_json else {"text": line}


def _parquet(file: InputFile, raw: Any) -> Iterator[dict[str, Any]]:
    from pyarrow.parquet import ParquetFile  # only here: it brings the network's libraries along

    from curate.readers import parquet

    try:
        table = ParquetFile(raw, page_checksum_verification=True).read()
    except parquet.DAMAGE as error:
        parquet.raise_machine_fault(error)
        raise UsageError(f"{file.name} cannot be read as Parquet: {error}") from error
    is_time = pa.types.is_temporal
    columns = [[None] * len(each) if is_time(each.type) else parquet.python_values(each) for each in table.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(table.column_names, values, strict=True))


def _lines(file: InputFile) -> list[str]:
    try:
        with open_input(file.uri) as raw:
            data = b"".join(inflate(raw, name=file.name))
        return data.decode("utf-8-sig").split("\n")
    except (Unreadable, UnicodeDecodeError) as error:
        raise UsageError(f"{file.name} cannot be read as text: {error}") from error


def _object(line: str, number: int, file: InputFile) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file.name}, line {number + 1}, is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise UsageError(f"{file.name}, line {number + 1}: expected an object, found {type(row).__name__}")
    return row
