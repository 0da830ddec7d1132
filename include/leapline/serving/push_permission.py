"""Whether a login may push to a repository, without pushing anything new: a blob of it is mounted into it once more.

That is what a registry answers first when a blob is pushed, so it needs the same permission, and changes nothing. A
registry that does not mount begins an upload instead, which is cancelled. The login is the one that `crane` would use;
it is sent in a header and in no command line.
"""

import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import Final
from urllib.parse import urlencode, urljoin

from leapline.errors import AccessDeniedError, RegistryError, RegistryUnusableError
from leapline.serving.crane import login_advice
from leapline.serving.ecr import EcrHost
from leapline.serving.registry import LOOPBACK, Registry

_TIMEOUT_S: Final = 8.0


def require_push_permission(registry: Registry, tag: str) -> str:
    """Check that this login may push to an existing repository.

    Args:
        registry: the repository; its `ping` was successful.
        tag: of an image in it.

    Returns:
        What was tried, as a sentence without a full stop.

    Raises:
        AccessDeniedError: the registry denies the upload.
        RegistryUnusableError: it accepts no writes at all.
        RegistryError: it does not answer clearly.
    """
    base = _base(registry)
    query = urlencode({"mount": _some_blob(registry, tag), "from": registry.repository})
    address = f"{base}/v2/{registry.repository}/blobs/uploads/?{query}"
    headers = registry.upload_headers(_challenge(registry, f"{base}/v2/"))
    status, answer = _send(registry, "POST", address, headers)
    if status in (401, 403):
        raise AccessDeniedError(
            f"registry {registry.host}", found=f"a denied upload to {registry.repository} (HTTP {status})",
            expected="a login that may push",
            fix=login_advice(registry.host, status, is_aws=EcrHost.parse(registry.host) is not None),
        )  # fmt: skip
    if status == 405:
        raise RegistryUnusableError(
            f"registry {registry.host}", found="no uploads (HTTP 405): it is read-only", expected="one that can be "
            "written", fix="End its read-only mode, or use another one (LEAPLINE_REGISTRY).",
        )  # fmt: skip
    if status == 201:
        return f"a blob of {registry.image} was mounted into it again"
    if status != 202:
        raise _unclear(registry, f"HTTP {status} to the beginning of an upload")
    location = urljoin(address, answer.get("Location", ""))
    cancelled, _ = _send(registry, "DELETE", location, headers)
    ended = "cancelled" if cancelled == 204 else "left to expire, as the registry cancels none"
    return f"an upload to {registry.image} was begun and {ended}"


def _some_blob(registry: Registry, tag: str) -> str:
    """Return the digest of a layer or configuration of an image."""
    document = registry.manifest(tag)
    while document.get("manifests"):
        document = registry.manifest(document["manifests"][0]["digest"])
    return str(document["config"]["digest"])


def _base(registry: Registry) -> str:
    """Return the address of the registry's API; Docker Hub's has another name."""
    host = "index.docker.io" if registry.host == "docker.io" else registry.host
    for scheme in ("https", "http") if registry.plain_http else ("https",):
        try:
            _send(registry, "GET", f"{scheme}://{host}/v2/", {})
        except RegistryError:
            continue
        return f"{scheme}://{host}"
    raise _unclear(registry, "no answer")


def _challenge(registry: Registry, address: str) -> str:
    """Return the kind of login that a registry asks for: `basic`, `bearer`, or nothing."""
    status, headers = _send(registry, "GET", address, {})
    return str(headers.get("WWW-Authenticate", "")).partition(" ")[0].lower() if status == 401 else ""


def _send(registry: Registry, method: str, address: str, headers: Mapping[str, str]) -> tuple[int, Message]:
    is_loopback = registry.host.rsplit(":", 1)[0] in LOOPBACK
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({} if is_loopback else None))
    data = b"" if method == "POST" else None
    request = urllib.request.Request(address, data, dict(headers), method=method)  # noqa: S310 (http or https)
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code, exc.headers
    except OSError as exc:
        raise _unclear(registry, str(getattr(exc, "reason", exc))) from exc


def _unclear(registry: Registry, found: str) -> RegistryError:
    return RegistryError(
        f"registry {registry.host}", found=found, expected="an answer to an upload", fix="Run it again later."
    )
