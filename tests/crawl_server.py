"""A small Common Crawl for tests: the layout of the real one on disk, made of the shipped sample with warcio and a few
lines that know nothing of curate, and a server of it that can misbehave.

sample ─▶ crawl-data/CC-TEST-2024-10/segments/*/warc/*.warc.gz, lists ─┬▶ cc-index/collections/…: cluster.idx, cdx-*.gz
                                                                       └▶ cc-index/table/…: Parquet
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
from warcio.archiveiterator import ArchiveIterator

NAME = "CC-TEST-2024-10"
FILES, SEGMENTS = 6, 2
PICTURE_BYTES = 4_300_000
"""Of the picture in each file, which no split shares with another file."""
LINES_A_BLOCK, BLOCKS_A_FILE = 12, 9


@dataclass(frozen=True)
class Page:
    """A response of the crawl, as the index has it."""

    url: str
    date: str
    language: str
    status: str
    file: str
    offset: int
    length: int

    @property
    def host(self) -> str:
        return str(urlsplit(self.url).hostname)

    def id(self, source: str) -> str:
        return f"{source}/{self.file.removeprefix(f'crawl-data/{NAME}/')}@{self.offset}"


def build_crawl(sample: Path, root: Path) -> list[Page]:
    """Write all of it; returns what its pages are."""
    pieces = _members(sample)[::2]
    pages: list[Page] = []
    paths = []
    for number in range(FILES):
        segment = f"17079{number % SEGMENTS:05}.{number % SEGMENTS}"
        path = f"crawl-data/{NAME}/segments/{segment}/warc/CC-TEST-20240220211055-{number:05}.warc.gz"
        paths.append(path)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"".join([_picture(number), *pieces[number::FILES]]))
        pages += _pages(root / path, path)
    _write_list(root / f"crawl-data/{NAME}/warc.paths.gz", paths)
    write_cdx(pages, root / f"cc-index/collections/{NAME}/indexes")
    _write_table(pages, root)
    return pages


def _picture(number: int) -> bytes:
    """A long record that is no document."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"
    content = head + b"\x89PNG\r\n\x1a\n" + random.Random(number).randbytes(PICTURE_BYTES)
    fields = [
        "WARC/1.0",
        "WARC-Type: response",
        f"WARC-Target-URI: http://pictures.test/{number}.png",
        "WARC-Date: 2024-02-20T21:10:55Z",
        "Content-Type: application/http; msgtype=response",
        f"Content-Length: {len(content)}",
    ]
    return gzip.compress("\r\n".join([*fields, "", ""]).encode() + content + b"\r\n\r\n", 1)


def _members(sample: Path) -> list[bytes]:
    """The records, each a member of gzip, as bytes."""
    data = sample.read_bytes()
    with sample.open("rb") as file:
        records = ArchiveIterator(file)
        found = [(records.get_record_offset(), records.get_record_length()) for _ in records]
    return [data[offset : offset + length] for offset, length in found]


def _pages(path: Path, name: str) -> Iterator[Page]:
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        for record in records:
            offset, length = records.get_record_offset(), None
            if record.rec_type == "response":
                url = record.rec_headers.get_header("WARC-Target-URI").strip("<>")
                date = re.sub(r"\D", "", record.rec_headers.get_header("WARC-Date"))[:14]
                status = record.http_headers.get_statuscode()
                length = records.get_record_length()
                yield Page(url, date, _language(url), status, name, offset, length)


def _language(url: str) -> str:
    for mark, language in (("de-DE", "deu,eng"), ("-de.", "deu"), ("fr-FR", "fra"), ("-fr.", "fra")):
        if mark in url:
            return language
    return "eng"


def surt(url: str) -> str:
    parts = urlsplit(url)
    host = re.sub(r"^www\d*\.", "", str(parts.hostname))
    query = "?" + "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    path = parts.path.rstrip("/") or "/"
    return ",".join(reversed(host.split("."))) + ")" + (path + query).lower()


def _write_list(path: Path, lines: list[str]) -> None:
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def write_cdx(pages: list[Page], folder: Path, *, lines_a_block: int = LINES_A_BLOCK) -> None:
    """Lines sorted as bytes, blocks of a few of them, files of a few blocks, a line of the cluster for each block."""
    folder.mkdir(parents=True)
    lines = sorted(_cdx_line(page) for page in pages)
    cluster, files = [], {}
    for number, first in enumerate(range(0, len(lines), lines_a_block)):
        name = f"cdx-{number // BLOCKS_A_FILE:05}.gz"
        block = gzip.compress(b"".join(lines[first : first + lines_a_block]))
        key = b" ".join(lines[first].split(b" ")[:2]).decode()
        cluster.append(f"{key}\t{name}\t{len(files.get(name, b''))}\t{len(block)}\t{number + 1}\n")
        files[name] = files.get(name, b"") + block
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "cluster.idx").write_text("".join(cluster))


