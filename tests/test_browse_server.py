"""The server of `curate browse` over real HTTP: who may ask, what is never answered, and that nothing is written."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

import curate
from curate.browse.server import FILES, BrowseServer
from curate.cli import main


@pytest.fixture(scope="module")
def server(browsed_runs: tuple[curate.Run, curate.Run]) -> Iterator[BrowseServer]:
    with browsed_runs[0].browse(browsed_runs[1]) as served:
        yield served


def ask(
    server: BrowseServer, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: str = ""
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers by their names, and body; the path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": f"127.0.0.1:{server.port}", **(headers or {})}.items():
        connection.putheader(name, value)
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body.encode() or None)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def api(server: BrowseServer, request: str) -> Any:
    return json.loads(ask(server, f"/{server.token}/api/{request}")[2])


def test_the_address_is_on_the_loopback_and_holds_a_secret(server: BrowseServer) -> None:
    assert urlsplit(server.url).hostname == "127.0.0.1"
    assert re.fullmatch(r"[\w-]{32}", server.token)
    assert server.token in server.url


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one address of the loopback")
def test_it_listens_at_no_other_address(server: BrowseServer) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.2", server.port))


@pytest.mark.parametrize("name", [*FILES, "api/run", "api/documents"])
def test_who_has_the_token_gets_the_page_and_who_has_not_gets_nothing(server: BrowseServer, name: str) -> None:
    status, headers, body = ask(server, f"/{server.token}/{name}")
    assert (status, headers["Cache-Control"], headers["Referrer-Policy"]) == (200, "no-store", "no-referrer")
    assert int(headers["Content-Length"]) == len(body) > 0
    wrong = [server.token[:-1], f"{server.token}x", server.token.swapcase(), "", "api", "%00", "ü"]
    for token in (quote(each) for each in wrong):
        status, _, body = ask(server, f"/{token}/{name}")
        assert status == 403, token
        assert body.startswith(b"the token is missing or wrong")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "evil.example:{port}", "127.0.0.1:{port}.evil.example", ""]
)
def test_another_name_for_this_machine_is_refused(server: BrowseServer, host: str) -> None:
    asked = ask(server, f"/{server.token}/api/run", headers={"Host": host.format(port=server.port)})
    assert (asked[0], asked[2].startswith(b"this page is asked for by the address")) == (403, True)
    assert ask(server, f"/{server.token}/api/run", headers={"Host": f"localhost:{server.port}"})[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_nothing_but_reading_is_answered(server: BrowseServer, method: str) -> None:
    status, headers, body = ask(
        server, f"/{server.token}/api/run", method=method, body="" if method == "HEAD" else "x=1"
    )
    assert (status, headers["Allow"]) == (405, "GET")
    assert b"documents" not in body
    assert ask(server, "/wrong/api/run", method=method)[0] == 403
    assert ask(server, f"/{server.token}/", method="BREW")[0] == 501


@pytest.mark.parametrize(
    "path",
    [
        "../manifest.json",
        "..%2fmanifest.json",
        "../../../../etc/passwd",
        "/etc/passwd",
        "page/script.js",
        "script.js/",
        "server.py",
        "style.css%00",
        "api",
    ],
)
def test_no_name_reaches_the_file_system(server: BrowseServer, path: str) -> None:
    status, _, body = ask(server, f"/{server.token}/{path}")
    assert (status, body) == (404, b"there is nothing of this name\n")


def test_the_policy_lets_nothing_in_from_elsewhere(server: BrowseServer) -> None:
    _, headers, page = ask(server, f"/{server.token}/")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    files = [page, *(ask(server, f"/{server.token}/{name}")[2] for name in FILES if name)]
    for text in (each.decode() for each in files):
        assert [name for name in re.findall(r'(?:src|href)="([^"]*)"', text) if name not in (*FILES, "data:,")] == []
        assert set(re.findall(r"https?://[^\s\"']*", text)) <= {"http://www.w3.org/2000/svg"}
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function| on\w+=", text
        )


def test_what_would_be_mark_up_or_turn_a_line_around_is_data(server: BrowseServer) -> None:
    status, headers, body = ask(server, f"/{server.token}/api/documents?source=rows&search=%3Cscript%3E")
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    found = json.loads(body)["documents"]
    assert all("<script>alert(1)</script>" in row["url"] for row in found)
    shown = api(server, f"document?id={quote(found[0]['key'])}")["text"]
    text = "".join(part["text"] for part in shown["parts"])
    assert "</script><script>document.title='taken'</script>" in text
    assert "\u202e" not in text
    assert r"\u202e" in text


def test_a_wrong_question_is_an_error_of_one_sentence(server: BrowseServer) -> None:
    for request in (
        "documents?sort=nonsense",
        "nonsense",
        "document?id=none",
        "retune?set=x",
        "document?number=99999999",
    ):
        status, _, body = ask(server, f"/{server.token}/api/{request}")
        assert status == 400
        assert set(json.loads(body)) == {"error"}
    told = api(server, "document?id=%3Cscript%3E%1b%5b2J%e2%80%ae")["error"]
    assert "<script>\\x1b[2J\\u202e" in told


def test_what_is_no_http_is_refused_without_repeating_it(server: BrowseServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"<script>alert(1)</script> /\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert b"script" not in answer
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n")
        assert b" 414 " in connection.makefile("rb").read().split(b"\r\n")[0]
    assert api(server, "run")["name"] == "strict"


def test_a_run_is_as_it_was_after_all_questions(
    server: BrowseServer, browsed_runs: tuple[curate.Run, curate.Run]
) -> None:
    def state(folder: Path) -> dict[str, tuple[int, int]]:
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}

    before = state(browsed_runs[0].folder.parent)
    id = quote(api(server, "documents?outcome=kept")["documents"][0]["key"])
    asked = ["run", "facets", "documents?sort=word_count", "texts?search=the", f"document?id={id}", f"blocks?id={id}"]
    for request in [
        *asked,
        "retune?set=c4.min_sentences=5",
        "rule?key=c4.min_sentences",
        "compare",
        "documents?move=0",
    ]:
        assert "error" not in api(server, request), request
    assert state(browsed_runs[0].folder.parent) == before


def answer_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


def test_what_cannot_be_served_is_told_in_one_line(
    server: BrowseServer,
    browsed_runs: tuple[curate.Run, curate.Run],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = str(browsed_runs[0].folder)
    begun = tmp_path / "begun"
    begun.mkdir()
    for name in ("plan.json", "splits.jsonl", "splits.ends", "recipe.toml"):
        (begun / name).write_bytes((browsed_runs[0].folder / name).read_bytes())
    for words, told in (
        ([str(tmp_path)], "is not a run's folder"),
        ([run, str(tmp_path / "none")], "is not a run's folder"),
        ([str(begun)], '"curate run" has not finished there'),
        ([run, "--port", str(server.port)], f"port {server.port} cannot be had: Address already in use"),
        ([run, "--port", "70000"], "port 70000 cannot be had"),
        ([run, "--port", "many"], "expected a whole number"),
    ):
        code, said = answer_of(["browse", *words, "--no-open"], capsys)
        assert code == 2
        assert told in said.replace("\n", "")
        assert said.startswith("curate: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_one_line(browsed_runs: tuple[curate.Run, curate.Run], number: int) -> None:
    words = [sys.executable, "-m", "curate", "browse", str(browsed_runs[0].folder), "--no-open"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/ \(Ctrl-C ends it\)\n", line)
        process.send_signal(number)
        rest, said = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, "")
    assert said == f"curate: {browsed_runs[0].folder} is no longer shown\n"
