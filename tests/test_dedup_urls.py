"""URLs in one spelling."""

from __future__ import annotations

import polars as pl
import pytest

from curate.dedup.urls import hash_urls, normal_url


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://www.Example.org:80/a/?b=1&utm_source=x#top", "example.org/a?b=1"),
        ("https://example.org/a?b=1", "example.org/a?b=1"),
        ("https://example.org:8443/A", "example.org:8443/A"),
        ("<http://example.org/>", "example.org"),
        ("http://example.org/?fbclid=1&q=", "example.org?q="),
        ("ftp://Example.org/a/", "ftp://Example.org/a/"),
        ("urn:isbn:1", "urn:isbn:1"),
        ("http://[::1/", "http://[::1/"),
        ("http://example.org:port/", "http://example.org:port/"),
        ("  ", None),
        (None, None),
    ],
)
def test_what_is_one_address_has_one_spelling(url: str | None, normal: str | None) -> None:
    assert normal_url(url) == normal


def test_no_url_equals_none() -> None:
    hashes = hash_urls(pl.Series(["http://a.example/", "https://www.a.example", None, ""]))
    assert hashes[0] == hashes[1] is not None
    assert hashes[2:].to_list() == [None, None]
