"""An HTTP proxy in front of a real S3 server that lists changing requests, and answers none from a given one on."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.servers import up

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


class Changes:
    """The changing requests ("METHOD path") in order; from number `hold_at` on, none reaches the server.

    Args:
        hold_at: number of the request, from 0; None for no limit.
    """

    def __init__(self, hold_at: int | None = None) -> None:
        self.hold_at, self.seen = hold_at, list[str]()
        self.held, self.closing = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def admit(self, request: str) -> bool:
        """Return whether a request may pass."""
        with self._lock:
            if self.hold_at is not None and len(self.seen) >= self.hold_at:
                self.held.set()
                return False
            self.seen.append(request)
            return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report nothing: clients are killed in the middle of a request."""


@contextmanager
def s3_proxy(upstream: str, changes: Changes) -> Iterator[str]:
    """Run the proxy; yield its URL.

    Args:
        upstream: `host:port` of the server.
        changes: gets the requests.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.command not in ("GET", "HEAD") and not changes.admit(f"{self.command} {self.path}"):
                changes.closing.wait(60)
                self.close_connection = True
                return
            server = http.client.HTTPConnection(upstream, timeout=30)
            # The signature covers the Host header, which stays that of this proxy.
            server.request(self.command, self.path, body, dict(self.headers))
            response = server.getresponse()
            content = response.read()
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in _HOP_BY_HOP | ({"content-length"} if self.command != "HEAD" else set()):
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if self.command != "HEAD" else b"")
            server.close()

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = serve  # noqa: N815, http.server's names

        def log_message(self, *args: object) -> None:
            pass

    with up(_Server(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}"
        changes.closing.set()
