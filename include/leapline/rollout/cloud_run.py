"""A Cloud Run service: its template gets the image by digest, through the Admin API v2."""

import json
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from leapline.errors import DeployError, DeployUnusableError, RolloutFailedError
from leapline.rollout.logins import Logins
from leapline.rollout.platform import Images, Running, Wait
from leapline.rollout.target import Target

API: Final = "https://run.googleapis.com/v2/"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_REQUEST_TIMEOUT_S: Final = 30


class CloudRunTarget:
    """A service whose traffic goes to its latest revision. Cloud Run moves the traffic when that revision is ready.

    Args:
        target: project, region and service.
        logins: may have a connection with a key file; otherwise the Application Default Credentials count.
        api: address of the Admin API.
        session: sends the requests; made from the credentials if None.
    """

    def __init__(self, target: Target, logins: Logins, api: str = API, session: Any = None) -> None:
        self.target, self._logins, self._api, self._given = target, logins, api, session
        parts = target.parts
        self._path = f"projects/{parts['project']}/locations/{parts['region']}/services/{parts['service']}"

    def running(self) -> Running:
        """Return the image of the service's template; not complete before its revision is ready."""
        service = self._call("GET", self._path)
        return Running(self._container(service)["image"], _is_ready(service))

    def image(self, images: Images) -> str:
        """Return the image for all architectures; Cloud Run takes that for amd64."""
        return images.index()

    def roll_out(self, image: str, before: Running, wait: Wait) -> None:
        """Patch the template and wait for the revision; patch it back on failure."""
        service = self._call("GET", self._path)
        self._require_latest(service)
        problem = self._patched(service, image, wait)
        if not problem:
            return
        state = "the traffic stays on the revision before"
        if before.image != image:
            with suppress(DeployError):
                self._patched(self._call("GET", self._path), before.image, wait)
                state = f"the service is back at {before.image}"
        raise RolloutFailedError(
            self.target.name, found=f"{image}: {problem}; {state}", expected="a ready revision",
            fix="Read the revision's log, then deploy again.",
        )  # fmt: skip

    def _patched(self, service: dict[str, Any], image: str, wait: Wait) -> str:
        """Change the image and wait; return why it failed, or an empty text."""
        self._container(service)["image"] = image
        service["template"].pop("revision", None)  # the name of a revision can be used once only
        content = {key: service[key] for key in ("name", "template", "etag") if key in service}
        operation = self._call("PATCH", f"{self._path}?updateMask=template", content)
        answers = [operation]

        def is_done() -> bool:
            if not answers[-1].get("done"):
                answers.append(self._call("GET", operation["name"]))
            return bool(answers[-1].get("done"))

        if not wait.until(is_done):
            return f"not ready after {wait.timeout_s:.0f} s"
        if error := answers[-1].get("error"):
            return str(error.get("message", error))
        service = self._call("GET", self._path)
        return "" if _is_ready(service) else str(service.get("terminalCondition", {}).get("message", "not ready"))

    def _require_latest(self, service: dict[str, Any]) -> None:
        traffic = service.get("traffic") or []
        latest = sum(t.get("percent", 0) for t in traffic if t.get("type", "").endswith("_LATEST"))
        if traffic and latest != 100:
            raise DeployUnusableError(
                self.target.name, found=f"{100 - latest} % of the traffic pinned to revisions",
                expected="all traffic on the latest revision",
                fix="Run `gcloud run services update-traffic SERVICE --to-latest`, or deploy by a web hook.",
            )  # fmt: skip

    def _container(self, service: dict[str, Any]) -> dict[str, Any]:
        containers = service["template"]["containers"]
        name = self.target.parts.get("container")
        matching = [
            c for c in containers if (c.get("name") == name if name else len(containers) == 1 or c.get("ports"))
        ]
        if len(matching) != 1:
            names = ", ".join(str(c.get("name")) for c in containers)
            raise DeployUnusableError(
                self.target.name, found=f"containers {names}", expected="one that is meant",
                fix=f"Name it: {self.target.address}/CONTAINER.",
            )  # fmt: skip
        container: dict[str, Any] = matching[0]
        return container

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        import requests
        from google.auth.exceptions import GoogleAuthError

        thing = self.target.name
        try:
            response = self._session.request(method, self._api + path, json=body, timeout=_REQUEST_TIMEOUT_S)
        except GoogleAuthError as exc:
            fix = "Give the machine a service account, or set GOOGLE_APPLICATION_CREDENTIALS."
            raise DeployUnusableError(thing, found=str(exc)[:300], expected="a Google login", fix=fix) from exc
        except requests.RequestException as exc:
            fix = "Check the network, then run it again."
            raise DeployError(thing, found=str(exc)[:300], expected="an answer of Cloud Run", fix=fix) from exc
        if response.ok:
            answer: dict[str, Any] = response.json()
            return answer
        problem = f"HTTP {response.status_code}: {_message(response)}"
        if response.status_code in (401, 403):
            fix = "Grant roles/run.developer, and roles/iam.serviceAccountUser on the service's account."
            raise DeployUnusableError(thing, found=problem, expected="a login with these roles", fix=fix)
        if response.status_code in (400, 404):
            fix = "Create the service, or correct LEAPLINE_DEPLOY."
            raise DeployUnusableError(thing, found=problem, expected="this service and an image it accepts", fix=fix)
        raise DeployError(thing, found=problem, expected="an answer", fix="Run it again later.")

    @cached_property
    def _session(self) -> Any:
        return self._given or _authorized(self.target, self._logins)


def _authorized(target: Target, logins: Logins) -> Any:
    """Return a session with the login of a connection, or with the Application Default Credentials."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.service_account import Credentials

    connection = logins.connection(target)
    extra = connection.extra if connection else {}
    try:
        if key := extra.get("keyfile_dict"):
            content = json.loads(key) if isinstance(key, str) else dict(key)
            credentials = Credentials.from_service_account_info(content, scopes=[_SCOPE])
        elif path := extra.get("key_path"):
            credentials = Credentials.from_service_account_file(path, scopes=[_SCOPE])
        else:
            credentials, _ = google.auth.default(scopes=[_SCOPE])
    except (GoogleAuthError, ValueError, OSError) as exc:
        fix = "Give the machine a service account, set GOOGLE_APPLICATION_CREDENTIALS, or correct the connection."
        raise DeployUnusableError(target.name, found=str(exc)[:300], expected="a Google login", fix=fix) from None
    return AuthorizedSession(credentials)


def _is_ready(service: dict[str, Any]) -> bool:
    state = service.get("terminalCondition", {}).get("state")
    return state == "CONDITION_SUCCEEDED" and not service.get("reconciling", False)


def _message(response: Any) -> str:
    try:
        return str(response.json()["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return "no message"
