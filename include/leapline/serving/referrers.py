"""Signed statements about a published image, attached to it in the registry: its signature, provenance and software.

Each statement is an artifact of OCI's image spec 1.1 whose `subject` is the image's index, so that tools list it among
the image's referrers. It has a tag too, `<model id>-<kind>-<key>`, under which every registry finds it: not all have
the list of referrers, and `crane` does not read it. Tags and artifacts are untrusted; only what a statement's signature
covers counts, and that is the digest of the image.

Sources: OCI image spec 1.1 (artifacts, subject, empty descriptor), OCI distribution spec 1.1 (referrers); artifact type
and predicate of signatures are those of Cosign 3.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leapline.errors import RegistryError, SignatureError, TagConflictError
from leapline.serving.image import INDEX_TYPE, LABEL, MANIFEST_TYPE, add_blob, canonical_json, write_layout
from leapline.serving.registry import Registry
from leapline.signing.keys import PublicKey, SigningKey
from leapline.signing.statement import BUNDLE_TYPE, MAX_BUNDLE_BYTES, Statement, sign_statement, verify_statement

EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
SIGNATURE: Final = "signature"
PREDICATE_TYPES: Final[Mapping[str, str]] = {
    SIGNATURE: "https://sigstore.dev/cosign/sign/v1",
    "provenance": "https://slsa.dev/provenance/v1",
    "sbom": "https://cyclonedx.org/bom",
}
"""The kinds of statements and the types of their predicates."""
_MODEL_ID: Final = re.compile(r"\w[\w.-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Subject:
    """An image that statements are about.

    Attributes:
        model_id: from the image's label.
        digest: of its index, `sha256:...`.
        size: of its index in bytes.
    """

    model_id: str
    digest: str
    size: int

    @classmethod
    def read(cls, registry: Registry, digest: str) -> "Subject":
        """Return a published image as a subject.

        Raises:
            SignatureError: the image has no model id.
            RegistryError: the image is missing, or the registry does not answer.
        """
        manifest = registry.manifest_bytes(digest)
        model_id = str((json.loads(manifest).get("annotations") or {}).get(LABEL + "version", ""))
        if not _MODEL_ID.fullmatch(model_id):
            raise SignatureError(
                f"image {registry.ref(digest)}",
                found=f"the model id {model_id[:100]!r}",
                expected="an image that Leapline has published",
                fix="Choose a model from `leapline models`.",
            )
        return cls(model_id, digest, len(manifest))

    def tag(self, kind: str, key: PublicKey) -> str:
        """Return the tag of a statement of a kind, signed by a key."""
        return f"{self.model_id}-{kind}-{key.key_id[:12]}"


def attach(registry: Registry, subject: Subject, kind: str, predicate: Mapping[str, Any], key: SigningKey) -> bool:
    """Sign a statement about an image and attach it, unless there is a valid one already.

    Args:
        registry: has the image.
        subject: the image.
        kind: a key of `PREDICATE_TYPES`.
        predicate: what is stated.
        key: the signing key.

    Returns:
        Whether something was sent.

    Raises:
        TagConflictError: the tag names something else.
        RegistryError: the registry does not answer, or does not accept artifacts.
    """
    tag = subject.tag(kind, key.public)
    if registry.readable_digest(tag) is not None:
        try:
            _verified(registry, subject, kind, key.public, _bundle(registry, tag))
            return False
        except SignatureError as exc:
            raise TagConflictError(
                f"tag {registry.ref(tag)}",
                found=exc.found,
                expected=f"the {kind} of {subject.digest}, or no such tag",
                fix="Remove the tag, find out who wrote it, and publish again.",
            ) from exc
    sha256 = subject.digest.removeprefix("sha256:")
    statement = Statement(subject.model_id, sha256, PREDICATE_TYPES[kind], predicate)
    _push(registry, subject, kind, tag, sign_statement(statement, key))
    return True


def verify(registry: Registry, subject: Subject, keys: Sequence[PublicKey], kind: str = SIGNATURE) -> Statement:
    """Return a statement about an image that one of the keys has signed.

    Args:
        registry: has the image.
        subject: the image.
        keys: the keys that are accepted.
        kind: a key of `PREDICATE_TYPES`.

    Raises:
        SignatureError: there is none, or none of them is valid.
        RegistryError: the registry does not answer.
    """
    problems = []
    for key in keys:
        tag = subject.tag(kind, key)
        if registry.digest(tag) is None:
            continue
        try:
            return _verified(registry, subject, kind, key, _bundle(registry, tag))
        except SignatureError as exc:
            problems.append(exc)
    if problems:
        raise problems[0]
    names = ", ".join(key.key_id[:12] for key in keys) or "an accepted key; there is none"
    raise SignatureError(
        f"image {registry.ref(subject.digest)} ({subject.model_id})",
        found=f"no {kind} in the registry",
        expected=f"one by {names}",
        fix=f"If this lake has published it, sign it with `leapline sign {subject.model_id}`; otherwise do not use it.",
    )


def copy(source: Registry, target: Registry, subject: Subject, keys: Sequence[PublicKey]) -> None:
    """Copy the statements about an image that one of the keys has signed to another repository, which has the image.

    Raises:
        RegistryError: one of the registries does not answer.
    """
    for kind in PREDICATE_TYPES:
        for key in keys:
            tag = subject.tag(kind, key)
            if source.digest(tag) is not None and target.readable_digest(tag) is None:
                bundle = _bundle(source, tag)
                _verified(source, subject, kind, key, bundle)
                _push(target, subject, kind, tag, bundle)


def _verified(registry: Registry, subject: Subject, kind: str, key: PublicKey, bundle: bytes) -> Statement:
    thing = f"{kind} of image {registry.ref(subject.digest)} ({subject.model_id})"
    statement, _ = verify_statement(bundle, [key], PREDICATE_TYPES[kind], thing)
    if f"sha256:{statement.sha256}" != subject.digest:
        raise SignatureError(
            thing,
            found=f"a statement about {statement.name}, sha256:{statement.sha256}",
            expected="one about this image",
            fix="Do not use it; find out who replaced the image or the tag.",
        )
    return statement


def _bundle(registry: Registry, tag: str) -> bytes:
    """Return the content of an artifact.

    Raises:
        SignatureError: it is no artifact of this kind.
    """
    manifest = registry.manifest(tag)
    try:
        (layer,) = manifest["layers"]
        if manifest["artifactType"] != BUNDLE_TYPE or not 0 < int(layer["size"]) <= MAX_BUNDLE_BYTES:
            raise ValueError(f"type {manifest['artifactType']!r} with {layer['size']} bytes")
        digest = str(layer["digest"])
    except (KeyError, TypeError, ValueError) as exc:
        raise SignatureError(
            f"tag {registry.ref(tag)}",
            found=f"no signed statement ({type(exc).__name__}: {str(exc)[:200]})",
            expected=f"an artifact of type {BUNDLE_TYPE}",
            fix="Remove the tag, and find out who wrote it.",
        ) from exc
    return registry.blob(digest)


def _push(registry: Registry, subject: Subject, kind: str, tag: str, bundle: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="leapline-statement-") as work:
        layout = Path(work)
        (layout / "blobs" / "sha256").mkdir(parents=True)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": BUNDLE_TYPE,
            "config": add_blob(layout, b"{}", EMPTY_TYPE),
            "layers": [add_blob(layout, bundle, BUNDLE_TYPE)],
            "subject": {"mediaType": INDEX_TYPE, "digest": subject.digest, "size": subject.size},
            "annotations": {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": PREDICATE_TYPES[kind],
            },
        }
        entry = add_blob(layout, canonical_json(manifest), MANIFEST_TYPE)
        write_layout(layout, {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]})
        registry.push_artifact(layout, tag)
        if registry.digest(tag) != entry["digest"]:
            raise RegistryError(
                f"tag {registry.ref(tag)}",
                found=str(registry.digest(tag)),
                expected=entry["digest"],
                fix="Another writer pushed at the same time: publish again.",
            )
