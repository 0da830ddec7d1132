"""`crane` inside this process: the requests of each command, without the process.

It replaces the module `subprocess` of `leapline.serving.crane`, so all of Leapline's own code runs: arguments, log,
retries and errors. It differs from the real one in what Leapline does not rely on: it sends no request to `/v2/`
before each command, does not repeat a failed request by itself, and reads no login. `test_crane.py` compares both.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.fakes.memory_registry import INDEX_TYPE, Request, Response

_MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
Send = Callable[[str, Request], Response]


class _FailedError(Exception):
    """A command's last line, after `Error: `."""


class InProcessCrane:
    """The part of the module `subprocess` that is used to run `crane`.

    Args:
        send: host and request -> response; raises ConnectionResetError for a broken connection.
        now: the clock, in seconds.
    """

    DEVNULL, TimeoutExpired = subprocess.DEVNULL, subprocess.TimeoutExpired

    def __init__(self, send: Send, now: Callable[[], float]) -> None:
        self._send, self._now = send, now

    def run(self, argv: Sequence[str], *, timeout: float, **_: Any) -> subprocess.CompletedProcess[str]:
        """Run a command.

        Raises:
            subprocess.TimeoutExpired: its requests took longer than `timeout`, by the clock.
        """
        started, command = self._now(), _Command(self._send)
        _, *arguments = [argument for argument in argv if not argument.startswith("--")]
        try:
            code, out = 0, getattr(command, arguments[0])(*arguments[1:])
        except _FailedError as exc:
            code, out = 1, ""
            command.log.append(f"Error: {exc}")
        log = "\n".join(command.log)
        if self._now() - started > timeout:
            raise subprocess.TimeoutExpired(list(argv), timeout, b"", log.encode())
        return subprocess.CompletedProcess(list(argv), code, out, log)


class _Command:
    def __init__(self, send: Send) -> None:
        self._send, self.log = send, list[str]()

    def digest(self, ref: str) -> str:
        image = _Image(ref)
        try:
            return self._ask(image, "HEAD", f"manifests/{image.name}").headers["Docker-Content-Digest"] + "\n"
        except _FailedError:
            return self._ask(image, "GET", f"manifests/{image.name}").headers["Docker-Content-Digest"] + "\n"

    def ls(self, repository: str) -> str:
        answer = self._ask(_Image(f"{repository}:-"), "GET", "tags/list")
        return "\n".join(json.loads(answer.body)["tags"]) + "\n"

    def manifest(self, ref: str) -> str:
        image = _Image(ref)
        return self._ask(image, "GET", f"manifests/{image.name}").body.decode()

    def blob(self, ref: str) -> str:
        image = _Image(ref)
        return self._ask(image, "GET", f"blobs/{image.name}").body.decode()

    def tag(self, ref: str, tag: str) -> str:
        image = _Image(ref)
        present = self._ask(image, "GET", f"manifests/{image.name}")
        self._put(image, tag, present.body, present.headers["Content-Type"])
        return ""

    def push(self, folder: str, ref: str) -> str:
        image, layout = _Image(ref), Path(folder)
        index = (layout / "index.json").read_bytes()
        entries = json.loads(index)["manifests"]
        # With `--index` the index itself is pushed, as for models; an artifact is the only manifest of its layout.
        is_artifact = len(entries) == 1 and "platform" not in entries[0]
        for entry in entries:
            manifest = _blob(layout, entry["digest"])
            document = json.loads(manifest)
            for part in {part["digest"]: part for part in [*document["layers"], document["config"]]}.values():
                self._upload(image, layout, part["digest"])
            if is_artifact:
                self._put(image, image.name, manifest, entry["mediaType"])
            elif self._status(image, f"manifests/{entry['digest']}") == 404:
                self._put(image, entry["digest"], manifest, entry["mediaType"])
        if not is_artifact:
            self._put(image, image.name, index, INDEX_TYPE)
        return ""

    def pull(self, ref: str, folder: str) -> str:
        image, layout = _Image(ref), Path(folder)
        (layout / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        answer = self._ask(image, "GET", f"manifests/{image.name}")
        entry = {"mediaType": answer.headers["Content-Type"], "digest": answer.headers["Docker-Content-Digest"],
                 "size": len(answer.body)}  # fmt: skip
        self._save(image, layout, entry["digest"], answer.body)
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (layout / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]})
        )
        return ""

    def _save(self, image: "_Image", layout: Path, digest: str, content: bytes) -> None:
        """Save a manifest or index with everything below it."""
        (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(content)
        document = json.loads(content)
        for entry in document.get("manifests", ()):
            self._save(image, layout, entry["digest"], self._ask(image, "GET", f"manifests/{entry['digest']}").body)
        for part in [*document.get("layers", ()), *([document["config"]] if "config" in document else [])]:
            path = layout / "blobs" / "sha256" / part["digest"].removeprefix("sha256:")
            if not path.exists():
                path.write_bytes(self._ask(image, "GET", f"blobs/{part['digest']}").body)

    def _upload(self, image: "_Image", layout: Path, digest: str) -> None:
        if self._status(image, f"blobs/{digest}") == 200:
            return
        begun = self._ask(image, "POST", "blobs/uploads/")
        address = urlsplit(begun.headers["Location"]).path.removeprefix(f"/v2/{image.repository}/")
        sent = self._ask(image, "PATCH", address, _blob(layout, digest), {"content-type": "application/octet-stream"})
        address = urlsplit(sent.headers["Location"]).path.removeprefix(f"/v2/{image.repository}/")
        self._ask(image, "PUT", f"{address}?digest={digest}")

    def _put(self, image: "_Image", name: str, content: bytes, media_type: str) -> None:
        self._ask(image, "PUT", f"manifests/{name}", content, {"content-type": media_type})

    def _status(self, image: "_Image", path: str) -> int:
        """Return 200 or 404 for a HEAD request."""
        try:
            return self._ask(image, "HEAD", path).status
        except _FailedError as exc:
            if "404" in str(exc):
                return 404
            raise

    def _ask(
        self, image: "_Image", method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        target = f"/v2/{image.repository}/{path}"
        url = f"http://{image.host}{target}"
        try:
            answer = self._send(image.host, Request(method, target, headers or {}, body))
        except ConnectionResetError as exc:
            self.log.append(f"<-- read: connection reset by peer {url} (1ms)")
            raise _FailedError(f'{method.title()} "{url}": read: connection reset by peer') from exc
        self.log.append(f"<-- {answer.status} {url} (1ms)")
        if answer.status >= 300:
            raise _FailedError(_problem(answer, method, url))
        return answer


class _Image:
    """A reference: `host/repository:tag` or `host/repository@digest`."""

    def __init__(self, ref: str) -> None:
        path, at, digest = ref.partition("@")
        self.host, _, repository = path.partition("/")
        self.repository, _, tag = (repository, "", "") if at else repository.rpartition(":")
        self.name = digest or tag


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def _problem(answer: Response, method: str, url: str) -> str:
    if method == "HEAD":
        return (
            f"{method} {url}: unexpected status code {answer.status} (HEAD responses have no body, use GET for details)"
        )
    try:
        problem = json.loads(answer.body)["errors"][0]
        return f"{method} {url}: {problem['code']}: {problem['message']}"
    except (ValueError, KeyError, IndexError):
        return f"{method} {url}: unexpected status code {answer.status}"
