"""The step `publish` on a package written by hand: images in Docker's format, bound to the probed image."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from leapline.deployment.factory import more_registries, registry, trust_of
from leapline.deployment.manual_promotion import promote_model
from leapline.deployment.signatures import sign_published
from leapline.errors import InputChangedError, LedgerError, ProbeError, SettingsError, SignatureError, TagConflictError
from leapline.local.registry_service import LocalRegistry
from leapline.modelling.champion_scores import pulled_champion
from leapline.records.candidates import candidates
from leapline.rollout.champion import Champion
from leapline.runtime.context import RunContext
from leapline.serving import referrers
from leapline.serving.docker_image import convert
from leapline.serving.image import build
from leapline.serving.referrers import Subject
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from leapline.steps import publish
from leapline.storage import Lake, read_json, write_json
from tests.command import leapline
from tests.conftest import ROOT
from tests.ports import free_address
from tests.steps.packaged import DAY, MODEL, PLATFORMS, PROVENANCE, reseal, write_packaged_day

KEY, FORMER = SigningKey.generate(), SigningKey.generate()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS ABSENT: `make setup` puts the registry and crane into .local")
    local = LocalRegistry(tmp_path_factory.mktemp("registry"), ROOT / ".local/bin/registry", free_address())
    yield local.start().address
    local.stop()


@pytest.fixture
def settings(tmp_path: Path, address: str) -> Settings:
    repository = f"shop/{tmp_path.name.lower().replace('_', '-').strip('-')}"
    return Settings(home=tmp_path / "lake", tools=ROOT / ".local", registry=address, repository=repository)


@pytest.fixture
def lake(settings: Settings, tmp_path: Path) -> Lake:
    """A day whose package, with images in Docker's format, has passed its probe."""
    lake = Lake(settings.home)
    write_packaged_day(lake, tmp_path)
    return lake


def run(settings: Settings) -> dict[str, Any]:
    return publish.run(settings, RunContext(DAY, "run"))


def test_images_are_published_under_their_own_tags(settings: Settings, lake: Lake) -> None:
    summary = run(settings)
    built = read_json(lake.current("packages", DAY) / "package.json")["docker_images"]
    tags = {f"{MODEL}-docker-{arch}": built[arch]["digest"] for arch in ("amd64", "arm64")}
    target = registry(settings)
    assert target.tags() == sorted([MODEL, *tags])
    assert {tag: target.digest(tag) for tag in tags} == tags
    assert summary["docker_images"] == {arch: image | {"pushed": True} for arch, image in built.items()}
    assert read_json(lake.current("models", MODEL) / "publication.json")["docker_images"] == summary["docker_images"]
    assert [row.docker_images for row in candidates(lake)] == [tags]
    assert leapline(settings, "models")[0]["docker_images"] == tags


def test_record_names_how_each_platform_was_tested(settings: Settings, lake: Lake) -> None:
    """Whether an untested one may be published is decided by the verdict of the probe."""
    states = {"amd64": "tested natively", "arm64": "untested"}
    assert run(settings)["platforms"] == states
    assert read_json(lake.current("models", MODEL) / "publication.json")["platforms"] == states
    assert leapline(settings, "models")[0]["platforms"] == states


@pytest.mark.parametrize("probed", [{}, {"state": "tested natively", "passed": False}], ids=["none", "failed"])
def test_platform_without_a_passed_probe_is_not_published(
    settings: Settings, lake: Lake, probed: dict[str, Any]
) -> None:
    folder = lake.current("probes", DAY)
    others = {"amd64": PLATFORMS["amd64"]} | ({"arm64": probed} if probed else {})
    write_json(folder / "probe.json", {"platforms": others})
    reseal(lake)
    with pytest.raises(ProbeError, match="no passed probe of linux/arm64.*leapline probe"):
        run(settings)
    assert registry(settings).tags() == []


def test_repeated_publication_sends_nothing(settings: Settings, lake: Lake) -> None:
    run(settings)
    again = run(settings)
    assert [again["pushed"], *(image["pushed"] for image in again["docker_images"].values())] == [False] * 3


def test_model_is_published_to_every_repository(settings: Settings, lake: Lake) -> None:
    more = settings.model_copy(update={"more_registries": f"{settings.image}-copy"})
    summary = run(more)
    [other] = more_registries(more)
    assert other.tags() == registry(more).tags()
    assert other.digest(MODEL) == summary["digest"]
    assert summary["more_images"] == [f"{settings.image}-copy"]


