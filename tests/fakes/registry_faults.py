"""Faults of a registry, injected by a seed: the same requests in the same order meet the same faults."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from tests.fakes.memory_registry import Request, Response

KINDS: Final = ("429", "500", "503", "reset before", "reset after", "truncated upload", "expired token", "slow")
_STATUS: Final[Mapping[str, tuple[int, str, str]]] = {
    "429": (429, "TOOMANYREQUESTS", "too many requests"),
    "500": (500, "UNKNOWN", "internal error"),
    "503": (503, "UNAVAILABLE", "service unavailable"),
    "expired token": (401, "UNAUTHORIZED", "the token has expired"),
}
_SLOW_S: Final = (0.5, 20.0)


class Handler(Protocol):
    """Whatever answers requests."""

    def handle(self, request: Request) -> Response:
        """Answer a request."""


@dataclass
class FaultyRegistry:
    """A registry whose answers and connections fail now and then.

    Args:
        registry: answers.
        random: decides which requests fail, and how.
        rate: share of requests that meet a fault.
        kinds: the faults.
        wait: called with the seconds by which a slow answer is late.
        injected: kind and request of each fault so far.
    """

    registry: Handler
    random: random.Random
    rate: float
    kinds: Sequence[str] = KINDS
    wait: Callable[[float], None] = lambda seconds: None
    injected: list[str] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        """Answer a request, or fail.

        Raises:
            ConnectionResetError: the connection breaks, before or after the request took effect.
        """
        kind = self.random.choice(self.kinds) if self.rate and self.random.random() < self.rate else ""
        if kind:
            self.injected.append(f"{kind}: {request.method} {request.target}")
        if kind in _STATUS:
            status, code, message = _STATUS[kind]
            body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
            retry = {"Retry-After": str(self.random.randint(1, 5))} if status == 429 else {}
            return Response(status, {"Content-Type": "application/json", **retry}, body)
        if kind == "reset before":
            raise ConnectionResetError(kind)
        if kind == "truncated upload" and request.body:
            self._truncate(request)
        if kind == "slow":
            self.wait(self.random.uniform(*_SLOW_S))
        response = self.registry.handle(request)
        if kind == "reset after":
            raise ConnectionResetError(kind)
        return response

    def _truncate(self, request: Request) -> None:
        """Lose the rest of a body. What has arrived of a blob stays in its upload, as in registries that can resume."""
        if request.method == "PATCH" and "content-range" not in request.headers:
            part = request.body[: self.random.randrange(len(request.body))]
            self.registry.handle(replace(request, body=part))
        raise ConnectionResetError("truncated upload")
