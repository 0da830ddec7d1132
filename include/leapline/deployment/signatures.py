"""Sign published images: their signature, provenance and software, in every repository."""

from collections.abc import Mapping
from typing import Any

from leapline.deployment.factory import more_registries, registry
from leapline.errors import RegistryError, SettingsError, SignatureError
from leapline.serving import referrers
from leapline.serving.referrers import SIGNATURE, Subject
from leapline.serving.registry import Registry
from leapline.settings import PREFIX, Settings
from leapline.signing.key_ring import key_ring
from leapline.signing.keys import SigningKey
from leapline.storage import lake_of, read_json

PREDICATES: Mapping[str, str] = {"provenance": "provenance.json", "sbom": "sbom.json"}
"""The statements besides the signature, and the files of a package with their predicates."""


def sign_image(target: Registry, digest: str, predicates: Mapping[str, Any], key: SigningKey) -> bool:
    """Attach the signature of an image, and statements about it, and verify the signature in the registry.

    Args:
        target: has the image.
        digest: of its index.
        predicates: content of the further statements by kind (`referrers.PREDICATE_TYPES`).
        key: the signing key.

    Returns:
        Whether something was sent.

    Raises:
        TagConflictError: a tag of a statement names something else.
        SignatureError: the registry returns another signature.
        RegistryError: the registry does not answer, or does not accept artifacts.
    """
    subject = Subject.read(target, digest)
    # The signature is last: an image that has it has everything.
    statements = [*sorted(predicates.items()), (SIGNATURE, {})]
    sent = [referrers.attach(target, subject, kind, predicate, key) for kind, predicate in statements]
    referrers.verify(target, subject, [key.public])
    return any(sent)


def sign_published(settings: Settings, model: str) -> dict[str, Any]:
    """Sign a model that was published without a signature, or with another key.

    Args:
        settings: name the registry, the lake and the key.
        model: a model id, `champion` or `previous`.

    Returns:
        `{"model_id", "digest", "key", "signed"}`; `signed` is whether something was sent.

    Raises:
        SettingsError: there is no signing key.
        SignatureError: this lake has not published the image.
        RegistryError: no such model, or no clear answer.
    """
    key = key_ring(settings).signing_key()
    if key is None:
        raise SettingsError(
            f"{PREFIX}SIGNING_KEY", found="no signing key", expected="the key to sign with",
            fix="Create one with `leapline keys create`.",
        )  # fmt: skip
    source = registry(settings)
    digest = source.digest(model)
    if digest is None:
        raise RegistryError(
            f"tag {source.ref(model)}", found="no such tag", expected="a published model",
            fix="`leapline models` lists them.",
        )  # fmt: skip
    subject = Subject.read(source, digest)
    predicates = _published_predicates(settings, subject)
    sent = [
        sign_image(target, digest, predicates, key)
        for target in (source, *more_registries(settings))
        if target.readable_digest(subject.model_id) == digest
    ]
    return {"model_id": subject.model_id, "digest": digest, "key": key.public.key_id, "signed": any(sent)}


def _published_predicates(settings: Settings, subject: Subject) -> dict[str, Any]:
    """Return the statements that this lake has kept about a model.

    Raises:
        SignatureError: it has not published the model, or with another digest.
    """
    lake = lake_of(settings)
    folder = lake.current("models", subject.model_id) if lake.has("models", subject.model_id) else None
    published = read_json(folder / "publication.json")["digest"] if folder else "nothing"
    if folder is None or published != subject.digest:
        raise SignatureError(
            f"image of model {subject.model_id}",
            found=subject.digest,
            expected=f"the image that this lake has published, {published}",
            fix="Do not sign it; look for another writer to this repository.",
        )
    return {kind: read_json(folder / name) for kind, name in PREDICATES.items() if (folder / name).exists()}
