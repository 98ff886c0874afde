"""URLs in one spelling, so that pages fetched twice from one address are found whatever their text is by now.

"HTTP://www.Example.org:80/a/?b=1&utm_source=x#top" ─▶ "example.org/a?b=1" ─▶ xxh3_64
"""

from __future__ import annotations

from urllib.parse import urlsplit

import polars as pl
from xxhash import xxh3_64_intdigest

from curate.dedup.equal import find_equal
from curate.dedup.method import DocumentMethod, Search
from curate.recipe_dedup import Dedup

KEY = "url_hash"
TRACKERS = ("utm_", "fbclid", "gclid", "msclkid", "mc_cid", "mc_eid")
"""Beginnings of parameters that tell where a visitor came from and not what the page is."""
DEFAULT_PORTS = {"http": 80, "https": 443}


def hash_urls(urls: pl.Series) -> pl.Series:
    """`url_hash` (UInt64): xxh3_64 of the normal form; null where there is no URL, so that it equals none."""
    hashes = [xxh3_64_intdigest(normal.encode()) if (normal := normal_url(url)) else None for url in urls]
    return pl.Series(KEY, hashes, dtype=pl.UInt64)


def normal_url(url: str | None) -> str | None:
    """One spelling of a URL: host in lower case without "www." and default port, no scheme of the web (http, https), no
    fragment, no slash at the end, no parameters of trackers; the rest as it is. None for an empty one.

    A URL that cannot be parsed stands for itself.
    """
    plain = (url or "").strip().strip("<>")
    try:
        parts = urlsplit(plain)
        port = parts.port
    except ValueError:
        return plain or None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return plain or None
    host = parts.hostname.removeprefix("www.")
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{port}"
    kept = [item for item in parts.query.split("&") if item and not item.casefold().startswith(TRACKERS)]
    return host + parts.path.rstrip("/") + ("?" + "&".join(kept) if kept else "")


def _sign(documents: pl.DataFrame, dedup: Dedup) -> pl.DataFrame:
    return hash_urls(documents["url"]).to_frame()


def _find(search: Search) -> None:
    find_equal(search, [KEY], is_same_text=False)


URL = DocumentMethod(
    name="url",
    about='their URLs are the same but for http or https, "www.", default ports, a slash at the end, fragments, and '
    "trackers' parameters; whatever their texts",
    reason="url_duplicate",
    columns=lambda dedup: {KEY: pl.UInt64},
    sign=_sign,
    find=_find,
    meets=lambda dedup: (KEY,),
    needs=lambda dedup: ("url",),
    keys=lambda dedup: (KEY,),
    likeness="the same page",
)
