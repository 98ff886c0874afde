"""Captures by language alone, from the columnar index of a crawl: of its Parquet files only some columns are read.

cc-index-table.paths.gz ─▶ …/crawl=…/subset=warc/part-*.parquet ─▶ row groups ─▶ rows in the language ─▶ Capture

The sorted index (cdx.py) knows languages, too, but only where it is known which addresses to look for. What was found
in a file is kept, so that a run that goes on does not read it again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from curate.engine import kept
from curate.engine.files import open_file
from curate.engine.plan import InputFile
from curate.errors import CheckFailed, UsageError
from curate.readers.common_crawl.capture import Capture
from curate.readers.common_crawl.crawl import Crawl
from curate.readers.common_crawl.ranges import present

SUBSET = "/subset=warc/"
LANGUAGES, STATUS = "content_languages", "fetch_status"
PLACE = ("warc_filename", "warc_record_offset", "warc_record_length")


def columnar_captures(crawl: Crawl, languages: Sequence[str], share: float) -> Iterator[Capture]:
    """The pages whose main language is one of those, and of them a sample.

    Raises:
        UsageError: there is no such crawl, or its index knows no languages.
        CheckFailed: a file of the index is no Parquet, or has not the columns that are known.
    """
    for path in crawl.listed(f"crawl-data/{crawl.name}/cc-index-table.paths.gz"):
        if SUBSET in path:
            planned = present(crawl.uri(path))
            key = f"{planned.uri} {planned.version} {sorted(languages)} {share!r}"
            content = kept.take(key)
            if content is None:
                found = [capture for capture in _captures_of(planned, languages) if capture.is_in(share)]
                kept.keep(key, zlib.compress(json.dumps(found).encode(), 1))
            else:
                found = [Capture(*place) for place in json.loads(zlib.decompress(content))]
            yield from found


def _captures_of(planned: InputFile, languages: Sequence[str]) -> Iterator[Capture]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    uri = planned.uri
    with open_file(planned) as file:
        try:
            table = pq.ParquetFile(file, pre_buffer=True)
            if LANGUAGES not in table.schema_arrow.names:
                told = "crawls before CC-MAIN-2018-39 have none"
                raise UsageError(f"{uri} knows no languages; {told}: choose by url or domain")
            for group in range(table.num_row_groups):
                yield from _captures_in(table.read_row_group(group, [LANGUAGES, STATUS, *PLACE]), languages)
        except (pa.ArrowException, KeyError) as error:
            told = str(error).splitlines()[0]
            raise CheckFailed(f"{uri} is not in the form of Common Crawl's index: {told}") from None


def _captures_in(rows: Any, languages: Sequence[str]) -> Iterator[Capture]:
    import pyarrow as pa
    import pyarrow.compute as pc

    main = pc.utf8_slice_codeunits(rows[LANGUAGES].cast("string"), 0, 3)
    is_wanted = pc.and_kleene(pc.is_in(main, value_set=pa.array(languages, pa.string())), pc.equal(rows[STATUS], 200))
    found = rows.select(list(PLACE)).filter(is_wanted)
    yield from map(Capture, *(found[name].to_pylist() for name in PLACE))
