"""Users' own readers: a function from an open file to rows, each a document, or to those of a range of the file.

@curate.reader    file ─▶ {"text": …, "url": …, …}, …      "module:function", "name" ─▶ OwnReader ─▶ Record | Rejected
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

from curate.batch import Record, Rejected
from curate.engine.plan import FileRange, InputFile
from curate.errors import CurateError, UsageError, nearest
from curate.model_file import ModelFile
from curate.own_code.functions import Mark, find_function, marker
from curate.own_code.modules import Folder
from curate.own_code.raised import describe_raised
from curate.plugins import plugin_names
from curate.readers.custom_rows import OwnRows, as_row, is_page, own_kinds
from curate.readers.opened import open_watched
from curate.readers.own_columns import MAX_COLUMNS, common_kind
from curate.readers.reader import OWN, READERS, Ranges, Reader, Traits
from curate.readers.rows import column_names, missing_column
from curate.readers.watch import UNWATCHED, Watch
from curate.recipe import Kind, Source

F = TypeVar("F", bound=Callable[..., Any])
SplitFile = Callable[..., Any]

LOOKED_AT_FILES = 4
LOOKED_AT_ROWS = 1000
LOOKED_AT_BYTES = 1 << 20
"""Of a file that can be split: where its first range ends."""
PASSED_ON = (CurateError, KeyboardInterrupt, MemoryError, GeneratorExit)
"""What a function raises and is not its fault, or the engine's to judge."""
_END = object()


@overload
def reader(function: F) -> F: ...
@overload
def reader(*, split_file: SplitFile | None = None) -> Callable[[F], F]: ...
def reader(function: F | None = None, *, split_file: SplitFile | None = None) -> F | Callable[[F], F]:
    """Mark `function(file, …)` as a reader: it yields a dict for each document that an input holds.

    `file` is open for reading in binary and can seek; `file.name` is its path or URI. A dict has `text`, or `html` of
    which the main content is wanted, and may have `url`, `timestamp`, `language`, `license` and `id` (kept as
    `original_id`); all else becomes columns, as with tables. A string alone is a text. Ids are `source/file@n`, n
    counted from 0. Parameters after the first are the recipe's.

    With `split_file(file, target_bytes)`, which returns ranges like [(0, 1000), (1000, 1800)] in a unit of one's own,
    large files are read in pieces, by several workers. `function(file, start, end, …)` then yields the documents that
    begin within a range, and each dict says where, as `at`: in ascending order, and start <= at < end. Ids are
    `source/file@at`.

    An exception costs what follows in its file, or range, and is named in the ledger.
    """
    mark = marker(Mark("reader", split_file))
    return mark if function is None else mark(function)


def resolve_reader(use: str, parameters: Mapping[str, Any], *, base: Path) -> Reader:
    """The reader that `use` names, with its parameters checked against the function's signature; a function without a
    decorator is one if its first parameter is the only one without a default.

    Raises:
        UsageError: there is no such function, it is no reader, or a parameter is unknown, missing or of a wrong type.
    """
    if ":" not in use and use not in plugin_names():
        known = nearest(use, [*READERS, *plugin_names()])
        raise UsageError(f'unknown reader "{use}"{known}; yours: "module:function"')
    found = find_function("reader", use, base)
    is_plain = inspect.isfunction(found.function) and not found.is_marked_otherwise and len(found.required()) == 1
    if found.mark is None and not is_plain:
        raise UsageError(f'"{use}" is no reader: decorate it with @curate.reader')
    splitter = found.mark.details if found.mark else None
    own = found.bind(parameters, given=3 if splitter else 1)
    about = (inspect.getdoc(found.function) or use).partition("\n")[0]
    return OwnReader(use, about, own.files, own.bound, splitter, own.folder)


