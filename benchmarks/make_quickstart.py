"""Cuts the sample data of the quickstart recipe out of larger collections; the same collections give the same bytes.

    DATA/web/prose.warc.gz, DATA/neardup/web.warc.gz ─▶ web.warc.gz    whole gzip members, chosen by host
    DATA/books.tar.gz                                ─▶ books/*.txt
    DATA/code.tar.gz, license of installed networkx  ─▶ code.tar.gz

    python benchmarks/make_quickstart.py DATA [OUT]

What came out, with its sources and licenses, stands in `curate/recipes/quickstart/NOTICE.md`.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from fastwarc.warc import ArchiveIterator

T = TypeVar("T")
SAMPLE = Path(__file__).resolve().parents[1] / "curate" / "recipes" / "quickstart"

# (part of the URL, status) -> how many pages, spread evenly over those there are
WEB = {
    ("://debian-handbook.bookworm.test/usr/share/doc/debian-handbook/html/en-US/", 200): 55,
    ("://debian-handbook.bookworm.test/usr/share/doc/debian-handbook/html/de-DE/", 200): 36,
    ("://debian-handbook.bookworm.test/usr/share/doc/debian-handbook/html/fr-FR/", 200): 36,
    ("://debian-handbook.bookworm.test/usr/share/doc/debian-handbook/html/es-ES/", 200): 40,
    ("://debian-faq.bookworm.test/", 200): 25,
    ("://debian-faq-de.bookworm.test/", 200): 24,
    ("://debian-faq-fr.bookworm.test/", 200): 24,
    ("://debian-kernel-handbook.bookworm.test/", 200): 17,
    ("://debian-policy.bookworm.test/", 200): 50,
    ("://developers-reference.bookworm.test/", 200): 16,
    ("://installation-guide-amd64.bookworm.test/usr/share/doc/installation-guide-amd64/en/", 200): 60,
    ("://debian-reference-id.bookworm.test/", 404): 10,
}
NEAR_DUPLICATES = {
    ("://debian-policy.trixie.test/", 200): 24,
    ("://developers-reference.trixie.test/", 200): 8,
    ("://installation-guide-arm64.bookworm.test/usr/share/doc/installation-guide-arm64/en/", 200): 12,
}
MAX_PAGE_BYTES = 100_000
BOOKS = ("northangerabbey", "persuasion")
NETWORKX = ("networkx/classes/", "networkx/linalg/", "networkx/readwrite/json_graph/")
LODASH_FILES = 60
ALWAYS = ("LICENSE", "README.md", "package.json", "core.min.js")  # one minified file, for the filters to find


class Response(NamedTuple):
    start: int
    end: int
    request_start: int
    url: str
    status: int


def main(data: Path, out: Path) -> None:
    (out / "books").mkdir(parents=True, exist_ok=True)
    web = cut_web(data / "web/prose.warc.gz", WEB) + cut_web(data / "neardup/web.warc.gz", NEAR_DUPLICATES)
    (out / "web.warc.gz").write_bytes(web)
    with tarfile.open(data / "books.tar.gz") as books:
        for name in BOOKS:
            (out / "books" / f"{name}.txt").write_bytes(read_member(books, f"books/jane-austen/{name}.txt"))
    (out / "code.tar.gz").write_bytes(cut_code(data / "code.tar.gz"))


def cut_web(path: Path, wanted: dict[tuple[str, int], int]) -> bytes:
    """The file's first record and the chosen responses, in the file's order; 404s with their requests before them."""
    responses = list(read_responses(path))
    chosen: set[Response] = set()
    for (part, status), count in wanted.items():
        chosen.update(spread([page for page in responses if part in page.url and page.status == status], count))
    content = path.read_bytes()
    pages = sorted(chosen)
    starts = [page.start if page.status == 200 else page.request_start for page in pages]
    first_end = min(page.request_start for page in responses)
    return content[:first_end] + b"".join(content[start : page.end] for start, page in zip(starts, pages, strict=True))


def read_responses(path: Path) -> Iterator[Response]:
    """Pages of moderate size, with the places of their gzip members in the file."""
    places = []
    with path.open("rb") as file:
        for record in ArchiveIterator(file, parse_http=True):
            url = (record.headers.get("WARC-Target-URI") or "").strip("<>")
            status = record.http_headers.status_code if record.http_headers else 0
            kind = record.headers.get("WARC-Type")
            places.append((record.stream_pos, kind, url, status or 0, record.content_length))
    ends = [place[0] for place in places[1:]] + [path.stat().st_size]
    for number, (start, kind, url, status, size) in enumerate(places):
        if kind == "response" and size <= MAX_PAGE_BYTES:
            yield Response(start, ends[number], places[number - 1][0], url, status)


def spread(items: list[T], count: int) -> list[T]:
    return [items[number * len(items) // count] for number in range(min(count, len(items)))]


def cut_code(path: Path) -> bytes:
    """Two small source trees with their license files, as a reproducible .tar.gz."""
    with tarfile.open(path) as code:
        names = sorted(member.name for member in code if member.isfile())
        chosen = [name for name in names if is_networkx(name)] + choose_lodash(names)
        files = {name.removeprefix("code/"): read_member(code, name) for name in chosen}
    files["networkx/LICENSE.txt"] = networkx_license()
    return pack(files)


def is_networkx(name: str) -> bool:
    path = name.removeprefix("code/")
    return path.endswith(".py") and path.startswith(NETWORKX) and "/tests/" not in path


def choose_lodash(names: list[str]) -> list[str]:
    modules = [name for name in names if name.startswith("code/lodash/") and name.count("/") == 2]
    always = [name for name in modules if name.rpartition("/")[2] in ALWAYS]
    return always + spread([name for name in modules if name.endswith(".js") and name.count(".") == 1], LODASH_FILES)


def networkx_license() -> bytes:
    files = importlib.metadata.files("networkx") or []
    license = next(file for file in files if file.name == "LICENSE.txt")
    return Path(str(license.locate())).read_bytes()


def read_member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None, f"{name} is not a file"
    return stream.read()


def pack(files: dict[str, bytes]) -> bytes:
    """A tar whose bytes depend on names and contents alone: no times, no owners."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            header = tarfile.TarInfo(name)
            header.size = len(files[name])
            archive.addfile(header, io.BytesIO(files[name]))
    return gzip.compress(packed.getvalue(), compresslevel=9, mtime=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else SAMPLE)
