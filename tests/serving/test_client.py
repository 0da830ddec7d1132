"""The client against a real HTTP server: keep-alive, rejected requests, dropped connections."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from leapline.errors import ScorerError, SettingsError
from leapline.serving.client import ScorerClient, encode
from tests.fakes.servers import up
from tests.ports import free_address

connections: list[tuple[str, int]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per response: no wait for a delayed acknowledgement

    def answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        connections.append(self.client_address)
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path == "/prefix/readyz":
            self.answer(200, b'{"status":"ready","model":"m1"}')
        else:
            self.answer(503, b"not yet", "text/plain")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["rows"] == [{"x": "bad"}]:
            problem = {"title": "Unprocessable", "status": 422, "detail": "row 0: column x is a text"}
            self.answer(422, json.dumps(problem).encode(), "application/problem+json")
        elif body["rows"] == [{"x": "drop after"}]:
            self.answer(200, b'{"rows":[{}]}')
            self.close_connection = True
        else:
            self.answer(200, json.dumps({"rows": [{"columns": body.get("columns")}]}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def client() -> Iterator[ScorerClient]:
    connections.clear()
    with (
        up(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server,
        ScorerClient(f"http://127.0.0.1:{server.server_address[1]}/prefix/") as scorer,
    ):
        yield scorer


def test_all_requests_share_one_connection(client: ScorerClient) -> None:
    assert client.ready() == {"status": "ready", "model": "m1"}
    assert client.predict([{"x": 1.0}]) == [{"columns": None}]
    assert client.predict([{"x": 1.0}], ["probability"]) == [{"columns": ["probability"]}]
    assert len(connections) == 3
    assert len(set(connections)) == 1


def test_error_contains_the_problem_detail_and_the_connection_stays_open(client: ScorerClient) -> None:
    with pytest.raises(ScorerError, match=r"422: row 0: column x is a text"):
        client.predict([{"x": "bad"}])
    with pytest.raises(ScorerError, match=r"503: not yet"):
        client.model()
    assert client.predict([{"x": 1.0}])
    assert len(set(connections)) == 1


def test_reconnects_after_an_idle_connection_was_dropped(client: ScorerClient) -> None:
    client.predict([{"x": "drop after"}])
    assert client.predict([{"x": 1.0}])
    assert len(set(connections)) == 2


def test_other_number_of_rows_than_sent_is_an_error(client: ScorerClient) -> None:
    with pytest.raises(ScorerError, match="found 1 rows; expected 2"):
        client.predict([{"x": 1.0}, {"x": 2.0}])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_values_that_json_cannot_encode_are_rejected(value: object) -> None:
    with pytest.raises(ScorerError, match="request body"):
        encode([{"x": value}])


def test_unreachable_silent_and_malformed_addresses_are_rejected() -> None:
    with pytest.raises(ScorerError, match="no answer to GET /readyz"):
        ScorerClient(f"http://{free_address()}").ready()
    for url in ("127.0.0.1:8080", "ftp://host", "http://", ""):
        with pytest.raises(SettingsError, match="http://host:port"):
            ScorerClient(url)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ScorerError, match="timed out"):
            ScorerClient(f"http://127.0.0.1:{port}", timeout_s=0.1).ready()
