"""First push, promotion and rollback on registries that answer like Harbor, Artifactory, GHCR, GitLab, Quay and ECR."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leapline.errors import SettingsError, TagConflictError
from leapline.promotion.intent import INTENT
from leapline.promotion.ledger import Ledger
from leapline.promotion.promote import ChampionTags, PromotionRequest
from leapline.serving.layout import index_digest
from leapline.serving.registry import Registry, allows_plain_http, require_address
from leapline.storage import LocalStore
from tests.fakes.registry_modes import MODES
from tests.fakes.registry_proxy import RegistryProxy
from tests.serving.conftest import MakeImage

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03")
MOVING = [name for name in MODES if name not in ("ecr, immutable", "ecr, previous immutable", "harbor, immutable")]


@pytest.fixture
def proxy(request: pytest.FixtureRequest, registry_address: str) -> Iterator[RegistryProxy]:
    with RegistryProxy(registry_address, MODES[request.param]) as running:
        yield running


@pytest.fixture
def target(proxy: RegistryProxy, repository: str, crane: Path) -> Registry:
    return Registry(f"{proxy.address}/{repository}", crane, budget_s=20)


@pytest.fixture
def champion(target: Registry, tmp_path: Path) -> ChampionTags:
    return ChampionTags(target, Ledger(LocalStore(tmp_path)))


def request(run_id: str) -> PromotionRequest:
    return PromotionRequest("airflow", "it passed", run_id, datetime(2026, 3, 2, tzinfo=UTC))


def push(target: Registry, make_image: MakeImage, day: str) -> str:
    image = make_image(day, model_id=f"{day}-0123456789ab", day=day)
    assert target.push(image, f"{day}-0123456789ab") is True
    return index_digest(image)


@pytest.mark.parametrize("proxy", MOVING, indirect=True)
def test_first_push_promotion_and_rollback_succeed(
    target: Registry, champion: ChampionTags, make_image: MakeImage, tmp_path: Path
) -> None:
    one, two, three = (push(target, make_image, day) for day in DAYS)
    target.verify(make_image(DAYS[0], model_id=f"{DAYS[0]}-0123456789ab", day=DAYS[0]), one, tmp_path)
    assert target.digest("champion") is None
    assert champion.promote(one, request("r1"), expected_current=None).moved
    assert champion.promote(two, request("r2"), expected_current=one).moved
    assert champion.promote(three, request("r3"), expected_current=two).moved
    assert champion.rollback(request("r4")).moved
    assert (target.digest("champion"), target.digest("previous")) == (two, three)


@pytest.mark.parametrize("proxy", ["ecr, immutable", "harbor, immutable", "ecr, previous immutable"], indirect=True)
def test_immutable_tags_are_reported_and_both_tags_restored(
    target: Registry, champion: ChampionTags, proxy: RegistryProxy, make_image: MakeImage
) -> None:
    one, two, three = (push(target, make_image, day) for day in DAYS)
    assert champion.promote(one, request("r1"), expected_current=None).moved
    before, blocked = None, two
    if proxy.mode == MODES["ecr, previous immutable"]:  # the tag is created by the second promotion
        assert champion.promote(two, request("r2"), expected_current=one).moved
        before, blocked = one, three
    serving = target.digest("champion")
    proxy.seen.clear()
    with pytest.raises(TagConflictError, match=r"`champion` and `previous` mutable"):
        champion.promote(blocked, request("r3"), expected_current=serving)
    assert (target.digest("champion"), target.digest("previous")) == (serving, before)
    assert champion.ledger.store.get(INTENT) is None
    assert "r3" not in [entry.run_id for entry in champion.ledger.entries()]
    moves = [line for line in proxy.seen if line.startswith("PUT ")]
    assert len(moves) == len(set(moves)) + (before is not None), "an immutable tag is not tried again"


@pytest.mark.parametrize("proxy", ["ghcr", "quay", "artifactory virtual"], indirect=True)
def test_model_tag_is_not_overwritten_if_access_to_missing_tags_is_denied(
    target: Registry, make_image: MakeImage
) -> None:
    target.push(make_image("one"), "m1")
    with pytest.raises(TagConflictError, match="A model id is immutable"):
        target.push(make_image("two"), "m1")


@pytest.mark.parametrize(
    ("registry", "repository", "fix"),
    [
        ("https://ghcr.io", "acme/scorer", "LEAPLINE_REGISTRY=ghcr.io and LEAPLINE_REPOSITORY=acme/scorer."),
        ("ghcr.io/Acme", "leapline/scorer", "LEAPLINE_REGISTRY=ghcr.io and LEAPLINE_REPOSITORY=acme/leapline/scorer."),
        ("GHCR.io", "scorer", "LEAPLINE_REGISTRY=ghcr.io and LEAPLINE_REPOSITORY=scorer."),
        ("ghcr.io", "Acme/Scorer", "LEAPLINE_REGISTRY=ghcr.io and LEAPLINE_REPOSITORY=acme/scorer."),
        ("http://registry.local:5000/", "/a/", "LEAPLINE_REGISTRY=registry.local:5000 and LEAPLINE_REPOSITORY=a."),
    ],
)
def test_invalid_address_is_rejected_with_the_corrected_settings(registry: str, repository: str, fix: str) -> None:
    with pytest.raises(SettingsError, match="without scheme or path") as error:
        require_address(registry, repository)
    assert str(error.value).endswith(f"Set {fix}")


@pytest.mark.parametrize("registry", ["ghcr.io", "127.0.0.1:5055", "registry.local:5000", "[::1]:5000", "a-b.c:1"])
def test_valid_address_is_accepted(registry: str) -> None:
    require_address(registry, "acme/leapline_scorer/v2.1")


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("127.0.0.1:5055", True),
        ("localhost:5000", True),
        ("registry.local:5000", False),
        ("my.registry.localhost", True),
        ("10.1.2.3:5000", True),
        ("192.168.0.9", True),
        ("[::1]:5000", True),
        ("ghcr.io", False),
        ("registry:5000", False),
        ("8.8.8.8:5000", False),
        ("local.example.com", False),
    ],
)
def test_plain_http_default_equals_crane(host: str, plain: bool) -> None:
    assert allows_plain_http(host) is plain
