"""Signatures of images in a real registry: attached as referrers, demanded before the champion moves, and attacked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leapline.deployment.signatures import sign_image
from leapline.errors import SignatureError, TagConflictError
from leapline.promotion.intent import INTENT
from leapline.promotion.ledger import Ledger
from leapline.promotion.promote import ChampionTags
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.promotion.trust import TrustKeys
from leapline.serving import referrers
from leapline.serving.image import INDEX_TYPE, MANIFEST_TYPE, add_blob, canonical_json, write_layout
from leapline.serving.layout import index_digest
from leapline.serving.referrers import SIGNATURE, Subject
from leapline.serving.registry import Registry
from leapline.signing.keys import SigningKey
from leapline.signing.statement import BUNDLE_TYPE, Statement, sign_statement
from leapline.storage import LocalStore, json_bytes
from tests.promotion.test_promote import run
from tests.serving.conftest import MakeImage

KEY, OTHER = SigningKey.generate(), SigningKey.generate()
DAY, NEXT = "2026-03-01", "2026-03-02"
PROVENANCE: dict[str, Any] = {"provenance": {"buildDefinition": {}}}
Publish = Callable[[str], str]


@pytest.fixture
def champion(registry: Registry, tmp_path: Path) -> ChampionTags:
    return ChampionTags(registry, Ledger(LocalStore(tmp_path / "ledger")), trust=TrustKeys([KEY.public]))


def push_bundle(registry: Registry, tag: str, bundle: bytes, folder: Path, artifact_type: str = BUNDLE_TYPE) -> None:
    """Put an artifact under a tag, as someone with write access to the registry can."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    layers, config = [add_blob(folder, bundle, BUNDLE_TYPE)], add_blob(folder, b"{}", referrers.EMPTY_TYPE)
    parts = {"artifactType": artifact_type, "config": config, "layers": layers}
    manifest = canonical_json({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, **parts})
    entry = add_blob(folder, manifest, MANIFEST_TYPE)
    write_layout(folder, {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]})
    registry.push_artifact(folder, tag)


def test_signed_image_is_promoted_and_lists_its_statements_as_referrers(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    digest = published(DAY)
    assert sign_image(registry, digest, PROVENANCE, KEY)
    assert not sign_image(registry, digest, PROVENANCE, KEY)  # sends nothing again
    listed = registry.manifest(digest.replace(":", "-"))["manifests"]
    subject = Subject.read(registry, digest)
    tags = [subject.tag(kind, KEY.public) for kind in ("provenance", SIGNATURE)]
    assert {entry["digest"] for entry in listed} == {registry.digest(tag) for tag in tags}
    assert {entry["artifactType"] for entry in listed} == {BUNDLE_TYPE}
    assert referrers.verify(registry, subject, [KEY.public], "provenance").predicate == PROVENANCE["provenance"]
    assert champion.promote(digest, run(1), expected_current=None).moved
    assert registry.manifest(tags[0])["subject"] == {"mediaType": INDEX_TYPE, "digest": digest, "size": subject.size}


def unsigned(registry: Registry, digest: str, folder: Path) -> None:
    pass


def signed_by_another_key(registry: Registry, digest: str, folder: Path) -> None:
    sign_image(registry, digest, {}, OTHER)


def under_the_tag_of_our_key(registry: Registry, digest: str, folder: Path) -> None:
    """The other key's signature, with our key's tag and hint."""
    subject = Subject.read(registry, digest)
    statement = Statement(subject.model_id, digest[7:], referrers.PREDICATE_TYPES[SIGNATURE], {})
    forged = sign_statement(statement, OTHER).replace(OTHER.public.key_id.encode(), KEY.public.key_id.encode())
    push_bundle(registry, subject.tag(SIGNATURE, KEY.public), forged, folder)


def signature_of_another_model(registry: Registry, digest: str, folder: Path) -> None:
    subject = Subject.read(registry, digest)
    statement = Statement(subject.model_id, "0" * 64, referrers.PREDICATE_TYPES[SIGNATURE], {})
    push_bundle(registry, subject.tag(SIGNATURE, KEY.public), sign_statement(statement, KEY), folder)


def provenance_as_signature(registry: Registry, digest: str, folder: Path) -> None:
    subject = Subject.read(registry, digest)
    statement = Statement(subject.model_id, digest[7:], referrers.PREDICATE_TYPES["provenance"], {})
    push_bundle(registry, subject.tag(SIGNATURE, KEY.public), sign_statement(statement, KEY), folder)


def changed_byte(registry: Registry, digest: str, folder: Path) -> None:
    subject = Subject.read(registry, digest)
    statement = Statement(subject.model_id, digest[7:], referrers.PREDICATE_TYPES[SIGNATURE], {})
    document = json.loads(sign_statement(statement, KEY))
    signature = document["dsseEnvelope"]["signatures"][0]["sig"]
    position = len(signature) // 2
    other = "A" if signature[position] != "A" else "B"
    document["dsseEnvelope"]["signatures"][0]["sig"] = signature[:position] + other + signature[position + 1 :]
    push_bundle(registry, subject.tag(SIGNATURE, KEY.public), json.dumps(document).encode(), folder)


def artifact_of_another_type(registry: Registry, digest: str, folder: Path) -> None:
    subject = Subject.read(registry, digest)
    push_bundle(registry, subject.tag(SIGNATURE, KEY.public), b"{}", folder, "application/octet-stream")


def the_image_itself_as_its_signature(registry: Registry, digest: str, folder: Path) -> None:
    registry.tag(digest, Subject.read(registry, digest).tag(SIGNATURE, KEY.public))


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        (unsigned, "found no signature in the registry"),
        (signed_by_another_key, "found no signature in the registry"),
        (under_the_tag_of_our_key, "by another key, or changed content"),
        (signature_of_another_model, "found a statement about"),
        (provenance_as_signature, "found a statement of type https://slsa"),
        (changed_byte, "by another key, or changed content"),
        (artifact_of_another_type, "found no signed statement"),
        (the_image_itself_as_its_signature, "found no signed statement"),
    ],
)
def test_untrusted_image_becomes_champion_in_no_way(
    champion: ChampionTags, registry: Registry, published: Publish, tmp_path: Path, attack: Any, found: str
) -> None:
    good, bad = published(DAY), published(NEXT)
    sign_image(registry, good, {}, KEY)
    champion.promote(good, run(1), expected_current=None)
    attack(registry, bad, tmp_path / "artifact")
    model_id = f"{NEXT}-0123456789ab"
    for move in (
        lambda: champion.promote(bad, run(2), expected_current=good),
        lambda: champion.rollback(run(3), to=model_id),
    ):
        with pytest.raises(SignatureError, match=found):
            move()
    assert registry.digest(CHAMPION_TAG) == good
    assert [entry.after for entry in champion.ledger.entries()] == [good]


