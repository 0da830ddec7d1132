"""Only allowed promotions happen; kill -9 leaves a valid champion, and the next run completes the move."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leapline.errors import RegistryError, StorageError
from leapline.serving.ledger import KEY, Ledger
from leapline.serving.promote import ChampionTags, PromotionRequest
from leapline.serving.registry import Registry
from leapline.serving.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.storage import LocalStore
from tests.fakes.registry_proxy import Fault, RegistryProxy
from tests.serving.conftest import MakeImage

REQUEST = PromotionRequest(who="airflow", why="it passed", run_id="r1", when=datetime(2026, 3, 2, 1, tzinfo=UTC))
Publish = Callable[[str], str]


@pytest.fixture
def champion(registry: Registry, tmp_path: Path) -> ChampionTags:
    return ChampionTags(registry, Ledger(LocalStore(tmp_path / "ledger")))


def run(number: int) -> PromotionRequest:
    return replace(REQUEST, run_id=f"r{number}")


def tags(registry: Registry) -> tuple[str | None, str | None]:
    return registry.digest(CHAMPION_TAG), registry.digest(PREVIOUS_TAG)


def test_promotion_and_rollback_move_both_tags(champion: ChampionTags, registry: Registry, published: Publish) -> None:
    one, two = published("2026-03-01"), published("2026-03-02")
    assert champion.promote(one, run(1), expected_current=None).moved
    assert tags(registry) == (one, None)
    assert champion.promote(two, run(2), expected_current=one).moved
    assert tags(registry) == (two, one)
    assert champion.rollback(run(3)).moved
    assert tags(registry) == (one, two)
    assert champion.rollback(run(4), to="2026-03-02-0123456789ab").champion == two
    assert tags(registry) == (two, one)
    moves = [(e.action, e.before, e.after, e.model_id[:10], e.run_id) for e in champion.ledger.entries()]
    assert moves == [
        ("promote", None, one, "2026-03-01", "r1"),
        ("promote", one, two, "2026-03-02", "r2"),
        ("rollback", two, one, "2026-03-01", "r3"),
        ("rollback", one, two, "2026-03-02", "r4"),
    ]


def test_retried_task_does_not_move_tags_again(champion: ChampionTags, registry: Registry, published: Publish) -> None:
    one, two = published("2026-03-01"), published("2026-03-02")
    champion.promote(one, run(1), expected_current=None)
    for _ in range(2):
        champion.promote(two, run(2), expected_current=one)
    assert tags(registry) == (two, one)
    for _ in range(2):
        champion.rollback(run(3))
    assert tags(registry) == (one, two)
    assert len(champion.ledger.entries()) == 3


def test_champion_changed_since_verdict_is_not_replaced(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    one, two, three = (published(f"2026-03-0{day}") for day in (1, 2, 3))
    champion.promote(two, run(1), expected_current=None)
    for expected in (one, None):
        refused = champion.promote(three, run(2), expected_current=expected)
        assert not refused.moved
        assert two in refused.why
        assert refused.champion == two
    assert tags(registry) == (two, None)


def test_older_data_day_requires_permission(champion: ChampionTags, registry: Registry, published: Publish) -> None:
    old, new = published("2026-02-01"), published("2026-03-02")
    champion.promote(new, run(1), expected_current=None)
    refused = champion.promote(old, run(2), expected_current=new)
    assert not refused.moved
    assert "2026-02-01" in refused.why
    assert "2026-03-02" in refused.why
    assert champion.promote(old, run(3), expected_current=new, allow_older=True).moved
    assert tags(registry) == (old, new)


def test_image_without_data_day_does_not_replace_champion(
    champion: ChampionTags, registry: Registry, published: Publish, make_image: MakeImage
) -> None:
    one = published("2026-03-01")
    champion.promote(one, run(1), expected_current=None)
    registry.push(make_image("x", model_id="nightly"), "nightly")
    unknown = registry.digest("nightly")
    assert unknown
    assert "unknown" in champion.promote(unknown, run(2), expected_current=one).why


def test_rollback_requires_an_earlier_model(champion: ChampionTags, published: Publish) -> None:
    champion.promote(published("2026-03-01"), run(1), expected_current=None)
    with pytest.raises(RegistryError, match=r"previous.*--to MODEL_ID"):
        champion.rollback(run(2))


def test_damaged_ledger_prevents_promotion(champion: ChampionTags, registry: Registry, published: Publish) -> None:
    champion.ledger.store.put(KEY, b"?\n")
    with pytest.raises(StorageError):
        champion.promote(published("2026-03-01"), run(1), expected_current=None)
    assert tags(registry) == (None, None)


STEPS = {
    "before champion": Fault("PUT", "/manifests/champion", hold=True),
    "after champion": Fault("PUT", "/manifests/champion", hold=True, after=True),
    "before previous": Fault("PUT", "/manifests/previous", hold=True),
    "after previous, before the ledger": Fault("PUT", "/manifests/previous", hold=True, after=True),
}
CODE = """
import sys; from datetime import datetime, UTC; from pathlib import Path
from leapline.serving.ledger import Ledger; from leapline.serving.promote import ChampionTags, PromotionRequest
from leapline.serving.registry import Registry; from leapline.storage import LocalStore
image, crane, lake, action, digest, current, run = sys.argv[1:]
champion = ChampionTags(Registry(image, Path(crane)), Ledger(LocalStore(Path(lake))))
request = PromotionRequest("airflow", "it passed", run, datetime(2026, 3, 2, tzinfo=UTC))
if action == "promote":
    champion.promote(digest, request, expected_current=current)
