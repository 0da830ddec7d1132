"""Differences of public registries from the reference: their responses for missing content and immutable tags.

The answers follow public reports: Harbor (404 NOT_FOUND; 412 for an immutable tag, goharbor/harbor#9475), Artifactory
(403 for an absent tag of a virtual repository, google/go-containerregistry#1691; error bodies without a code), GHCR
(403 until the package exists), GitLab (404 NAME_UNKNOWN; 403 for a protected tag), Quay (401 until the repository
exists), ECR (repositories are created beforehand; 400 TAG_INVALID for an immutable tag, osscontainertools/kaniko#204).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

Answer = tuple[int, bytes]


def _error(status: int, code: str, message: str) -> Answer:
    return status, json.dumps({"errors": [{"code": code, "message": message}]}).encode()


NOT_KNOWN = _error(404, "MANIFEST_UNKNOWN", "manifest unknown")


@dataclass(frozen=True)
class Mode:
    """A registry's habits.

    Attributes:
        name: of the registry.
        absent_repository: the answer for anything in a repository without an image.
        absent_tag: the answer for an absent tag.
        immutable: the answer to a push that would move an existing tag; None if tags move.
        is_immutable: which tags do not move.
        tokens: "" without tokens; "empty": a token to read an absent repository gives no access; "denied": there is
            no such token. A token to push sees the repository as empty.
        rejected_type: part of the media types of manifests that the registry does not accept.
    """

    name: str
    absent_repository: Answer
    absent_tag: Answer = NOT_KNOWN
    immutable: Answer | None = None
    is_immutable: Callable[[str], bool] = field(default=lambda tag: True)
    tokens: str = ""
    rejected_type: str = ""

    def rejection(self, media_type: str) -> Answer | None:
        """Return the answer to the push of a manifest of this type; None if the registry accepts it."""
        if not self.rejected_type or self.rejected_type not in media_type:
            return None
        return _error(400, "MANIFEST_INVALID", f"manifest invalid: unsupported media type {media_type}")


_ECR_IMMUTABLE = _error(
    400,
    "TAG_INVALID",
    "The image tag 't' already exists in the 'r' repository and cannot be overwritten because the tag is immutable.",
)
MODES = {
    "harbor": Mode(
        "harbor",
        _error(404, "NOT_FOUND", "repository shop/scorer not found"),
        _error(404, "NOT_FOUND", "artifact shop/scorer:m1 not found"),
    ),
    "artifactory": Mode(
        "artifactory",
        (404, json.dumps({"errors": [{"status": 404, "message": "Could not find resource"}]}).encode()),
        (404, b"<html><title>404 Not Found</title></html>"),
    ),
    "artifactory virtual": Mode(
        "artifactory virtual",
        _error(403, "DENIED", "User is not authorized to perform this action"),
        _error(403, "DENIED", "User is not authorized to perform this action"),
    ),
    "ghcr": Mode("ghcr", _error(403, "DENIED", "requested access to the resource is denied"), tokens="denied"),
    "gitlab": Mode("gitlab", _error(404, "NAME_UNKNOWN", "repository name not known to registry")),
    "quay": Mode(
        "quay", _error(401, "UNAUTHORIZED", "access to the requested resource is not authorized"), tokens="empty"
    ),
    "ecr": Mode("ecr", _error(404, "MANIFEST_UNKNOWN", "Requested image not found")),
    "ecr, immutable": Mode(
        "ecr, immutable", _error(404, "MANIFEST_UNKNOWN", "Requested image not found"), immutable=_ECR_IMMUTABLE
    ),
    "ecr, moving tags excluded": Mode(
        "ecr, moving tags excluded",
        _error(404, "MANIFEST_UNKNOWN", "Requested image not found"),
        immutable=_ECR_IMMUTABLE,
        is_immutable=lambda tag: tag not in ("champion", "previous"),
    ),
    "ecr, previous immutable": Mode(
        "ecr, previous immutable",
        _error(404, "MANIFEST_UNKNOWN", "Requested image not found"),
        immutable=_ECR_IMMUTABLE,
        is_immutable=lambda tag: tag == "previous",
    ),
    "harbor, immutable": Mode(
        "harbor, immutable",
        _error(404, "NOT_FOUND", "repository shop/scorer not found"),
        immutable=_error(412, "PRECONDITION", "Failed to process request due to 'r:t' configured as immutable."),
    ),
}
FORMATS = {
    "docker only": Mode("docker only", NOT_KNOWN, rejected_type="vnd.oci.image"),
    "without indexes": Mode("without indexes", NOT_KNOWN, rejected_type=".index."),
    "oci only": Mode("oci only", NOT_KNOWN, rejected_type="vnd.docker."),
}
"""Registries that accept some formats of images only."""
