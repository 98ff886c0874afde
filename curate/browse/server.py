"""A page for one reader on this machine: who does not know the token, or comes by another name, gets nothing.

GET http://127.0.0.1:PORT/TOKEN/… ─▶ host? token? ─▶ page/* │ api/<question> ─▶ Browser ─▶ JSON

It listens to the loopback alone, answers nothing but GET, and writes nowhere. A site that the reader visits cannot ask
it anything: it knows no token; and by a name that it points to this machine (DNS rebinding) it is refused by its host.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import threading
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from curate.browse.answers import answer, shown
from curate.browse.browser import Browser
from curate.errors import UsageError
from curate.faults import explain

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
TOKEN_BYTES = 24
PAGE = Path(__file__).parent / "page"
PALETTE = Path(__file__).parents[1] / "report" / "html" / "palette.css"
FILES: Mapping[str, tuple[Path, str]] = {
    "": (PAGE / "index.html", "text/html"),
    "style.css": (PAGE / "style.css", "text/css"),
    "palette.css": (PALETTE, "text/css"),
    "script.js": (PAGE / "script.js", "text/javascript"),
    "document.js": (PAGE / "document.js", "text/javascript"),
    "changes.js": (PAGE / "changes.js", "text/javascript"),
}
"""All files that are ever sent: no name of a request reaches the file system."""
API = "api/"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class BrowseServer:
    """A browser being served. As a context it serves in a thread of its own until it is left:

    with curate.Run("runs/mini").browse() as page:
        print(page.url)
    """

    def __init__(self, browser: Browser, *, port: int = 0) -> None:
        """`port` 0 is any that is free.

        Raises:
            UsageError: the port cannot be had.
        """
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        try:
            self._server = _Server((HOST, port), partial(_Handler, browser, self.token))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"port {port} cannot be had: {why}; without --port any free one is taken") from None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """With the token: whoever has it can read the run."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def serve(self) -> None:
        """Until it is closed, or a signal comes."""
        try:
            self._server.serve_forever(poll_interval=0.2)
        finally:
            self._server.server_close()

    def close(self) -> None:
        self._server.shutdown()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> BrowseServer:
        self._thread = threading.Thread(target=self.serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name == "posix"
    """A port is free again at once; elsewhere two servers could share the requests of one port."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who has closed the page is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "curate"
    sys_version = ""
    timeout = 60

    def __init__(self, browser: Browser, token: str, *rest: Any) -> None:
        self._browser, self._token = browser, token
        super().__init__(*rest)

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        token, _, name = asked.path.lstrip("/").partition("/")
        if not self._is_allowed(token):
            return
        if name in FILES:
            path, kind = FILES[name]
            self._send(HTTPStatus.OK, path.read_bytes(), kind)
        elif name.startswith(API):
            self._send_json(*self._answered(name.removeprefix(API), asked.query))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing of this name")

    def _is_allowed(self, token: str) -> bool:
        """Refuses who comes by another name, or without the token; how long that takes tells nothing of it."""
        port = self.connection.getsockname()[1]
        if self.headers.get("Host", "") not in [f"{name}:{port}" for name in NAMES]:
            self._refuse(HTTPStatus.FORBIDDEN, "this page is asked for by the address that curate browse prints")
            return False
        if not hmac.compare_digest(unquote(token).encode(errors="replace"), self._token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "the token is missing or wrong: open the URL that curate browse prints")
            return False
        return True

    def _answered(self, name: str, query: str) -> tuple[HTTPStatus, dict[str, Any]]:
        try:
            return HTTPStatus.OK, answer(self._browser, name, parse_qs(query, keep_blank_values=True))
        except Exception as error:
            told = explain(error)
            is_theirs = isinstance(told, UsageError)
            status = HTTPStatus.BAD_REQUEST if is_theirs else HTTPStatus.INTERNAL_SERVER_ERROR
            return status, {"error": shown(str(told))}

    def _refuse_method(self) -> None:
        token, _, _ = urlsplit(self.path).path.lstrip("/").partition("/")
        if self._is_allowed(token):
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "this page is only read: GET")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = do_TRACE = _refuse_method

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        """And the connection ends, as what else was sent is not read."""
        self.close_connection = True
        self._send(status, f"{why}\n".encode(), "text/plain")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses is told without its page, which repeats what was sent."""
        status = HTTPStatus(code)
        self._refuse(status, status.phrase)

    def _send_json(self, status: HTTPStatus, value: Any) -> None:
        self._send(status, json.dumps(value, ensure_ascii=False, default=str).encode(), "application/json")

    def _send(self, status: HTTPStatus, data: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {**HEADERS, "Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(data))}
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET"
        if self.close_connection:
            headers["Connection"] = "close"
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """A line a request would hide the one with the URL."""
