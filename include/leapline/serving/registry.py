"""Access to the image repository in an OCI registry: push, pull, immutable model tags and moving tags."""

import http.client
import ipaddress
import json
import random
import re
import shutil
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

from leapline.errors import (
    AccessDeniedError,
    BundleError,
    RegistryError,
    RegistryUnusableError,
    SettingsError,
    TagConflictError,
)
from leapline.serving import layout as layouts
from leapline.serving.crane import AbsentError, Crane
from leapline.serving.docker_config import docker_config, has_login
from leapline.serving.ecr import EcrHost, EcrLogin
from leapline.serving.image import blob_path
from leapline.serving.registry_causes import cause_of

BUDGET_S = 120.0
_PINGS = 3
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_PRIVATE = [ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
_LOCAL_NAME = re.compile(r".*\.localhost")


class Registry:
    """One repository of an OCI registry.

    Args:
        image: `host[:port]/repository`, without a tag.
        crane: path of the compiled `crane`.
        budget_s: maximum seconds for one operation, including its retries.
        plain_http: allow plain HTTP for this host. If False, only the hosts of `allows_plain_http` may use it.
    """

    def __init__(self, image: str, crane: Path, *, budget_s: float = BUDGET_S, plain_http: bool = False) -> None:
        self.image = image
        self.host, _, self.repository = image.partition("/")
        self.plain_http = plain_http or allows_plain_http(self.host)
        ecr = EcrHost.parse(self.host)
        self._ecr = EcrLogin(ecr, docker_config().parent) if ecr else None
        self._crane = Crane(crane, self.host, budget_s, plain_http, self._ecr)

    def ref(self, tag_or_digest: str) -> str:
        """Return the full reference: `image:tag` or `image@sha256:...`."""
        return f"{self.image}{'@' if tag_or_digest.startswith('sha256:') else ':'}{tag_or_digest}"

    def ping(self) -> None:
        """Check that a registry answers.

        Raises:
            RegistryUnusableError: its certificate is not accepted, or it has no TLS; the fix names the remedy.
            RegistryError: nothing answers; the fix describes how to start the local registry.
        """
        schemes = ("http", "https") if self.plain_http else ("https",)
        problems = [problem for scheme in schemes if (problem := _ping(scheme, self.host)) is not None]
        if len(problems) < len(schemes):
            return
        cause = cause_of(str(problems[-1]))
        raise (RegistryUnusableError if cause and cause.final else RegistryError)(
            f"registry {self.host}",
            found=f"no answer ({problems[-1]})",
            expected="an OCI registry",
            fix=cause.fix if cause else "Check LEAPLINE_REGISTRY and the network, then run it again.",
        ) from problems[-1]

    def digest(self, tag: str) -> str | None:
        """Return the digest of the image that a tag points to; None if the registry reports that the tag is missing.

        Some registries deny access to a missing tag. The list of tags then decides whether the tag exists.

        Raises:
            AccessDeniedError: the registry denies access to the tag and to the list; some do so for a missing
                repository.
            RegistryError: the answer is unclear, which is never treated as a missing tag.
        """
        try:
            return self._crane.run("digest", self.ref(tag)).strip()
        except AbsentError:
            return None
        except AccessDeniedError:
            if tag in self.tags():
                raise
            return None

    def tags(self) -> list[str]:
        """Return all tags, sorted; an empty list if the repository does not exist yet."""
        try:
            return sorted(self._crane.run("ls", self.image).split())
        except AbsentError:
            return []

    def annotations(self, tag_or_digest: str) -> dict[str, str]:
        """Return the `org.opencontainers.image.*` annotations of an image's index.

        Raises:
            RegistryError: the image is missing, or the registry does not answer.
        """
        return dict(self.manifest(tag_or_digest).get("annotations") or {})

    def push(self, layout: Path, tag: str, *, digest: str = "") -> bool:
        """Push an image under an immutable tag.

        A registry may deny reading a missing tag. Then the push is tried, which fails without the permission.

        Args:
            layout: the image layout.
            tag: the immutable tag.
            digest: expected digest of the image; a layout with another digest is not pushed. Empty: any digest.

        Returns:
            True if the image was sent, False if the registry already had it under this tag.

        Raises:
            TagConflictError: the tag points to another image; nothing was overwritten.
            RegistryError: the image was not pushed; the tag is unchanged.
        """
        layout_digest = layouts.image_digest(layout)
        digest = digest or layout_digest
        if layout_digest != digest:
            raise TagConflictError(
                f"image {layout}",
                found=layout_digest,
                expected=digest,
                fix="It was replaced: package and probe it again.",
            )
        present = self.readable_digest(tag)
        if present == digest:
            return False
        if present is not None:
            raise TagConflictError(
                f"tag {self.ref(tag)}",
                found=present,
                expected=f"{digest}, or no such tag",
                fix="A model id is immutable: rebuild with the same code and signing key, or use another tag.",
            )
        if self._ecr:
            self._ecr.create_repository(self.repository)
        kind = [] if layouts.is_docker_image(layout) else ["--index"]
        self._crane.run("push", *kind, str(layout), self.ref(tag))
        self._require_digest(tag, digest)
        return True

    def readable_digest(self, tag: str) -> str | None:
        """Return the digest of a tag as `digest`, or None if access is denied: so do some registries while there is no
        such repository, and a push then creates it or fails."""
        try:
            return self.digest(tag)
        except AccessDeniedError:
            return None

    def tag(self, tag_or_digest: str, new_tag: str) -> None:
        """Point `new_tag` to an image of the repository, in a single atomic request.

        Raises:
            TagConflictError: the registry does not allow this tag to move.
            RegistryError: the tag was not moved.
        """
        self._crane.run("tag", self.ref(tag_or_digest), new_tag)

    def pull(self, tag_or_digest: str, into: Path, *, docker: bool = False) -> Path:
        """Pull an image as an image layout, as it was pushed.

        Args:
            tag_or_digest: the image to pull.
            into: the folder, which is replaced.
            docker: whether an image in Docker's format is expected, instead of an index.

        Returns:
            `into`.

        Raises:
            RegistryError: the image is missing, or the registry does not answer.
            BundleError: the image is of the other kind, is too large, or does not match its digests.
        """
        raw = into.with_name(f".{into.name}.pull")
        shutil.rmtree(raw, ignore_errors=True)
        shutil.rmtree(into, ignore_errors=True)
        into.parent.mkdir(parents=True, exist_ok=True)
        self._require_bounded(tag_or_digest, docker)
        try:
            self._crane.run("pull", "--format=oci", self.ref(tag_or_digest), str(raw))
            _hoist_index(raw)
            layouts.blobs(raw)
            digest = layouts.image_digest(raw) if docker else layouts.index_digest(raw)
            if tag_or_digest.startswith("sha256:") and digest != tag_or_digest:
                raise _rejected(self.ref(tag_or_digest), digest, tag_or_digest)
            raw.rename(into)
        finally:
            shutil.rmtree(raw, ignore_errors=True)
        return into

    def is_index(self, tag_or_digest: str) -> bool:
        """Return whether this is an image index, as every model is published, and not an image for one platform.

        Raises:
            RegistryError: the image is missing, or the registry does not answer.
        """
        return layouts.is_index(self.manifest(tag_or_digest))

    def manifest_bytes(self, tag_or_digest: str) -> bytes:
        """Return the manifest or index of an image or artifact, as it is stored.

        Raises:
            RegistryError: it is missing, or the registry does not answer.
        """
        return self._crane.run("manifest", self.ref(tag_or_digest)).encode()

    def manifest(self, tag_or_digest: str) -> dict[str, Any]:
        """Return the manifest or index of an image or artifact.

        Raises:
            RegistryError: it is missing, or the registry does not answer.
        """
        document: dict[str, Any] = json.loads(self.manifest_bytes(tag_or_digest))
        return document

    def blob(self, digest: str) -> bytes:
        """Return a small blob of text, with the digest's content.

        Raises:
            RegistryError: it is missing, or the registry does not answer.
        """
        return self._crane.run("blob", self.ref(digest)).encode()

    def push_artifact(self, layout: Path, tag: str) -> None:
        """Push the only manifest of a layout under a tag; the registry lists it as a referrer of its `subject`.

        Raises:
            TagConflictError: the registry does not allow the tag to move.
            RegistryError: it was not pushed.
        """
        self._crane.run("push", str(layout), self.ref(tag))

    def upload_headers(self, challenge: str) -> dict[str, str]:
        """Return the header with the login that a push would use; empty without a login.

        Args:
            challenge: the kind of login that the registry asks for: `basic`, `bearer` or empty.

        Raises:
            RegistryError: the registry issues no token, or a credential helper fails.
        """
        if challenge == "bearer":
            token = json.loads(self._crane.run("auth", "token", "--push", self.image))
            return {"Authorization": f"Bearer {token.get('token') or token.get('access_token')}"}
        if challenge == "basic" and (self._ecr or has_login(self.host)):
            login = json.loads(self._crane.run("auth", "get", self.host))
            return {"Authorization": "Basic " + b64encode(f"{login['Username']}:{login['Secret']}".encode()).decode()}
        return {}

    def _require_bounded(self, tag_or_digest: str, docker: bool) -> None:
        """Reject an image before the download if its declared size or number of platforms exceeds the limits."""
        document = self.manifest(tag_or_digest)
        if layouts.is_index(document) == docker:
            kinds = ["the manifest of a single platform", "an image index"]
            raise _rejected(self.ref(tag_or_digest), kinds[docker], kinds[not docker])
        entries = document.get("manifests") or []
        if len(entries) > layouts.MAX_LAYERS or any(layouts.is_index(entry) for entry in entries):
            raise _rejected(self.ref(tag_or_digest), f"a nested index, or {len(entries)} images", "a flat image index")
        manifests = [document] if docker else [self.manifest(entry["digest"]) for entry in entries]
        total = sum(layouts.declared_bytes(manifest) for manifest in manifests)
        if total > layouts.MAX_IMAGE_BYTES:
            raise _rejected(self.ref(tag_or_digest), f"{total} bytes", f"at most {layouts.MAX_IMAGE_BYTES}")

    def verify(self, layout: Path, tag_or_digest: str, workdir: Path) -> None:
        """Pull an image and compare it with the pushed layout, blob by blob.

        Raises:
            RegistryError: the registry returns another image.
            BundleError: the returned image is damaged.
        """
        docker = layouts.is_docker_image(layout)
        pulled = layouts.blobs(self.pull(tag_or_digest, workdir / "pulled", docker=docker))
        pushed = layouts.blobs(layout)
        if pulled != pushed:
            raise RegistryError(
                self.ref(tag_or_digest),
                found=f"blobs that differ from the pushed ones: {sorted(pulled ^ pushed)}",
                expected=f"the image {layouts.image_digest(layout)}, byte for byte",
                fix="Do not promote it; look for another writer, or a proxy that rewrites images.",
            )

    def _require_digest(self, tag: str, digest: str) -> None:
        present = self.digest(tag)
        if present != digest:
            raise RegistryError(
                f"tag {self.ref(tag)}",
                found=str(present),
                expected=digest,
                fix="Another writer pushed at the same time: publish again.",
            )


def require_address(registry: str, repository: str, setting: str = "") -> None:
    """Check the address of a repository.

    Args:
        registry: `host[:port]`.
        repository: the path.
        setting: the setting that has both; the settings `registry` and `repository` if empty.

    Raises:
        SettingsError: it contains a scheme, a path, capitals or other characters that registries do not accept.
    """
    if _HOST.fullmatch(registry) and _REPOSITORY.fullmatch(repository):
        return
    if setting:
        raise SettingsError(
            f"setting {setting} (LEAPLINE_{setting.upper()})",
            found=repr(f"{registry}/{repository}"),
            expected="lower-case host[:port]/repository without scheme, comma-separated",
            fix="Correct it, for example to `europe.example/shop/scorer,us.example/shop/scorer`.",
        )
    host, _, path = registry.split("://", 1)[-1].strip("/").partition("/")
    suggestion = "/".join(part for part in (path.strip("/"), repository.strip("/")) if part).lower()
    raise SettingsError(
        "registry address",
        found=f"LEAPLINE_REGISTRY={registry!r} and LEAPLINE_REPOSITORY={repository!r}",
        expected="a lower-case host[:port] without scheme or path, and a lower-case path",
        fix=f"Set LEAPLINE_REGISTRY={host.lower()} and LEAPLINE_REPOSITORY={suggestion}.",
    )


def allows_plain_http(host: str) -> bool:
    """Return whether `crane` falls back to plain HTTP for a host by default.

    It does for loopback, private IPv4 addresses and names ending in `.localhost` (go-containerregistry,
    name.Registry.Scheme).
    """
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name in LOOPBACK or _LOCAL_NAME.fullmatch(name):
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in _PRIVATE)


