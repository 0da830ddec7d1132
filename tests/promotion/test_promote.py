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

from leapline.errors import ContradictionError, LedgerError, RegistryError, StorageError
from leapline.promotion.agreement import require_agreement
from leapline.promotion.intent import INTENT, write_intent
from leapline.promotion.lake_id import lake_id, lakes_of
from leapline.promotion.ledger import KEY, Ledger
from leapline.promotion.promote import ChampionTags, PromotionRequest
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.serving.registry import Registry
from leapline.signing.key_ring import KeyRing
from leapline.signing.keys import SigningKey
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


def test_run_that_somebody_clears_later_does_not_move_the_champion_again(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    one, two = published("2026-03-01"), published("2026-03-02")
    for number, digest, current in ((1, one, None), (2, two, one)):
        champion.promote(digest, run(number), expected_current=current)
    champion.rollback(run(3), to="2026-03-01-0123456789ab")
    champion.promote(two, run(4), expected_current=one, allow_older=True)
    cleared = champion.rollback(run(3), to="2026-03-01-0123456789ab")
    again = champion.promote(one, run(1), expected_current=two, allow_older=True)
    assert not cleared.moved
    assert not again.moved
    assert "already moved" in cleared.why
    assert tags(registry) == (two, one)
    assert len(champion.ledger.entries()) == 4


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


@pytest.mark.parametrize("torn", [b"", b'{"document": {', b"null", bytes(20)])
def test_torn_intent_is_named_and_holds_up_one_move_only(
    champion: ChampionTags, registry: Registry, published: Publish, torn: bytes
) -> None:
    one, store = published("2026-03-01"), champion.ledger.store
    store.put(INTENT, torn)
    with pytest.raises(LedgerError, match=r"promotion\.json.*a damaged document.*removes it"):
        champion.promote(one, run(1), expected_current=None)
    assert tags(registry) == (None, None)
    assert champion.promote(one, run(1), expected_current=None).moved


def test_installation_without_the_key_of_a_signed_ledger_moves_nothing(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    key = SigningKey.generate()
    one, two = published("2026-03-01"), published("2026-03-02")
    signing = ChampionTags(registry, Ledger(champion.ledger.store, KeyRing(key, (key.public,))))
    signing.promote(one, run(1), expected_current=None)
    with pytest.raises(LedgerError, match="no signing key"):
        champion.promote(two, run(2), expected_current=one)
    assert tags(registry) == (one, None)
    assert champion.ledger.store.get(INTENT) is None
    assert signing.promote(two, run(3), expected_current=one).moved


def test_unsigned_intent_moves_nothing_where_signatures_are_verified(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    """Whoever can write the lake cannot move tags by an unfinished promotion; the next move is not held up."""
    key = SigningKey.generate()
    one, two = published("2026-03-01"), published("2026-03-02")
    signing = ChampionTags(registry, Ledger(champion.ledger.store, KeyRing(key, (key.public,))))
    signing.promote(one, run(1), expected_current=None)
    forged = replace(signing.ledger.entries()[0], before=one, after=two, run_id="forged")
    write_intent(champion.ledger.store, forged, KeyRing())
    with pytest.raises(LedgerError, match="no signature"):
        signing.promote(two, run(2), expected_current=one)
    assert tags(registry) == (one, None)
    assert signing.promote(two, run(2), expected_current=one).moved


STEPS = {
    "before champion": Fault("PUT", "/manifests/champion", hold=True),
    "after champion": Fault("PUT", "/manifests/champion", hold=True, after=True),
    "before previous": Fault("PUT", "/manifests/previous", hold=True),
    "after previous, before the ledger": Fault("PUT", "/manifests/previous", hold=True, after=True),
}
CODE = """
import os, sys; from datetime import datetime, UTC; from pathlib import Path
from leapline.promotion.ledger import Ledger; from leapline.promotion.promote import ChampionTags, PromotionRequest
from leapline.serving.registry import Registry; from leapline.storage import LocalStore
image, crane, lake, action, digest, current, run, *kill = sys.argv[1:]

class KilledStore(LocalStore):
    def put(self, key, content):
        self.write(key, lambda: super(KilledStore, self).put(key, content))
    def delete(self, key):
        self.write("delete " + key, lambda: super(KilledStore, self).delete(key))
    def write(self, name, action):
        if kill == ["before", name]: os.kill(os.getpid(), 9)
        action()
        if kill == ["after", name]: os.kill(os.getpid(), 9)

champion = ChampionTags(Registry(image, Path(crane)), Ledger(KilledStore(Path(lake))))
request = PromotionRequest("airflow", "it passed", run, datetime(2026, 3, 2, tzinfo=UTC))
if action == "promote":
    champion.promote(digest, request, expected_current=current if current != "none" else None)
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


WRITES = ("lake.json", "promotion.json", "ledger-head.json", "ledger.jsonl", "delete promotion.json")


@pytest.mark.parametrize("action", ["first promotion", "rollback"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_next_run_completes_a_move_killed_at_any_write_to_the_lake(
    champion: ChampionTags, registry: Registry, published: Publish, crane: Path, action: str, when: str, write: str
) -> None:
    one, two = (published(f"2026-03-0{day}") for day in (1, 2))
    before: list[str | None] = [None]
    if action == "rollback":
        if write == "lake.json":
            pytest.skip("written by the first promotion only")
        champion.promote(one, run(1), expected_current=None)
        champion.promote(two, run(2), expected_current=one)
        before = [None, one, two]
    verb = "rollback" if action == "rollback" else "promote"
    args = [registry.image, str(crane), str(champion.ledger.store.folder), verb, one, "none", "r3"]
    killed = subprocess.run([sys.executable, "-c", CODE, *args, when, write], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert registry.digest(CHAMPION_TAG) in (before[-1], one)

    if action == "first promotion":
        champion.promote(one, run(4), expected_current=registry.digest(CHAMPION_TAG))
    else:
        champion.rollback(run(4), to="2026-03-01-0123456789ab")
    assert tags(registry) == (one, two if action == "rollback" else None)
    assert [entry.after for entry in champion.ledger.checked_entries()] == [*before[1:], one]
    assert champion.ledger.store.get(INTENT) is None
    assert require_agreement(registry, champion.ledger, one)
    assert lakes_of(registry) == [lake_id(champion.ledger.store)]


@pytest.mark.parametrize("after", [True, False])
def test_next_run_completes_a_first_move_killed_at_the_tag_of_the_lake(
    champion: ChampionTags, registry: Registry, published: Publish, registry_address: str, crane: Path, after: bool
) -> None:
    one = published("2026-03-01")
    with RegistryProxy(registry_address) as proxy:
        fault = Fault("PUT", "/manifests/lake-", hold=True, after=after)
        proxy.faults.append(fault)
        image = registry.image.replace(registry_address, proxy.address)
        args = [image, str(crane), str(champion.ledger.store.folder), "promote", one, "none", "r1"]
        process = subprocess.Popen([sys.executable, "-c", CODE, *args], start_new_session=True)
        assert fault.held.wait(20)
        subprocess.run(["kill", "-9", "--", f"-{process.pid}"], check=True)
        assert process.wait(10) == -signal.SIGKILL
    assert tags(registry) == (None, None)
    assert champion.promote(one, run(2), expected_current=None).moved
    assert lakes_of(registry) == [lake_id(champion.ledger.store)]


def test_intent_that_was_put_back_is_not_carried_out_again(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    """An intent of the past, even with a valid signature, moves nothing after later moves."""
    one, two = published("2026-03-01"), published("2026-03-02")
    champion.promote(one, run(1), expected_current=None)
    champion.promote(two, run(2), expected_current=one)
    write_intent(champion.ledger.store, replace(champion.ledger.entries()[0], before=two), champion.ledger.keys)
    assert champion.promote(two, run(3), expected_current=two).champion == two
    assert tags(registry) == (two, one)


def test_interrupted_promotion_does_not_override_external_move(
    champion: ChampionTags, registry: Registry, published: Publish, registry_address: str, crane: Path
) -> None:
    """After the kill, a client without this lake moved the tag; nothing moves until a person has looked at it."""
    one, two, three = (published(f"2026-03-0{day}") for day in (1, 2, 3))
    champion.promote(one, run(1), expected_current=None)
    with RegistryProxy(registry_address) as proxy:
        proxy.faults.append(Fault("PUT", "/manifests/champion", status=503, times=10**6))
        image = registry.image.replace(registry_address, proxy.address)
        with pytest.raises(RegistryError):
            ChampionTags(Registry(image, crane, budget_s=1), champion.ledger).promote(two, run(2), expected_current=one)
    registry.tag(three, CHAMPION_TAG)
    with pytest.raises(ContradictionError, match="without papers"):
        champion.promote(two, run(3), expected_current=one)
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
