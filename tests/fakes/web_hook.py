"""A web hook on a loopback port that accepts posts in the form of Slack's incoming web hooks."""

import json
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.servers import up


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Discard log messages."""


class WebHook(ThreadingHTTPServer):
    """The server; `posts` contains the received paths and bodies in order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.posts: list[tuple[str, Any]] = []

    @property
    def address(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"


def web_hook() -> AbstractContextManager[WebHook]:
    """Provide a web hook for the duration of the block."""
    return up(WebHook())