def _ping(scheme: str, host: str) -> Exception | None:
    """Return why a registry does not answer; a connection that breaks or stalls is tried again."""
    problem = _ping_once(scheme, host)
    for _ in range(_PINGS - 1):
        if not isinstance(problem, ConnectionResetError | TimeoutError | http.client.HTTPException):
            break
        time.sleep(random.uniform(0.2, 1))
        problem = _ping_once(scheme, host)
    return problem


def _ping_once(scheme: str, host: str) -> Exception | None:
    """Return why a registry does not answer. As for `crane`, the environment may name a proxy, except for loopback."""
    is_loopback = host.rsplit(":", 1)[0] in LOOPBACK
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({} if is_loopback else None))
    try:
        opener.open(f"{scheme}://{host}/v2/", timeout=5).close()
    except urllib.error.HTTPError:
        return None  # an answer, such as a request to log in
    except urllib.error.URLError as exc:
        return exc.reason if isinstance(exc.reason, Exception) else exc
    except (OSError, http.client.HTTPException) as exc:
        return exc
    return None


def _rejected(thing: str, found: str, expected: str) -> BundleError:
    return BundleError(thing, found=found, expected=expected, fix="Roll back to a model published by Leapline.")


def _hoist_index(raw: Path) -> None:
    """Replace the outer index written by `crane pull`, which has one entry, by the image's own index."""
    entries = layouts.index(raw)["manifests"]
    if len(entries) == 1 and layouts.is_index(entries[0]):
        content = layouts.read_blob(raw, entries[0]["digest"], layouts.MAX_DOCUMENT_BYTES)
        (raw / "index.json").write_bytes(content)
        blob_path(raw, entries[0]["digest"]).unlink()
