"""HTTP messages as crawlers store them: whole, half undone, mislabeled, broken, and hostile."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.readers.http import BadHttp, begins_message, media_type, read_head, read_payload, unchunk

PAGE = b"<html><body>" + Path(__file__).read_bytes() + "<p>Größe, 大きさ</p></body></html>".encode()
MAX = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate, as some servers do it": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def message(body: bytes, *fields: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *fields, "", ""]).encode() + body


def payload(body: bytes, *fields: str, max_bytes: int = MAX, is_cut: bool = False) -> bytes:
    whole = message(body, *fields)
    return read_payload(read_head(whole), whole, max_bytes=max_bytes, is_cut=is_cut)


def chunk(data: bytes, size: int) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: x\r\n\r\n"


def test_a_head_gives_status_fields_and_the_place_of_the_body() -> None:
    head = read_head(b"HTTP/1.1 301 Moved\r\nContent-TYPE:text/html\r\nX-Long: a\r\n\tb\r\nX: 1\r\nX: 2\r\n\r\nbody")
    assert (head.status, head.body_start) == (301, 73)
    assert head.fields == {b"content-type": b"text/html", b"x-long": b"a b", b"x": b"1"}


@pytest.mark.parametrize(
    "line", [b"HTTP/2 200", b"HTTP/1.0 200 OK", b"http/1.1 200", b"HTTP/1.1  200  Fine", b"ICY 200 OK"]
)
def test_status_lines_of_old_and_new_servers_are_read(line: bytes) -> None:
    for end in (b"\r\n", b"\n"):
        assert read_head(line + end + b"A: b" + end + end + b"x").status == 200


def test_a_message_that_ends_with_its_head_has_no_payload() -> None:
    assert payload(b"") == b""
    assert read_head(b"HTTP/1.1 204 No Content\r\nServer: x\r\n").status == 204


@pytest.mark.parametrize("bad", [b"", b"<html>", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000])
def test_what_is_no_message_is_refused(bad: bytes) -> None:
    with pytest.raises(BadHttp) as caught:
        read_head(bad)
    assert caught.value.reason == "bad_http"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/html; charset=UTF-8", ("text/html", "UTF-8")),
        (b'TEXT/HTML;Charset="iso-8859-1"', ("text/html", "iso-8859-1")),
        (b"text/html charset = koi8-r", ("text/html", "koi8-r")),
        (b"text/html,text/html", ("text/html", None)),
        (b"", ("", None)),
    ],
)
def test_a_content_type_gives_type_and_charset(value: bytes, expected: tuple[str, str | None]) -> None:
    assert media_type(value) == expected


@pytest.mark.parametrize("name", ENCODERS)
def test_content_encodings_are_undone_also_inside_chunks(name: str) -> None:
    encoded, field = ENCODERS[name](PAGE), f"Content-Encoding: {name.partition(',')[0]}"
    assert payload(encoded, field) == PAGE
    assert payload(chunk(encoded, 100), field, "Transfer-Encoding: chunked") == PAGE


def test_encodings_in_a_row_are_undone_from_the_last() -> None:
    assert payload(gzip.compress(brotli.compress(PAGE)), "Content-Encoding: br, gzip") == PAGE
    with pytest.raises(BadHttp, match="at most 3"):
        payload(PAGE, "Content-Encoding: gzip, gzip, gzip, gzip")


@pytest.mark.parametrize("name", [*ENCODERS, "identity", "made-up"])
def test_a_plain_body_is_taken_as_it_is_whatever_its_head_says(name: str) -> None:
    assert payload(PAGE, f"Content-Encoding: {name.partition(',')[0]}", "Transfer-Encoding: chunked") == PAGE


@pytest.mark.parametrize("name", ENCODERS)
def test_a_broken_encoding_is_never_passed_on_in_part(name: str) -> None:
    encoded, field = ENCODERS[name](PAGE), f"Content-Encoding: {name.partition(',')[0]}"
    with pytest.raises(BadHttp) as caught:
        payload(encoded[: len(encoded) // 2], field)
    assert caught.value.reason == "bad_encoding"


def test_what_the_crawler_itself_cut_off_is_kept_as_far_as_it_goes() -> None:
    encoded = gzip.compress(PAGE)
    begin = payload(encoded[: len(encoded) // 2], "Content-Encoding: gzip", is_cut=True)
    assert begin
    assert PAGE.startswith(begin)
    assert payload(chunk(PAGE, 500)[:1200], "Transfer-Encoding: chunked", is_cut=True) == PAGE[:1160]


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_stopped_at_the_limit(name: str) -> None:
    bomb = ENCODERS[name](bytes(8 << 20))
    with pytest.raises(BadHttp) as caught:
        payload(bomb, f"Content-Encoding: {name}", max_bytes=MAX)
    assert caught.value.reason == "too_big"


def test_several_gzip_members_are_one_body_and_what_follows_is_ignored() -> None:
    assert payload(gzip.compress(PAGE) + gzip.compress(b"more") + b"rest", "Content-Encoding: gzip") == PAGE + b"more"


class Wire:
    """What `http.client` takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300), st.integers(1, 70))
def test_chunks_are_put_together_as_the_standard_library_does(data: bytes, size: int) -> None:
    oracle = HTTPResponse(Wire(message(chunk(data, size), "Transfer-Encoding: chunked")))  # type: ignore[arg-type]
    oracle.begin()
    assert unchunk(chunk(data, size)) == oracle.read() == data


