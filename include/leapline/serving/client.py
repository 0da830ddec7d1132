"""A client of the scorer's HTTP API on one keep-alive connection; not thread-safe."""

import http.client
import json
import math
import socket
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from leapline.errors import ScorerError, SettingsError

_EVENT = ("event_id", "kind", "page", "item", "category", "price", "quantity")
_DROPPED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


Connect = Callable[[tuple[str, int], float | None], socket.socket]
"""Opens a connection to host and port, with a time limit in seconds."""


class _Connection(http.client.HTTPConnection):
    """A connection that is opened by a function."""

    def __init__(self, host: str, port: int, timeout_s: float, connect: Connect) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self._limit_s, self._connect = timeout_s, connect

    def connect(self) -> None:
        """Open the connection."""
        self.sock = self._connect((self.host, self.port), self._limit_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class ScorerClient:
    """The client of one scorer.

    Args:
        url: the scorer's address, `http://host:port`, optionally with a path prefix.
        timeout_s: seconds to wait for a connection or a response.
        connect: opens the connections to an address of a network that this thread is not in; None for an ordinary
            connection. For http addresses only.

    Raises:
        SettingsError: the address is not an http or https URL.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0, connect: Connect | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                "scorer address", found=repr(url), expected="http://host:port", fix="Correct the address."
            )
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._connection = kind(parts.netloc.rsplit("@", 1)[-1], timeout=timeout_s)
        if connect and parts.port:
            self._connection = _Connection(parts.hostname, parts.port, timeout_s, connect)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ready(self) -> dict[str, Any]:
        """Return the response of `GET /readyz`, which contains the model id.

        Raises:
            ScorerError: the scorer does not answer, or is not ready.
        """
        return self._json("GET", "/readyz")

    def model(self) -> dict[str, Any]:
        """Return the response of `GET /v1/model`, which describes the model.

        Raises:
            ScorerError: the scorer does not answer.
        """
        return self._json("GET", "/v1/model")

    def predict(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Score feature rows with `POST /v1/predict`.

        Args:
            rows: input columns by name; numbers must be finite.
            columns: columns to return; the model's final outputs if None.

        Returns:
            One result per row, in the same order.

        Raises:
            ScorerError: the scorer rejected the request for the reason in the message, or returned another number of
                rows.
        """
        answer = self._json("POST", "/v1/predict", encode(rows, columns))
        results: list[dict[str, Any]] = answer.get("rows", [])
        if len(results) != len(rows):
            raise self._error(f"{len(results)} rows", f"{len(rows)}, as many as were sent")
        return results

    def score(
        self, sessions: Sequence[Mapping[str, Any]], *, features: bool = False, items: bool = False
    ) -> list[dict[str, Any]]:
        """Score sessions with `POST /v1/score`.

        Args:
            sessions: sessions in the form of `as_session`.
            features: whether to return the features as well.
            items: whether to rank each session's items as well.

        Returns:
            One result per session, in the same order.

        Raises:
            ScorerError: the scorer rejected the request for the reason in the message, or returned another number of
                results.
        """
        answer = self._json("POST", "/v1/score", encode_sessions(sessions, features=features, items=items))
        results: list[dict[str, Any]] = answer.get("sessions", [])
        if len(results) != len(sessions):
            raise self._error(f"{len(results)} results", f"{len(sessions)}, as many as sessions were sent")
        return results

    def exchange(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send a request and return the body of the response. Reconnect once if an idle connection was dropped.

        Raises:
            ScorerError: there is no response, or its status is not 200.
        """
        try:
            response = self._send(method, path, body)
            content = response.read()
        except (OSError, http.client.HTTPException) as exc:
            self._connection.close()
            raise self._error(f"no answer to {method} {path} ({exc})", "a running scorer") from exc
        if response.status != http.client.OK:
            raise self._error(f"{method} {path} answered {response.status}: {_reason(content)}", "200")
        return content

    def _send(self, method: str, path: str, body: bytes | None) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        is_reused = self._connection.sock is not None
        try:
            self._connection.request(method, self._prefix + path, body, headers)
            return self._connection.getresponse()
        except _DROPPED:
            self._connection.close()
            if not is_reused:
                raise
        self._connection.request(method, self._prefix + path, body, headers)
        return self._connection.getresponse()

    def _json(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        content = self.exchange(method, path, body)
        try:
            answer: dict[str, Any] = json.loads(content)
        except ValueError as exc:
            raise self._error(f"{path} answered {content[:80]!r}", "JSON") from exc
        return answer

    def _error(self, found: str, expected: str) -> ScorerError:
        return ScorerError(
            f"scorer {self.url}",
            found=found,
            expected=expected,
            fix="Check the address and the request, then try again.",
        )


def encode(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """Return the body of `POST /v1/predict`.

    Raises:
        ScorerError: a value cannot be encoded in JSON (NaN, infinity, an object).
    """
    return _encoded({"rows": list(rows)} | ({"columns": list(columns)} if columns is not None else {}))


def encode_sessions(sessions: Sequence[Mapping[str, Any]], *, features: bool = False, items: bool = False) -> bytes:
    """Return the body of `POST /v1/score`.

    Raises:
        ScorerError: a value cannot be encoded in JSON.
    """
    return _encoded({"sessions": list(sessions), "features": features, "items": items})


def as_session(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a session for `POST /v1/score`.

    Args:
        events: the session's clean events, at least one, in any order; `ts` in UTC. Columns that the scorer does not
            accept, such as `visitor`, are dropped.
    """
    first = min(events, key=lambda event: (event["ts"], event["event_id"].encode()))
    attributes = {name: first[name] for name in ("device", "referrer", "session_index") if first.get(name) is not None}
    return attributes | {"events": [_as_event(event) for event in events]}


def _as_event(event: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: event[name] for name in _EVENT if event.get(name) is not None}
    if not math.isfinite(values.get("price", 0.0)):
        del values["price"]
    return {"ts": event["ts"].isoformat(), **values}


def _encoded(body: dict[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as exc:
        raise ScorerError(
            "request body", found=str(exc), expected="finite numbers, strings and nulls", fix="Correct the values."
        ) from exc


def _reason(content: bytes) -> str:
    """Return the detail of an `application/problem+json` response (RFC 9457), or the first bytes of any other."""
    try:
        problem = json.loads(content)
        return str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, AttributeError):
        return content[:200].decode(errors="replace")
