"""Records of a run read from its inputs once more, by their ids, where an input gives single ones.

ids ─▶ the record at the offset that an id says │ a small file, read whole ─▶ Record each

Of an input that is gone or has changed, or far away without a network, there are none. A user's own reader is not
called: to look at a run must run nobody's code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile, Split
from curate.engine.web import is_at_hand, is_web
from curate.errors import CurateError
from curate.readers.inputs import reader_of
from curate.readers.parquet import is_parquet
from curate.recipe import Recipe, Source
from curate.steps.chapters import read_piece
from curate.steps.source_reader import has_own_reader

MAX_WHOLE_BYTES = 1 << 20
"""Of a file that gives no single record; a greater one is not read again."""


def read_again(
    splits: Iterable[Split],
    recipe: Recipe,
    source: Source,
    ids: Iterable[str],
    *,
    max_whole_bytes: int = MAX_WHOLE_BYTES,
) -> Iterator[Record]:
    """The records with these ids among some splits of one source, in any order, as far as they can be read."""
    if has_own_reader(source):
        return
    files = {f"{source.name}/{file.name}": (file, is_whole) for file, is_whole in _files(splits)}
    pieces = [*_pieces(files, ids, max_whole_bytes)]
    far = next((piece.file.uri for piece, _ in pieces if is_web(piece.file.uri)), None)
    if far is not None and not is_at_hand(far):
        return
    for piece, some in pieces:
        with contextlib.suppress(CurateError, OSError, ValueError):
            yield from _read(recipe, source, piece, some)


def _files(splits: Iterable[Split]) -> Iterator[tuple[InputFile, bool]]:
    """Each with whether it can only be read whole."""
    for split in splits:
        for piece in split.ranges:
            yield piece.file, piece.is_whole or is_parquet(piece.file.name)


def _pieces(
    files: Mapping[str, tuple[InputFile, bool]], ids: Iterable[str], most: int
) -> Iterator[tuple[FileRange, set[str]]]:
    """What to read for which ids: the record at an offset, or a small file."""
    whole: dict[str, set[str]] = {}
    for id in ids:
        name, _, place = id.rpartition("@")
        file, is_whole = files.get(name, (None, True))
        offset = place.partition("+")[0].partition("#")[0]
        if file is not None and not is_whole and offset.isdecimal():
            yield FileRange(file, int(offset), int(offset) + 1), {id}
            continue
        name = next((each for each in (id, name, id.partition("#")[0]) if each in files), "")
        if name and files[name][0].size <= most and not is_parquet(name):
            whole.setdefault(name, set()).add(id)
    for name, some in whole.items():
        yield FileRange(files[name][0], 0, 1), some


def _read(recipe: Recipe, source: Source, piece: FileRange, ids: set[str]) -> Iterator[Record]:
    left = set(ids)
    for record in read_piece(reader_of(source, recipe), piece, source, recipe):
        if record.id in left and not isinstance(record, Rejected):
            yield record
        left.discard(record.id)
        if not left:
            break