@dataclass(frozen=True, slots=True)
class OwnReader:
    """A user's function as a reader."""

    use: str
    about: str
    files: tuple[ModelFile, ...]
    function: Callable[..., Any]
    splitter: SplitFile | None = None
    folder: Folder | None = None

    @property
    def traits(self) -> Traits:
        return OWN

    def split_file(self, file: InputFile, *, target_bytes: int) -> Ranges:
        """As the user's function does; a file of which it gives no range is read as one.

        Raises:
            UsageError: it raises, or gives what are no ranges.
        """
        if self.splitter is None:
            return [(0, 1)]
        try:
            with self._importing(), open_watched(file, UNWATCHED) as opened:
                ranges = [(int(start), int(end)) for start, end in self.splitter(opened, target_bytes)]
        except PASSED_ON:
            raise
        except BaseException as error:
            told = describe_raised(error, __file__)
            raise UsageError(f'reader "{self.use}" cannot split {file.name}: {told}') from error
        starts, ends = ([bound[side] for bound in ranges] for side in (0, 1))
        if starts != [0, *ends][: len(starts)] or any(start >= end for start, end in ranges):
            told = f"each begins where the one before ends, the first at 0, found {ranges}"
            raise UsageError(f'reader "{self.use}" splits {file.name} into ranges that leave a gap or overlap: {told}')
        return ranges or [(0, 1)]

    def read(
        self, range: FileRange, *, source: Source, max_record_bytes: int, watch: Watch = UNWATCHED
    ) -> Iterator[Record | Rejected]:
        """A record for each row that the function yields. Rejected: quarantined "exception", for a row that is none or,
        where the function raised, for all that follows; and as for tables "no_text", "encoding" and "too_big".
        """
        rows, number = OwnRows(range, source, max_record_bytes, is_split=self.splitter is not None), -1
        with open_watched(range.file, watch) as opened:
            try:
                for number, row in enumerate(self._rows(opened, range)):
                    yield rows.record(row, number)
            except PASSED_ON:
                raise
            except BaseException as error:  # also what `sys.exit()` raises, and a panic in Rust
                told = f"what follows record {number + 1} of it cannot be read: {describe_raised(error, __file__)}"
                yield Rejected(rows.rest(), "quarantined", "exception", told)

    def own_bytes(self, range: FileRange) -> tuple[int, int]:
        """The first range has the whole file: only the user's function knows which bytes its own unit stands for."""
        return (0, range.file.size) if range.start == 0 else (0, 0)

    def look(self, files: Sequence[InputFile], source: Source) -> Mapping[str, Kind]:
        """The columns of the first rows of the first files.

        Raises:
            UsageError: the function raised on all of these files, or no row has a text.
        """
        names, kinds, told = column_names(source.columns), dict[str, set[Kind]](), list[str]()
        has_text, looked_at = False, files[:LOOKED_AT_FILES]
        for file in looked_at:
            try:
                for row in self._first_rows(file, names):
                    has_text |= names["text"] in row or is_page(row, names)
                    for column, found in own_kinds(row, names, is_split=self.splitter is not None).items():
                        kinds.setdefault(column, set()).update(found)
            except PASSED_ON:
                raise
            except BaseException as error:
                told.append(describe_raised(error, __file__))
        if told and len(told) == len(looked_at):
            raise UsageError(f'reader "{self.use}" raised on each of the first {len(told)} files: {told[0]}')
        if kinds and not has_text:
            raise missing_column("text", names["text"], kinds, file=files[0].name)
        return {column: common_kind(found) for column, found in [*kinds.items()][:MAX_COLUMNS] if found}

    def _first_rows(self, file: InputFile, names: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        start, end = self.split_file(file, target_bytes=LOOKED_AT_BYTES)[0]
        with open_watched(file, UNWATCHED) as opened:
            for row in itertools.islice(self._rows(opened, FileRange(file, start, end)), LOOKED_AT_ROWS):
                yield as_row(row, names)

    def _rows(self, opened: Any, range: FileRange) -> Iterator[Any]:
        """What the function yields, whatever that is."""
        with self._importing():
            rows = iter(self.function(*((opened, range.start, range.end) if self.splitter else (opened,))))
        while True:
            with self._importing():
                row = next(rows, _END)
            if row is _END:
                return
            yield row

    def _importing(self) -> Any:
        """The function can import from its folder whenever it runs."""
        return self.folder.open() if self.folder else nullcontext()
