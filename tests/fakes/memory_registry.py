"""An OCI registry in memory that answers requests as values: a test's HTTP server and the simulator share it.

It has all of the OCI distribution spec 1.1: pull, push (also in chunks, in one request and by mounting), discovery of
tags and referrers, and deletion. The conformance suite of the spec runs against it (`test_registry_conformance.py`).
"""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
_NAME: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_ROUTE: Final = re.compile(
    rf"/v2/(?P<name>{_NAME})/(?P<kind>blobs/uploads|blobs|manifests|tags/list|referrers)(?:/(?P<ref>[^/]*))?"
)
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})")
_MAX_MANIFEST_BYTES: Final = 4 << 20


@dataclass(frozen=True)
class Request:
    """A request: header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """A response; a HEAD request's body is left out by whoever sends it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Manifest:
    """A stored manifest or index."""

    media_type: str
    content: bytes

    @property
    def document(self) -> dict[str, Any]:
        """Its content."""
        document: dict[str, Any] = json.loads(self.content)
        return document


@dataclass
class Repository:
    """What one repository has, by digest; tags name digests of manifests."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)


class _RejectedError(Exception):
    def __init__(self, status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        body = json.dumps({"errors": [{"code": code, "message": message or code.replace("_", " ").lower()}]}).encode()
        self.response = Response(status, {"Content-Type": "application/json", **(headers or {})}, body)


class MemoryRegistry:
    """The registry.

    Attributes:
        repositories: by name; one that nothing was pushed to is not there.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self._upload_ids = (f"upload-{number}" for number in itertools.count(1))

    def repository(self, name: str) -> Repository:
        """Return a repository, empty if there was none."""
        return self.repositories.setdefault(name, Repository())

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        url = urlsplit(request.target)
        if url.path in ("/v2/", "/v2"):
            return Response(200, {"Content-Type": "application/json"}, b"{}")
        match, query = _ROUTE.fullmatch(url.path), dict(parse_qsl(url.query, keep_blank_values=True))
        try:
            if match is None:
                raise _RejectedError(404, "NAME_INVALID")
            answer = self._answers(match["kind"]).get(request.method)
            if answer is None:
                raise _RejectedError(405, "UNSUPPORTED")
            return answer(_Call(request, match["name"], match["ref"] or "", query))
        except _RejectedError as exc:
            return exc.response

    def _answers(self, kind: str) -> "Mapping[str, Callable[[_Call], Response]]":
        return {
            "blobs": {"GET": self._blob, "HEAD": self._blob, "DELETE": self._delete_blob},
            "blobs/uploads": {
                "POST": self._begin, "PATCH": self._append, "PUT": self._finish, "GET": self._progress,
                "DELETE": self._cancel,
            },
            "manifests": {
                "GET": self._manifest, "HEAD": self._manifest, "PUT": self._put_manifest,
                "DELETE": self._delete_manifest,
            },
            "tags/list": {"GET": self._tags},
            "referrers": {"GET": self._referrers},
        }[kind]  # fmt: skip

    def _existing(self, name: str) -> Repository:
        if name not in self.repositories:
            raise _RejectedError(404, "NAME_UNKNOWN")
        return self.repositories[name]

    def _blob(self, call: "_Call") -> Response:
        content = self._existing(call.name).blobs.get(call.ref)
        if content is None:
            raise _RejectedError(404, "BLOB_UNKNOWN")
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": call.ref}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", call.request.headers.get("range", ""))
        if not wanted:
            return Response(200, headers, content)
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        if first > last:
            raise _RejectedError(416, "SIZE_INVALID", headers={"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return Response(206, headers, content[first : last + 1])

    def _delete_blob(self, call: "_Call") -> Response:
        if self._existing(call.name).blobs.pop(call.ref, None) is None:
            raise _RejectedError(404, "BLOB_UNKNOWN")
        return Response(202)

    def _begin(self, call: "_Call") -> Response:
        digest = call.query.get("mount", "")
        sources = [call.query["from"]] if "from" in call.query else list(self.repositories)
        for source in sources if digest else []:
            if source in self.repositories and digest in self.repositories[source].blobs:
                self.repository(call.name).blobs[digest] = self.repositories[source].blobs[digest]
                return self._created(call.name, "blobs", digest)
        if "digest" in call.query:
            return self._store_blob(call, call.query["digest"], call.request.body)
        upload = next(self._upload_ids)
        self.repository(call.name).uploads[upload] = b""
        return self._accepted(call.name, upload)

    def _append(self, call: "_Call") -> Response:
        content = self._continued(call)
        self._existing(call.name).uploads[call.ref] = content
        return self._accepted(call.name, call.ref)

    def _finish(self, call: "_Call") -> Response:
        content = self._continued(call)
        response = self._store_blob(call, call.query.get("digest", ""), content)
        del self._existing(call.name).uploads[call.ref]
        return response

    def _progress(self, call: "_Call") -> Response:
        self._upload(call)
        return Response(204, self._accepted(call.name, call.ref).headers)

    def _cancel(self, call: "_Call") -> Response:
        self._upload(call)
        del self._existing(call.name).uploads[call.ref]
        return Response(204)

    def _upload(self, call: "_Call") -> bytes:
        content = self._existing(call.name).uploads.get(call.ref)
        if content is None:
            raise _RejectedError(404, "BLOB_UPLOAD_UNKNOWN")
        return content

    def _continued(self, call: "_Call") -> bytes:
        """Return an upload with the request's body; a chunk that does not follow what is there is rejected."""
        present, body = self._upload(call), call.request.body
        if chunk := call.request.headers.get("content-range"):
            match = re.fullmatch(r"(\d+)-(\d+)", chunk)
            if not match or int(match[1]) != len(present) or int(match[2]) != len(present) + len(body) - 1:
                raise _RejectedError(416, "SIZE_INVALID", headers=self._accepted(call.name, call.ref).headers)
        return present + body

    def _store_blob(self, call: "_Call", digest: str, content: bytes) -> Response:
        _require_digest(digest, content)
        self.repository(call.name).blobs[digest] = content
        return self._created(call.name, "blobs", digest)

    def _accepted(self, name: str, upload: str) -> Response:
        length = len(self.repositories[name].uploads[upload])
        location = f"/v2/{name}/blobs/uploads/{upload}"
        return Response(202, {"Location": location, "Range": f"0-{max(length - 1, 0)}", "Docker-Upload-UUID": upload})

    def _created(self, name: str, kind: str, digest: str) -> Response:
        return Response(201, {"Location": f"/v2/{name}/{kind}/{digest}", "Docker-Content-Digest": digest})

    def _manifest(self, call: "_Call") -> Response:
        repository = self._existing(call.name)
        digest = repository.tags.get(call.ref, call.ref)
        manifest = repository.manifests.get(digest)
        if manifest is None:
            raise _RejectedError(404, "MANIFEST_UNKNOWN")
        return Response(200, {"Content-Type": manifest.media_type, "Docker-Content-Digest": digest}, manifest.content)

    def _put_manifest(self, call: "_Call") -> Response:
        content, is_digest = call.request.body, ":" in call.ref
        if len(content) > _MAX_MANIFEST_BYTES:
            raise _RejectedError(413, "SIZE_INVALID")
        if is_digest:
            _require_digest(call.ref, content)
        elif not _TAG.fullmatch(call.ref):
            raise _RejectedError(400, "TAG_INVALID")
        document = _document(content, call.request.headers.get("content-type", ""))
        repository = self.repository(call.name)
        _require_parts(repository, document)
        digest = call.ref if is_digest else f"sha256:{hashlib.sha256(content).hexdigest()}"
        media_type = call.request.headers.get("content-type") or document.get("mediaType", "")
        repository.manifests[digest] = Manifest(media_type, content)
        if not is_digest:
            repository.tags[call.ref] = digest
        created = self._created(call.name, "manifests", digest)
        subject = (document.get("subject") or {}).get("digest")
        return Response(201, {**created.headers, **({"OCI-Subject": subject} if subject else {})})

    def _delete_manifest(self, call: "_Call") -> Response:
        repository = self._existing(call.name)
        if ":" not in call.ref:
            if repository.tags.pop(call.ref, None) is None:
                raise _RejectedError(404, "MANIFEST_UNKNOWN")
            return Response(202)
        if repository.manifests.pop(call.ref, None) is None:
            raise _RejectedError(404, "MANIFEST_UNKNOWN")
        repository.tags = {tag: digest for tag, digest in repository.tags.items() if digest != call.ref}
        return Response(202)

    def _tags(self, call: "_Call") -> Response:
        tags = sorted(tag for tag in self._existing(call.name).tags if tag > call.query.get("last", ""))
        count = int(call.query.get("n", len(tags)))
        headers = {"Content-Type": "application/json"}
        if 0 < count < len(tags):
            more = urlencode({"n": count, "last": tags[count - 1]})
            headers["Link"] = f'</v2/{call.name}/tags/list?{more}>; rel="next"'
        body = json.dumps({"name": call.name, "tags": tags[:count]}).encode()
        return Response(200, headers, body)

    def _referrers(self, call: "_Call") -> Response:
        if not _DIGEST.fullmatch(call.ref):
            raise _RejectedError(400, "DIGEST_INVALID")
        repository, wanted = self.repositories.get(call.name, Repository()), call.query.get("artifactType")
        entries = [_referrer(digest, manifest) for digest, manifest in repository.manifests.items()
                   if (manifest.document.get("subject") or {}).get("digest") == call.ref]  # fmt: skip
        entries = [entry for entry in entries if wanted in (None, entry.get("artifactType"))]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}).encode()
        filtered = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
        return Response(200, {"Content-Type": INDEX_TYPE, **filtered}, body)