else:
    champion.rollback(request)
"""


@pytest.mark.parametrize("action", ["promote", "rollback"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("same_run", [True, False], ids=["retried task", "new run"])
def test_next_run_completes_a_move_killed_at_any_step(
    champion: ChampionTags, registry: Registry, published: Publish, registry_address: str, crane: Path,
    action: str, step: str, same_run: bool,
) -> None:  # fmt: skip
    one, two, three = (published(f"2026-03-0{day}") for day in (1, 2, 3))
    champion.promote(one, run(1), expected_current=None)
    champion.promote(two, run(2), expected_current=one)
    final_tags = (three, two) if action == "promote" else (one, two)
    with RegistryProxy(registry_address) as proxy:
        fault = replace(STEPS[step], held=threading.Event())
        proxy.faults.append(fault)
        image = registry.image.replace(registry_address, proxy.address)
        args = [image, str(crane), str(champion.ledger.store.folder), action, three, two, "r3"]
        process = subprocess.Popen([sys.executable, "-c", CODE, *args], start_new_session=True)
        assert fault.held.wait(20)
        subprocess.run(["kill", "-9", "--", f"-{process.pid}"], check=True)
        assert process.wait(10) == -signal.SIGKILL
    assert registry.digest(CHAMPION_TAG) in (two, final_tags[0])

    request = run(3) if same_run else run(4)
    if action == "promote":
        champion.promote(three, request, expected_current=two)
    else:
        champion.rollback(request)
    assert tags(registry) == final_tags
    assert [(e.before, e.after, e.run_id) for e in champion.ledger.entries()[2:]] == [(two, final_tags[0], "r3")]


def test_interrupted_promotion_does_not_override_external_move(
    champion: ChampionTags, registry: Registry, published: Publish, registry_address: str, crane: Path
) -> None:
    """After the kill, a client without this lake moved the tag; the later move takes precedence."""
    one, two, three = (published(f"2026-03-0{day}") for day in (1, 2, 3))
    champion.promote(one, run(1), expected_current=None)
    with RegistryProxy(registry_address) as proxy:
        proxy.faults.append(Fault("PUT", "/manifests/champion", status=503, times=10**6))
        image = registry.image.replace(registry_address, proxy.address)
        with pytest.raises(RegistryError):
            ChampionTags(Registry(image, crane, budget_s=1), champion.ledger).promote(two, run(2), expected_current=one)
    registry.tag(three, CHAMPION_TAG)
    assert not champion.promote(two, run(3), expected_current=one).moved
    assert registry.digest(CHAMPION_TAG) == three
    assert [e.run_id for e in champion.ledger.entries()] == ["r1"]


def test_concurrent_promotions_have_one_winner(
    champion: ChampionTags, registry: Registry, published: Publish, crane: Path
) -> None:
    one, two, three = (published(f"2026-03-0{day}") for day in (1, 2, 3))
    champion.promote(one, run(1), expected_current=None)
    common = [registry.image, str(crane), str(champion.ledger.store.folder), "promote"]
    processes = [
        subprocess.Popen([sys.executable, "-c", CODE, *common, digest, one, digest]) for digest in (two, three)
    ]
    assert [process.wait(30) for process in processes] == [0, 0]
    assert len(champion.ledger.entries()) == 2
    assert tags(registry) == (champion.ledger.entries()[-1].after, one)
