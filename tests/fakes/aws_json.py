"""An AWS service on a loopback port, for what moto does not have: answers are scripted.

The server answers an action with what a function of that name returns for the parameters; an `AwsError` becomes an
error response. In the JSON protocol an action has a name, such as `DescribeServices`; in the REST protocol it is method
and path, such as `GET /2015-03-31/functions/score`.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.servers import up

Action = Callable[[dict[str, Any]], Any]


class AwsError(Exception):
    """An error response: its code and message."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message


class _Handler(BaseHTTPRequestHandler):
    server: "AwsService"

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        request = json.loads(content or b"{}") | dict(parse_qsl(url.query))
        name = (self.headers["X-Amz-Target"] or "").rpartition(".")[2]
        self._answer(name or f"{self.command} {url.path.rstrip('/')}", request)

    def do_GET(self) -> None:
        self.do_POST()

    def do_PUT(self) -> None:
        self.do_POST()

    def _answer(self, action: str, request: dict[str, Any]) -> None:
        self.server.calls.append((action, request))
        try:
            status, content = 200, self.server.actions[action](request)
        except AwsError as exc:
            status, content = 400, {"__type": exc.code, "message": exc.message}
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        if status != 200:
            self.send_header("x-amzn-errortype", str(content["__type"]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Discard log messages."""


class AwsService(ThreadingHTTPServer):
    """The server.

    Attributes:
        actions: name -> what answers it.
        calls: names and parameters of the received calls.
    """

    def __init__(self, actions: Mapping[str, Action]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.actions, self.calls = dict(actions), list[tuple[str, dict[str, Any]]]()

    @property
    def address(self) -> str:
        """Return the base URL, for the variable AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def called(self, action: str) -> list[dict[str, Any]]:
        """Return the parameters of the calls of an action."""
        return [request for name, request in self.calls if name == action]


def aws_service(actions: Mapping[str, Action]) -> AbstractContextManager[AwsService]:
    """Provide a service for the duration of the block."""
    return up(AwsService(actions))