@dataclass(frozen=True)
class _Call:
    request: Request
    name: str
    ref: str
    query: Mapping[str, str]


def _require_digest(digest: str, content: bytes) -> None:
    match = _DIGEST.fullmatch(digest)
    if not match or hashlib.new(match[1] or match[3], content).hexdigest() != (match[2] or match[4]):
        raise _RejectedError(400, "DIGEST_INVALID")


def _document(content: bytes, media_type: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as exc:
        raise _RejectedError(400, "MANIFEST_INVALID", str(exc)) from exc
    if not isinstance(document, dict) or media_type.split(";")[0] != document.get("mediaType", media_type):
        raise _RejectedError(400, "MANIFEST_INVALID")
    return document


def _require_parts(repository: Repository, document: dict[str, Any]) -> None:
    """Reject a manifest whose blobs or manifests are not there; layers that may stay elsewhere are left out."""
    parts = [document.get("config"), *(document.get("layers") or [])]
    blobs = [part["digest"] for part in parts if part and "nondistributable" not in part.get("mediaType", "")]
    manifests = [entry["digest"] for entry in document.get("manifests") or []]
    if any(digest not in repository.blobs for digest in blobs) or any(
        digest not in repository.manifests for digest in manifests
    ):
        raise _RejectedError(400, "MANIFEST_BLOB_UNKNOWN")


def _referrer(digest: str, manifest: Manifest) -> dict[str, Any]:
    document = manifest.document
    kind = document.get("artifactType") or (document.get("config") or {}).get("mediaType")
    entry = {"mediaType": manifest.media_type, "digest": digest, "size": len(manifest.content)}
    return entry | {
        key: value for key, value in (("artifactType", kind), ("annotations", document.get("annotations"))) if value
    }