def test_chunks_without_their_last_are_whole() -> None:
    assert unchunk(b"5\r\nhello\r\n6\r\n world\r\n") == b"hello world"


@pytest.mark.parametrize("body", [b"2024\nwas a good year.\n", b"<html>", b"", b"no size here"])
def test_a_body_that_is_not_chunked_is_left_alone(body: bytes) -> None:
    assert unchunk(body) == body


@pytest.mark.parametrize("body", [b"5\r\nhello\r\n6\r\n wor", b"5\r\nhello\r\nxx\r\nworld", b"ffff\r\nhello"])
def test_broken_chunks_are_refused(body: bytes) -> None:
    with pytest.raises(BadHttp, match="broken chunks") as caught:
        unchunk(body)
    assert caught.value.reason == "bad_http"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


@pytest.mark.parametrize(
    "before",
    [
        HEAD,
        HEAD.replace(b"\r\n", b"\n"),
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: /b\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: x\r\n\r\n" + HEAD,
    ],
)
def test_the_head_of_the_last_answer_counts(before: bytes) -> None:
    whole = before + HEAD + PAGE
    head = read_head(whole)
    assert (head.status, head.fields[b"content-type"]) == (200, b"text/html")
    assert read_payload(head, whole, max_bytes=MAX) == PAGE


def test_an_interim_answer_alone_is_the_answer() -> None:
    assert read_head(b"HTTP/1.1 100 Continue\r\n\r\n").status == 100


def test_a_plain_text_may_show_a_head() -> None:
    shown = b"HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\nis what you see then."
    assert payload(shown, "Content-Type: text/plain") == shown
    for text in (b"HTTP 404 Not Found", b"HTTP/1.1 200 OK<br>", b"HTTP/1.1 404 Not Found"):
        assert payload(text, "Content-Type: text/html") == text


def test_heads_without_an_end_are_refused() -> None:
    with pytest.raises(BadHttp, match="more than 8 HTTP heads"):
        read_head(HEAD * 50)


def test_a_head_inside_the_chunks_is_seen() -> None:
    whole = message(chunk(HEAD + PAGE, 100), "Transfer-Encoding: chunked")
    inner = read_payload(read_head(whole), whole, max_bytes=MAX)
    assert begins_message(read_head(whole), inner)
    assert read_payload(read_head(inner), inner, max_bytes=MAX) == PAGE


@pytest.mark.parametrize(
    "fields",
    [
        ("Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: Chunked ;q=1",),
        ("transfer-encoding: identity, chunked",),
    ],
)
def test_lines_of_one_field_are_one_list(fields: tuple[str, ...]) -> None:
    assert payload(chunk(PAGE, 100), *fields) == PAGE


@pytest.mark.parametrize("name", ENCODERS)
def test_encodings_of_the_transfer_are_undone(name: str) -> None:
    coding = name.partition(",")[0]
    coded = ENCODERS[name](PAGE)
    assert payload(chunk(coded, 100), f"Transfer-Encoding: {coding}, chunked") == PAGE
    assert payload(coded, f"Transfer-Encoding: {coding}") == PAGE
    assert payload(chunk(coded, 99), f"Transfer-Encoding: {coding}", "Transfer-Encoding: chunked") == PAGE
    twice = chunk(ENCODERS[name](gzip.compress(PAGE)), 100)
    assert payload(twice, f"Transfer-Encoding: {coding}, chunked", "Content-Encoding: gzip") == PAGE


def test_an_encoding_of_the_transfer_that_nobody_knows_is_named() -> None:
    with pytest.raises(BadHttp, match="'made-up' is not known") as caught:
        payload(chunk(gzip.compress(PAGE), 100), "Transfer-Encoding: made-up, chunked")
    assert caught.value.reason == "bad_encoding"


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_head_without_a_blank_line_ends_where_the_page_begins(end: bytes) -> None:
    page = b"<!DOCTYPE html>" + end + b"<title>Note: x</title>" + end + end + b"<p>More.</p>"
    whole = end.join([b"HTTP/1.1 200 OK", b"Content-Type: text/html", b"Server: x", page])
    assert read_payload(read_head(whole), whole, max_bytes=MAX) == page
    long = whole + b"<p>and more</p>" * 10_000
    assert read_payload(read_head(long), long, max_bytes=MAX).startswith(page)
    text = end.join([b"HTTP/1.1 200 OK", b"Content-Type: text/plain", b"A first line", b"and another.", b"", b"More."])
    assert read_payload(read_head(text), text, max_bytes=MAX).startswith(b"A first line")


def test_a_line_of_a_head_that_is_no_field_is_ignored() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nnonsense\r\n\r\n" + PAGE
    assert read_payload(read_head(whole), whole, max_bytes=MAX) == PAGE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain, text/html", ("text/html", None)),
        (b"text/html; charset=koi8-r, text/html", ("text/html", "koi8-r")),
        (b"text/plain; charset=koi8-r, text/html", ("text/html", None)),
        (b"text/html, */*", ("text/html", None)),
    ],
)
def test_the_last_type_of_several_counts(value: bytes, expected: tuple[str, str | None]) -> None:
    assert media_type(value) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"s:  he was obeyed; the ladies were all assembled in the drawing-room",
        b"stly prized--and, in the end, given away",
        b"Keynsham, when a half-hour had passed",
    ],
)
def test_a_text_that_happens_to_be_deflated_data_stays_text(body: bytes) -> None:
    sent = message(body, "Content-Type: text/plain", "Content-Encoding: deflate")
    assert read_payload(read_head(sent), sent, max_bytes=MAX) == body