def _cdx_line(page: Page) -> bytes:
    known = {
        "url": page.url,
        "mime": "text/html",
        "status": page.status,
        "length": str(page.length),
        "offset": str(page.offset),
        "filename": page.file,
        "languages": page.language,
    }
    return f"{surt(page.url)} {page.date} {json.dumps(known)}\n".encode()


def _write_table(pages: list[Page], root: Path) -> None:
    rows = pl.DataFrame(
        {
            "url": [page.url for page in pages],
            "fetch_status": pl.Series([int(page.status) for page in pages], dtype=pl.Int16),
            "content_languages": [page.language for page in pages],
            "warc_filename": [page.file for page in pages],
            "warc_record_offset": pl.Series([page.offset for page in pages], dtype=pl.Int32),
            "warc_record_length": pl.Series([page.length for page in pages], dtype=pl.Int32),
        }
    )
    paths = []
    for number, part in enumerate((rows[::2], rows[1::2])):
        path = f"cc-index/table/cc-main/warc/crawl={NAME}/subset=warc/part-{number:05}-a.c000.gz.parquet"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        part.write_parquet(root / path, row_group_size=50, compression="gzip")
        paths.append(path)
    other = f"cc-index/table/cc-main/warc/crawl={NAME}/subset=robotstxt/part-00000-a.c000.gz.parquet"
    _write_list(root / f"crawl-data/{NAME}/cc-index-table.paths.gz", [*paths, other])


FAULTS = ("403", "429", "503", "reset", "short", "wrong", "whole")


@dataclass
class Server:
    """What it serves, what it was asked, and how it behaves."""

    root: Path
    fault: Callable[[str, int], str | None] = lambda path, times: None
    """By a request's path and range, and how often they were asked for before."""
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    """Path and range of each request that was answered well."""
    refused: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    seconds: float = 0.0
    """That each answer takes."""
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    times: dict[str, int] = field(default_factory=dict)

    def of(self, word: str) -> list[tuple[str, int, int]]:
        """The requests for files with this in their path."""
        return [request for request in self.asked if word in request[0]]


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    state = Server(root)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            with state.lock:
                state.at_once += 1
                state.most_at_once = max(state.most_at_once, state.at_once)
            time.sleep(state.seconds)
            with state.lock:  # before the answer, behind which the next request may come at once
                state.at_once -= 1
            answer(self, state)

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Clients that are killed leave broken connections."""

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, state: Server) -> None:
    path = request.path.partition("?")[0].lstrip("/")
    key = f"{path} {request.headers.get('Range')}"
    with state.lock:
        state.agents.add(request.headers.get("User-Agent", ""))
        state.times[key] = state.times.get(key, -1) + 1
        fault = state.fault(key, state.times[key])
    if not (state.root / path).is_file():
        return reply(request, 404, b"no such key")
    data = (state.root / path).read_bytes()
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
    first, end = (int(match[1]), min(int(match[2]) + 1, len(data))) if match else (0, len(data))
    if first >= len(data):
        return reply(request, 416, b"", {"Content-Range": f"bytes */{len(data)}"})
    etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
    headers = {"ETag": f'"{etag}"', "Content-Range": f"bytes {first}-{end - 1}/{len(data)}"}
    if fault:
        with state.lock:
            state.refused.append(fault)
        return misbehave(request, fault, data, first, end, headers)
    with state.lock:
        state.asked.append((path, first, end))
    return reply(request, 206, data[first:end], headers)


def misbehave(
    request: BaseHTTPRequestHandler, fault: str, data: bytes, first: int, end: int, headers: dict[str, str]
) -> None:
    if fault == "reset":
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reply(request, 206, data[first : (first + end) // 2], headers, length=end - first)
        request.close_connection = True
        request.connection.close()
    elif fault == "short":
        reply(request, 206, data[first : end - 1], headers)
    elif fault == "wrong":
        reply(request, 206, data[: end - first], {**headers, "Content-Range": f"bytes 7-{end - first + 6}/{len(data)}"})
    elif fault == "whole":
        reply(request, 200, data, {"ETag": headers["ETag"]})
    else:
        status, _, seconds = fault.partition(":")
        reply(request, int(status), b"Please reduce your request rate.", {"Retry-After": seconds} if seconds else {})


def reply(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    try:
        request.wfile.write(body)
        request.wfile.flush()
    except OSError:  # who asks may have hung up
        request.close_connection = True
