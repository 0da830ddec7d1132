"""The part of Cloud Run's Admin API v2 that a rollout needs: one service and its operations, on a loopback port."""

import json
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.servers import up

TOKEN = "a-token-of-a-service-account"
SERVICE = "projects/shop/locations/europe-west1/services/score"
READY, FAILED = (
    {"state": "CONDITION_SUCCEEDED"},
    {"state": "CONDITION_FAILED", "message": "The container did not start."},
)


class _Handler(BaseHTTPRequestHandler):
    server: "CloudRunApi"

    def do_GET(self) -> None:
        path = self.path.removeprefix("/v2/")
        if path.startswith("projects/shop/locations/europe-west1/operations/"):
            return self._answer(200, self.server.operation(path))
        if path == SERVICE:
            return self._answer(200, self.server.service)
        return self._answer(404, {"error": {"message": f"Resource '{path}' was not found"}})

    def do_POST(self) -> None:
        """Return a token for a signed request, as Google's token endpoint does."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.assertions.append(form["assertion"][0])
        self._answer(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    def do_PATCH(self) -> None:
        url = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if parse_qs(url.query) != {"updateMask": ["template"]} or body["etag"] != self.server.service["etag"]:
            return self._answer(400, {"error": {"message": "wrong mask or etag"}})
        return self._answer(200, self.server.patch(body))

    def _answer(self, status: int, content: Any) -> None:
        if self.server.requires_token and self.command != "POST" and self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, content = 401, {"error": {"message": "Unauthenticated"}}
        elif self.server.status:
            status, content = self.server.status, {"error": {"message": "Permission denied on resource"}}
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Discard log messages."""


class CloudRunApi(ThreadingHTTPServer):
    """The server.

    Attributes:
        broken: images whose revision does not become ready.
        status: of every answer, if it is not 0.
        service: the service.
        patches: received bodies.
        requires_token: whether requests need the token.
        assertions: signed requests for a token.
    """

    def __init__(self, image: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.broken: set[str] = set()
        self.status, self.looks = 0, 0
        self.assertions: list[str] = []
        self.requires_token = False
        self.patches: list[Any] = []
        container = {"image": image, "ports": [{"containerPort": 8080}]}
        self.service: dict[str, Any] = {
            "name": SERVICE, "etag": "1", "terminalCondition": READY, "reconciling": False,
            "template": {"revision": "score-00001", "containers": [container]},
            "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
        }  # fmt: skip

    @property
    def api(self) -> str:
        """The base URL of the API."""
        return f"http://127.0.0.1:{self.server_address[1]}/v2/"

    def patch(self, body: dict[str, Any]) -> dict[str, Any]:
        """Take over a template, and return the operation."""
        self.patches.append(body)
        self.looks = 0
        self.service |= {"template": body["template"], "etag": body["etag"] + "1", "reconciling": True}
        return {"name": f"projects/shop/locations/europe-west1/operations/{len(self.patches)}"}

    def operation(self, name: str) -> dict[str, Any]:
        """Return an operation, which ends at the third look."""
        self.looks += 1
        if self.looks < 3:
            return {"name": name}
        fails = self.service["template"]["containers"][0]["image"] in self.broken
        self.service |= {"reconciling": False, "terminalCondition": FAILED if fails else READY}
        return {"name": name, "done": True} | ({"error": {"message": FAILED["message"]}} if fails else {})


def cloud_run_api(image: str) -> AbstractContextManager[CloudRunApi]:
    """Provide the API for the duration of the block."""
    return up(CloudRunApi(image))
