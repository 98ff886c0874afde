"""One request for a range of bytes, and what came of it: what was asked for, or what is to be done about it.

GET, Range ─▶ 206, the right place, whole ─▶ Fetched
          ─▶ 403 408 425 429 5xx, reset, short, wrong ─▶ Again: with Retry-After, and with what did come
          ─▶ 404, another refusal ─▶ UsageError
"""

from __future__ import annotations

import http
import os
import re
import time
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from curate.batch import Pulse
from curate.engine.patience import Again, Fetched
from curate.errors import UsageError
from curate.version import __version__

USER_AGENT = f"curate-corpus/{__version__}"
CONTACT = "CURATE_HTTP_CONTACT"
"""The environment variable with an address that servers' owners can write to."""
REFUSALS = frozenset({403, 408, 425, 429, *range(500, 600)})
"""What a server says that wants to be left alone for a while; Common Crawl's says 403, too."""
GONE = frozenset({404, 410})
CONNECT_SECONDS, READ_SECONDS = 10.0, 45.0
MAX_REDIRECTS = 5
CHUNK_BYTES = 1 << 20
POOLED = 16
"""Connections that stay open."""
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")


def ask(uri: str, start: int, end: int, pulse: Pulse) -> Fetched:
    """One try.

    Raises:
        Again, UsageError
    """
    import urllib3

    contact = os.environ.get(CONTACT, "")
    agent = f"{USER_AGENT} ({contact})" if contact else USER_AGENT
    headers = {"User-Agent": agent, "Accept-Encoding": "identity", "Range": f"bytes={start}-{end - 1}"}
    follow = urllib3.Retry(
        total=None, connect=0, read=0, status=0, other=0, redirect=MAX_REDIRECTS, respect_retry_after_header=False
    )
    try:
        response = _pool(os.getpid(), _proxy(uri)).request(
            "GET", uri, headers=headers, preload_content=False, decode_content=False, retries=follow
        )
        try:
            return _taken(response, uri, start, end, pulse)
        finally:
            response.release_conn()  # one that was not read to its end is closed below
    except urllib3.exceptions.LocationValueError as error:
        raise UsageError(f'"{uri}" is no address: {error}') from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Again(_said(error), is_unreached=_found_nobody(error)) from None


def _found_nobody(error: BaseException) -> bool:
    """No such name, or nobody listens there."""
    import urllib3

    reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _taken(response: Any, uri: str, start: int, end: int, pulse: Pulse) -> Fetched:
    """What a response holds, if it is what was asked for."""
    status, headers = int(response.status), response.headers
    version = headers.get("ETag") or headers.get("Last-Modified") or ""
    try:
        if status in GONE:
            raise UsageError(f"there is no {uri}: the server says {_phrase(status)}")
        if status in REFUSALS:
            raise Again(_phrase(status), _asked_pause(headers.get("Retry-After")))
        place = CONTENT_RANGE.fullmatch(headers.get("Content-Range") or "")
        if status == 416 and place:  # it ends before `start`: an empty file, or one that is not what it was
            return Fetched(b"", int(place[3]), version)
        if status == 200:
            return _whole(response, start, end, version, pulse)
        if status != 206:
            raise UsageError(f"{uri} can't be read: the server says {_phrase(status)}")
        if not place or place[1] is None or int(place[1]) != start:
            raise Again(f"asked for bytes {start}-{end - 1} it gave {headers.get('Content-Range')}")
        size = int(place[3])
        return _read(response, min(end, size) - start, Fetched(b"", size, version), pulse)
    except BaseException:
        response.close()
        raise


def _whole(response: Any, start: int, end: int, version: str, pulse: Pulse) -> Fetched:
    """A server without ranges gives all of a file; that is taken where all was asked for."""
    length = response.headers.get("Content-Length") or ""
    if start or not length.isdigit() or int(length) > end:
        raise Again("it hands out whole files only, no ranges of bytes")
    return _read(response, int(length), Fetched(b"", int(length), version), pulse)


def _read(response: Any, wanted: int, head: Fetched, pulse: Pulse) -> Fetched:
    """The body of a response.

    Raises:
        Again: it is not as long as it should be; with what came of it.
    """
    import urllib3

    pieces, size, why = [], 0, ""
    try:
        for piece in response.stream(CHUNK_BYTES, decode_content=False):
            pieces.append(piece)
            size += len(piece)
            pulse()
            if size > wanted:
                raise Again(f"more than {wanted:,} bytes came")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        why = f": {_said(error)}"
    fetched = replace(head, data=b"".join(pieces))
    if size != wanted:
        raise Again(f"{size:,} bytes came of {wanted:,}{why}", came=fetched)
    return fetched


def _asked_pause(value: str | None) -> float | None:
    """Retry-After: seconds, or a date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    import email.utils

    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _proxy(uri: str) -> str | None:
    """Of the environment, if it has one for this server."""
    import urllib.request

    parts = urlsplit(uri)
    is_direct = urllib.request.proxy_bypass(parts.netloc)
    return None if is_direct else urllib.request.getproxies().get(parts.scheme)


@lru_cache(maxsize=8)
def _pool(process: int, proxy: str | None) -> Any:
    """Connections that stay open, of one process: a fork must not share them."""
    import urllib3

    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    if proxy:
        return urllib3.ProxyManager(proxy, timeout=timeout, maxsize=POOLED)
    return urllib3.PoolManager(timeout=timeout, maxsize=POOLED)


def _phrase(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _said(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
