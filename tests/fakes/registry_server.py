"""A registry in memory behind HTTP, on a loopback port."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.memory_registry import Request
from tests.fakes.registry_faults import Handler
from tests.fakes.servers import up


class _Handler(BaseHTTPRequestHandler):
    server: "RegistryServer"
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per response, to avoid waiting for a delayed acknowledgement

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, b"".join(self._body()))
        try:
            with self.server.one_at_a_time:
                response = self.server.registry.handle(request)
        except ConnectionResetError:
            self._reset()
            return
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 (the base class's names)

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Discard log messages."""


class RegistryServer(ThreadingHTTPServer):
    """The server.

    Attributes:
        registry: answers the requests, one at a time.
    """

    daemon_threads = True

    def __init__(self, registry: Handler) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry, self.one_at_a_time = registry, threading.Lock()

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.server_address[1]}"


def registry_server(registry: Handler) -> AbstractContextManager[RegistryServer]:
    """Provide a registry for the duration of the block."""
    return up(RegistryServer(registry))
