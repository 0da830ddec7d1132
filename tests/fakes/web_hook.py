"""A web hook on a loopback port that takes what is posted to it, as Slack's incoming web hooks do."""

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
        """Quiet: a test's output is for what fails."""


class WebHook(ThreadingHTTPServer):
    """Runs while `web_hook` does; `posts` are paths and bodies in the order of their coming."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.posts: list[tuple[str, Any]] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


def web_hook() -> AbstractContextManager[WebHook]:
    """A hook that is up as long as the block lasts."""
    return up(WebHook())
