"""A small client of Airflow's REST API: log in, read, write, trigger a run and wait for it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from leapline.errors import LocalServiceError


class AirflowApi:
    """A client of one Airflow.

    Args:
        url: address of the web UI, without a trailing slash.
        user: user name.
        password: the user's password.
        token: an API token to use instead of logging in.
    """

    def __init__(self, url: str, user: str, password: str, token: str = "") -> None:
        self.url, self._login = url, {"username": user, "password": password}
        self._token = token

    def token(self) -> str:
        """Return the API token; logs in at the first call.

        Raises:
            LocalServiceError: no answer, or the login was rejected.
        """
        if not self._token:
            self._token = self._send("POST", "/auth/token", self._login)["access_token"]
        return self._token

    def get(self, path: str) -> Any:
        """Return the JSON answer to GET `/api/v2/<path>`.

        Raises:
            LocalServiceError: no answer, or an HTTP error status.
        """
        return self.call("GET", path)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON answer to a request below `/api/v2/`.

        Raises:
            LocalServiceError: no answer, or an HTTP error status.
        """
        return self.send(method, f"/api/v2/{path}", body)

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON answer to an authenticated request for any path of the API server.

        Raises:
            LocalServiceError: no answer, or an HTTP error status.
        """
        return self._send(method, path, body, {"Authorization": f"Bearer {self.token()}"})

    def trigger(self, dag_id: str, conf: dict[str, Any], logical_date: str | None = None) -> str:
        """Trigger a manual run.

        Returns:
            The run id.
        """
        run = self.call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": logical_date, "conf": conf})
        return str(run["dag_run_id"])

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float) -> str:
        """Return the run's final state, or its current state after `seconds`."""
        path = f"dags/{dag_id}/dagRuns/{run_id}"
        return str(self.wait_until(path, lambda run: run["state"] in {"success", "failed"}, seconds)["state"])

    def wait_until(self, path: str, condition: Callable[[Any], bool], seconds: float) -> Any:
        """Return the JSON answer to GET `/api/v2/<path>` when a condition is true, or the last one after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.get(path)
            if condition(answer) or time.monotonic() > deadline:
                return answer
            time.sleep(1)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, authorization: dict[str, str] | None = None
    ) -> Any:
        headers = {"Content-Type": "application/json"} | (authorization or {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 (http to loopback)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                content = answer.read()
        except urllib.error.HTTPError as exc:
            problem = f"{exc.code} {exc.read().decode(errors='replace')[:600]}"
            fix = "Correct the request." if exc.code < 500 else "Try again, or read Airflow's logs."
            raise self._error(f"{method} {path}", problem, fix) from exc
        except OSError as exc:
            raise self._error("Airflow", str(exc), "Start it with `make up`, or read its logs.") from exc
        return json.loads(content) if content else None

    def _error(self, thing: str, found: str, fix: str) -> LocalServiceError:
        return LocalServiceError(f"{thing} at {self.url}", found=found, expected="a successful answer", fix=fix)
