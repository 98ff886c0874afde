"""The inputs of a source that reads Common Crawl: whole files by a sample, or single records by an index.

"cc:CC-MAIN-2024-10" ─┬▶ warc.paths.gz ─▶ a sample of the files ──────────────────────────┐
                      └▶ cc = {…} ─▶ index ─▶ captures ─▶ a sample of them ─▶ parts ──────┴▶ InputFile: size, ETag
                          url, domain: cluster.idx, cdx-*.gz (cdx.py)
                          language alone: the columnar index (columns.py)

The names of inputs, and so the ids of documents, are paths below the crawl's folder: they are those of a copy of the
crawl on disk whose paths are written as "crawl-data/CC-MAIN-2024-10/./segments/*/warc/*.warc.gz".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from curate.engine import kept
from curate.engine.patience import manners_here
from curate.engine.plan import IndexedPart, InputFile
from curate.engine.web import is_web
from curate.errors import UsageError
from curate.readers.common_crawl.capture import Capture, hash_of
from curate.readers.common_crawl.cdx import indexed_captures
from curate.readers.common_crawl.columns import columnar_captures
from curate.readers.common_crawl.crawl import SUBSETS, Crawl, base_address, crawl_of
from curate.readers.common_crawl.ranges import present
from curate.recipe import Captures, Source

MAX_GAP = 32 << 10
"""Bytes between two wanted records that are fetched with them: a request of its own costs more."""


def find_crawls(source: Source) -> tuple[InputFile, ...]:
    """What is to be read of the crawls that a source names, sorted by name.

    Raises:
        UsageError: there is no such crawl, or nothing in it is what the source asks for.
        MachineError: the server was asked as often as manners allow.
    """
    found = [file for path in source.crawls for file in _find(crawl_of(path), source)]
    kept.tidy()
    return tuple(sorted(found))


def _find(crawl: Crawl, source: Source) -> Iterator[InputFile]:
    if source.cc is not None and crawl.subset != SUBSETS[0]:
        raise UsageError(f'cc chooses pages by an index, which knows none of "{crawl.path}"')
    if source.cc is None:
        files: dict[str, tuple[IndexedPart, ...]] = dict.fromkeys(sampled_files(crawl.files(), source.sample), ())
    else:
        chosen = chosen_captures(crawl, source.cc, source.sample)
        files = {name: tuple(parts(captures)) for name, captures in _by_file(chosen).items()}
    if not files:
        raise UsageError(f"{crawl.path} has no record that cc asks for, of which sample = {source.sample:g} leaves one")
    with ThreadPoolExecutor(manners_here().connections) as pool:
        for (name, wanted), (size, version) in zip(files.items(), pool.map(_look, map(crawl.uri, files)), strict=True):
            yield InputFile(crawl.name_of(name), crawl.uri(name), size, version, wanted)


def is_of_crawl(file: InputFile) -> bool:
    """Whether it is one that `find_crawls` finds, all of which are gzip by record."""
    return file.uri.startswith(f"{base_address()}crawl-data/") and file.uri.endswith(".gz")


def sampled_files(files: Sequence[str], share: float) -> list[str]:
    """The share of the files, at least one, whose names have the smallest hashes."""
    count = max(round(len(files) * share), 1)
    return sorted(sorted(files, key=hash_of)[:count])


def chosen_captures(crawl: Crawl, wanted: Captures, share: float) -> Iterator[Capture]:
    """Those that an index knows, and of them those whose hash is below the share."""
    if wanted.url or wanted.domain:
        return (capture for capture in indexed_captures(crawl, wanted) if capture.is_in(share))
    return columnar_captures(crawl, wanted.language, share)


def parts(captures: Iterable[Capture], max_gap: int = MAX_GAP) -> Iterator[IndexedPart]:
    """Records of one file, those that lie close together in one."""
    start = end = -1
    places: list[int] = []
    for capture in sorted(captures, key=lambda capture: capture.offset):
        if places and capture.offset - end > max_gap:
            yield IndexedPart(start, end, tuple(places))
            places = []
        start = start if places else capture.offset
        places.append(capture.offset)
        end = capture.offset + capture.length
    if places:
        yield IndexedPart(start, end, tuple(places))


def _by_file(captures: Iterable[Capture]) -> dict[str, set[Capture]]:
    found: dict[str, set[Capture]] = {}
    for capture in captures:  # a set, as two patterns may mean one record
        found.setdefault(capture.file, set()).add(capture)
    return dict(sorted(found.items()))


def _look(uri: str) -> tuple[int, str]:
    """Size and version: kept, as files of a crawl stay what they are. One that does not is noticed when it is read."""
    content = kept.take(uri) if is_web(uri) else None
    if content is not None:
        size, version = json.loads(content)
        return size, version
    planned = present(uri)
    if is_web(uri):
        kept.keep(uri, json.dumps([planned.size, planned.version]).encode())
    return planned.size, planned.version
