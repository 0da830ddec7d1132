"""An HTTP proxy in front of a real registry that injects faults.

with RegistryProxy(upstream="127.0.0.1:5055") as proxy:
    proxy.faults.append(Fault(method="PUT", path="/manifests/", status=503, times=2))
    Registry(f"{proxy.address}/shop/scorer", crane).push(...)
"""

import hashlib
import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tests.fakes.registry_modes import NOT_KNOWN, Answer, Mode

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass
class Fault:
    """A fault for the next `times` requests with this method whose path contains `path`, after `skip` such requests.

    `status` answers instead of the registry, with `message` as its text; `reset` reads half the body and resets the
    connection; `hold` blocks the request before it reaches the registry (with `after=True` afterwards) and sets `held`.
    """

    method: str
    path: str
    status: int = 0
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    hold: bool = False
    after: bool = False
    times: int = 1
    skip: int = 0
    held: threading.Event = field(default_factory=threading.Event)


class RegistryProxy:
    """Listens on a free loopback port; `seen` lists the requests as "METHOD path"."""

    def __init__(self, upstream: str, mode: Mode | None = None) -> None:
        self.upstream, self.mode = upstream, mode
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Return the first fault that applies to this request, and count it."""
        with self._lock:
            self.seen.append(f"{method} {path}")
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and fault.path in path:
                    if fault.skip > 0:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None

    def count(self, method: str, part: str) -> int:
        """Return the number of requests with this method whose path contains `part`."""
        return sum(line.startswith(method + " ") and part in line for line in self.seen)


def _problem(status: int, message: str = "") -> bytes:
    """Return an error body in the form of the OCI distribution specification."""
    code = {401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS"}.get(status, "UNAVAILABLE")
    return json.dumps({"errors": [{"code": code, "message": message or f"injected {status}"}]}).encode()


class _Handler(BaseHTTPRequestHandler):
    proxy: RegistryProxy
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per response, to avoid waiting for a delayed acknowledgement

    def _serve(self) -> None:
        fault = self.proxy.fault_for(self.command, self.path)
        if fault and fault.reset:
            self._reset()
            return
        body = b"".join(self._body())
        if fault and fault.status:
            self._answer(fault.status, fault.headers, _problem(fault.status, fault.message))
            return
        if fault and fault.hold and not fault.after:
            self._hold(fault)
            return
        if self._authenticate():
            return
        if answer := self._rejected_format() or self._immutable(body):
            self._answer(answer[0], {}, answer[1])
            return
        status, headers, content = self._forward(body)
        if answer := self._absent(status):
            status, headers, content = answer[0], {}, answer[1]
        if fault and fault.hold:
            self._hold(fault)
            return
        self._answer(status, headers, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = _serve  # noqa: N815 (the base class's names)

    def _authenticate(self) -> bool:
        """Hand out a token, or ask for one, where the mode has tokens; whether the request was answered."""
        mode, address = self.proxy.mode, urlsplit(self.path)
        if not mode or not mode.tokens:
            return False
        if address.path == "/token":
            _, repository, actions = parse_qs(address.query)["scope"][0].split(":")
            if "push" not in actions and mode.tokens == "denied" and not self._exists(f"/v2/{repository}"):
                self._answer(mode.absent_repository[0], {}, mode.absent_repository[1])
            else:
                self._answer(200, {}, json.dumps({"token": "push" if "push" in actions else "pull"}).encode())
            return True
        if not self.headers.get("Authorization"):
            challenge = f'Bearer realm="http://{self.proxy.address}/token",service="registry"'
            self._answer(401, {"WWW-Authenticate": challenge}, _problem(401))
            return True
        return False

    def _exists(self, repository: str) -> bool:
        return self._upstream(f"{repository}/tags/list")[0] == 200

    def _rejected_format(self) -> Answer | None:
        """The mode's answer to a manifest of a format that the registry does not accept."""
        if not self.proxy.mode or self.command != "PUT" or "/manifests/" not in self.path:
            return None
        return self.proxy.mode.rejection(self.headers.get("Content-Type", ""))

    def _immutable(self, body: bytes) -> Answer | None:
        """The mode's answer to a push that would move an immutable tag."""
        mode, (repository, _, tag) = self.proxy.mode, self.path.rpartition("/manifests/")
        if not (mode and mode.immutable and self.command == "PUT" and repository) or tag.startswith("sha256:"):
            return None
        status, digest = self._upstream(f"{repository}/manifests/{tag}")
        moves = status == 200 and digest != "sha256:" + hashlib.sha256(body).hexdigest()
        return mode.immutable if moves and mode.is_immutable(tag) else None

    def _absent(self, status: int) -> Answer | None:
        """The mode's answer in place of a 404 for a manifest or a list of tags."""
        mode = self.proxy.mode
        repository = self.path.split("/manifests/")[0].split("/tags/")[0]
        if not mode or status != 404 or repository == self.path:
            return None
        if self._exists(repository):
            return mode.absent_tag
        may_push = mode.tokens and self.headers.get("Authorization") == "Bearer push"
        return NOT_KNOWN if may_push else mode.absent_repository

    def _upstream(self, path: str) -> tuple[int, str | None]:
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=30)
        headers = {"Accept": self.headers.get("Accept") or "*/*", "Content-Type": ""}
        if "/manifests/" in path:
            headers["Accept"] = ", ".join(MANIFEST_TYPES)
        upstream.request("GET", path, headers=headers)
        response = upstream.getresponse()
        response.read()
        upstream.close()
        return response.status, response.getheader("Docker-Content-Digest")

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        upstream.request(
            self.command, self.path, body, headers
        )  # the Host header stays, so that Location points to this proxy
        response = upstream.getresponse()
        content = response.read()
        kept = {k: v for k, v in response.getheaders() if k.lower() not in HOP_BY_HOP}
        if self.command == "HEAD":
            kept["Content-Length"] = response.getheader("Content-Length") or "0"
        upstream.close()
        return response.status, kept, content

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command == "HEAD":
            self.end_headers()
            return
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        self.rfile.read(max(int(self.headers.get("Content-Length", 0)) // 2, 1))
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _hold(self, fault: Fault) -> None:
        fault.held.set()
        self.proxy.closing.wait(60)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Discard log messages."""