def test_package_without_the_setting_publishes_the_index_only(settings: Settings, lake: Lake) -> None:
    path = lake.current("packages", DAY) / "package.json"
    packed = read_json(path)
    del packed["docker_images"]  # as an earlier version wrote it
    write_json(path, packed)
    reseal(lake)
    assert run(settings)["docker_images"] == {}
    assert registry(settings).tags() == [MODEL]
    assert [row.docker_images for row in candidates(lake)] == [{}]


def test_changed_image_is_rejected(settings: Settings, lake: Lake) -> None:
    index = lake.current("packages", DAY) / "docker" / "amd64" / "index.json"
    index.write_bytes(index.read_bytes() + b" ")
    with pytest.raises(InputChangedError, match=f"packages of {DAY}"):
        run(settings)
    assert registry(settings).tags() == []


def test_image_that_is_not_made_from_the_probed_one_is_rejected(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    """Even if package and probe were sealed with it."""
    folder = lake.current("packages", DAY)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.zip").write_text("another model")
    scorers = {"amd64": tmp_path / "scorer"}
    created = datetime(2026, 3, 2, tzinfo=UTC)
    source = tmp_path / "other" / "image"
    build(tmp_path / "other" / "model.zip", scorers, source, model_id=MODEL, labels={}, created=created)
    other = convert(source, "amd64", folder / "docker" / "amd64")
    packed = read_json(folder / "package.json")
    packed["docker_images"]["amd64"]["digest"] = other.digest
    write_json(folder / "package.json", packed)
    reseal(lake)
    with pytest.raises(ProbeError, match="layers of the probed image"):
        run(settings)
    assert other.tag not in registry(settings).tags()


def test_layout_that_is_not_the_packaged_one_is_rejected(settings: Settings, lake: Lake) -> None:
    folder = lake.current("packages", DAY) / "docker"
    (folder / "amd64").rename(folder / "other")
    (folder / "arm64").rename(folder / "amd64")
    reseal(lake)
    with pytest.raises(TagConflictError, match="package and probe it again"):
        run(settings)


def test_signed_model_is_published_with_its_statements(settings: Settings, lake: Lake) -> None:
    signed = settings.model_copy(update={"signing_key": SecretStr(KEY.pem())})
    more = signed.model_copy(update={"more_registries": f"{settings.image}-copy"})
    summary = run(more)
    assert summary["signed_by"] == KEY.public.key_id
    for target in (registry(more), *more_registries(more)):
        subject = Subject.read(target, summary["digest"])
        assert referrers.verify(target, subject, [KEY.public], "provenance").predicate == PROVENANCE
        trust_of(more).require(target, summary["digest"])
    assert read_json(lake.current("models", MODEL) / "provenance.json") == PROVENANCE
    run(more)  # publishes nothing again


def test_required_signature_stops_publication_without_a_key(settings: Settings, lake: Lake) -> None:
    with pytest.raises(SettingsError, match="SIGNING=required: found no signing key"):
        run(settings.model_copy(update={"signing": "required"}))
    assert registry(settings).tags() == []


def test_model_of_an_unsigned_installation_is_signed_later(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    digest = run(settings)["digest"]
    (tmp_path / "key.pem").write_text(KEY.pem())
    signed = settings.model_copy(update={"signing_key_file": tmp_path / "key.pem", "public_keys": FORMER.public.pem})
    with pytest.raises(SignatureError, match=f"leapline sign {MODEL}"):
        promote_model(signed, model_id=MODEL, why="test", run_id="r1")
    assert promote_model(settings, model_id=MODEL, why="test", run_id="r1")["champion"] == digest
    with pytest.raises(LedgerError, match="no signature"):
        Champion.current(signed)
    assert leapline(signed, "ledger", "accept", "--why", "signatures begin")["champion"] == digest
    with pytest.raises(SignatureError), pulled_champion(signed):
        pass
    with pytest.raises(SignatureError):
        Champion.current(signed)
    assert leapline(signed, "sign", "champion")["signed"]
    assert not leapline(signed, "sign", MODEL)["signed"]
    assert Champion.current(signed).digest == digest
    trust_of(signed).require(registry(signed), digest)


def test_image_that_this_lake_has_not_published_is_not_signed(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    run(settings)
    signed = settings.model_copy(update={"signing_key": SecretStr(KEY.pem())})
    with pytest.raises(SignatureError, match="the image that this lake has published, nothing"):
        sign_published(signed.model_copy(update={"home": tmp_path / "another lake"}), MODEL)
    with pytest.raises(SettingsError, match="found no signing key"):
        sign_published(settings, MODEL)