def test_image_replaced_under_its_model_id_is_rejected(
    champion: ChampionTags, registry: Registry, published: Publish, make_image: MakeImage
) -> None:
    """An image with the same label and the signature's tag, but another digest."""
    good = published(DAY)
    sign_image(registry, good, {}, KEY)
    replaced = make_image("another model", model_id=f"{DAY}-0123456789ab", day=DAY)
    registry.push(replaced, "replaced")
    with pytest.raises(SignatureError, match=f"found a statement about {DAY}-0123456789ab, {good}"):
        champion.promote(index_digest(replaced), run(1), expected_current=None)
    with pytest.raises(TagConflictError, match="find out who wrote it"):
        sign_image(registry, index_digest(replaced), {}, KEY)
    assert registry.digest(CHAMPION_TAG) is None


def test_image_without_a_model_id_is_rejected(
    champion: ChampionTags, registry: Registry, make_image: MakeImage
) -> None:
    image = make_image("x", model_id="../../x")
    registry.push(image, "odd")
    with pytest.raises(SignatureError, match=r"found the model id '\.\./\.\./x'"):
        champion.promote(index_digest(image), run(1), expected_current=None)


def test_forged_intent_moves_nothing_and_does_not_stay(
    champion: ChampionTags, registry: Registry, published: Publish, tmp_path: Path
) -> None:
    """Whoever can write into the lake cannot promote by leaving an unfinished promotion."""
    good, bad = published(DAY), published(NEXT)
    sign_image(registry, good, {}, KEY)
    intent = {
        "when": "2026-03-02T00:00:00+00:00", "who": "x", "why": "x", "run_id": "r0", "action": "promote",
        "tag": CHAMPION_TAG, "model_id": f"{NEXT}-0123456789ab", "before": None, "after": bad,
    }  # fmt: skip
    champion.ledger.store.put(INTENT, json_bytes(intent))
    with pytest.raises(SignatureError, match="found no signature"):
        champion.promote(good, run(1), expected_current=None)
    assert registry.digest(CHAMPION_TAG) is None
    assert champion.promote(good, run(1), expected_current=None).moved


def test_signature_by_a_former_key_counts_while_it_is_accepted(
    registry: Registry, published: Publish, tmp_path: Path
) -> None:
    digest = published(DAY)
    sign_image(registry, digest, {}, OTHER)
    both = ChampionTags(registry, Ledger(LocalStore(tmp_path)), trust=TrustKeys([KEY.public, OTHER.public]))
    assert both.promote(digest, run(1), expected_current=None).moved
    assert sign_image(registry, digest, {}, KEY)  # next to the former signature


def test_no_key_at_all_trusts_nothing(registry: Registry, published: Publish, tmp_path: Path) -> None:
    digest = published(DAY)
    sign_image(registry, digest, {}, KEY)
    tags = ChampionTags(registry, Ledger(LocalStore(tmp_path)), trust=TrustKeys([]))
    with pytest.raises(SignatureError, match="an accepted key; there is none"):
        tags.promote(digest, run(1), expected_current=None)


def test_statements_are_copied_with_the_image(
    registry: Registry, registry_address: str, crane: Path, published: Publish, tmp_path: Path
) -> None:
    other = Registry(f"{registry_address}/{registry.repository}-copy", crane, budget_s=20)
    digest = published(DAY)
    sign_image(registry, digest, PROVENANCE, KEY)
    trust = TrustKeys([KEY.public])
    tags = ChampionTags(registry, Ledger(LocalStore(tmp_path)), [other], trust)
    assert tags.promote(digest, run(1), expected_current=None).moved
    trust.require(other, digest)
    subject = Subject.read(other, digest)
    for kind in (SIGNATURE, "provenance"):
        tag = subject.tag(kind, KEY.public)
        assert other.digest(tag) == registry.digest(tag)


def test_same_image_and_key_result_in_the_same_artifact(
    registry: Registry, registry_address: str, crane: Path, make_image: MakeImage
) -> None:
    image, model_id = make_image("m", day=DAY, model_id=f"{DAY}-0123456789ab"), f"{DAY}-0123456789ab"
    digests = set()
    for target in (registry, Registry(f"{registry_address}/{registry.repository}-twin", crane, budget_s=20)):
        target.push(image, model_id)
        sign_image(target, index_digest(image), {}, SigningKey.from_pem(KEY.pem()))
        digests.add(target.digest(Subject.read(target, index_digest(image)).tag(SIGNATURE, KEY.public)))
    assert len(digests) == 1
    shutil.rmtree(image)
