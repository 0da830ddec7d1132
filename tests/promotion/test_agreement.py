"""Registry and ledger that contradict each other stop promotions, and a person can go on from each contradiction."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import ContradictionError, LedgerError, RegistryError, TagConflictError
from leapline.promotion.acceptance import accept
from leapline.promotion.agreement import agreed_champion
from leapline.promotion.intent import INTENT, read_intent, write_intent
from leapline.promotion.lake_id import claim
from leapline.promotion.ledger import HEAD, KEY, Ledger
from leapline.promotion.promote import ChampionTags
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.serving.registry import Registry
from leapline.storage import Lake, LocalStore
from tests.lakes import current_of, record_model
from tests.promotion.test_promote import REQUEST, champion, run, tags

__all__ = ["champion"]
Publish = Callable[[str], str]
DECISION = replace(REQUEST, who="Ada", why="we looked", run_id="decision")


@pytest.fixture
def promoted(champion: ChampionTags, published: Publish) -> tuple[str, str]:
    """Two models that were promoted one after the other."""
    one, two = published("2026-03-01"), published("2026-03-02")
    champion.promote(one, run(1), expected_current=None)
    champion.promote(two, run(2), expected_current=one)
    return one, two


@pytest.fixture
def stranger(registry: Registry, published: Publish) -> str:
    """An image in the repository that this lake knows nothing about."""
    return published("2026-03-09")


def blocked(champion: ChampionTags, digest: str, words: str) -> None:
    """Neither comparison nor promotion accepts the state; nothing moves."""
    before = tags(champion.registry)
    with pytest.raises(ContradictionError, match=words):
        agreed_champion(champion.registry, champion.ledger)
    with pytest.raises(ContradictionError, match=words):
        champion.promote(digest, run(8), expected_current=before[0], allow_older=True)
    assert tags(champion.registry) == before


def test_agreement_returns_the_champion(champion: ChampionTags, published: Publish) -> None:
    assert agreed_champion(champion.registry, champion.ledger) is None
    one = published("2026-03-01")
    champion.promote(one, run(1), expected_current=None)
    assert agreed_champion(champion.registry, champion.ledger) == one


def test_emptied_registry_is_not_a_first_start(
    champion: ChampionTags, registry: Registry, crane: Path, promoted: tuple[str, str], published: Publish
) -> None:
    empty = Registry(f"{registry.image}-new", crane, budget_s=20)
    moved = ChampionTags(empty, champion.ledger)
    blocked(moved, promoted[1], "no such tag.*an emptied registry is not a first start.*leapline rollback")
    result = accept(empty, champion.ledger, DECISION)
    assert (len(result.accepted), result.champion, result.left) == (1, None, "")
    last = champion.ledger.checked_entries()[-1]
    assert (last.action, last.who, last.before, last.after) == ("accept", "Ada", promoted[1], None)
    assert last.why.startswith("we looked (accepted: champion of ")
    assert agreed_champion(empty, champion.ledger) is None


def test_pushed_again_an_emptied_registry_gets_its_champion_back_by_rollback(
    champion: ChampionTags, registry: Registry, crane: Path, promoted: tuple[str, str], tmp_path: Path
) -> None:
    empty = Registry(f"{registry.image}-new", crane, budget_s=20)
    empty.push(registry.pull(promoted[1], tmp_path / "image"), "2026-03-02-0123456789ab")
    moved = ChampionTags(empty, champion.ledger)
    assert moved.rollback(run(3), to="2026-03-02-0123456789ab").moved
    assert agreed_champion(empty, champion.ledger) == promoted[1]


def test_tag_moved_to_an_image_without_papers_is_never_accepted(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str], stranger: str
) -> None:
    registry.tag(stranger, CHAMPION_TAG)
    blocked(champion, promoted[0], "an image without papers: no entry in the ledger and no record of it in the lake")
    result = accept(registry, champion.ledger, DECISION)
    assert result.champion is None
    assert "leapline rollback --to MODEL_ID" in result.left
    blocked(champion, promoted[0], "without papers")
    assert champion.rollback(run(4), to="2026-03-02-0123456789ab").moved
    assert tags(registry) == (promoted[1], promoted[0]), "the image without papers is no rollback target"
    assert agreed_champion(registry, champion.ledger) == promoted[1]


@pytest.mark.parametrize("target", [None, "2026-03-09-0123456789ab"])
def test_image_without_papers_is_no_rollback_target(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str], stranger: str, target: str | None
) -> None:
    registry.tag(stranger, PREVIOUS_TAG)
    with pytest.raises(ContradictionError, match=r"no entry in the ledger.*leapline models"):
        champion.rollback(run(3), to=target)
    assert tags(registry) == (promoted[1], stranger)


@pytest.mark.parametrize("change", ["none", "other digest", "changed file", "no seal", "label outside of the lake"])
def test_record_in_the_lake_is_a_paper_while_it_is_unchanged(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str], stranger: str, change: str
) -> None:
    lake, model_id = Lake(champion.ledger.store), "2026-03-09-0123456789ab"
    record_model(lake, model_id, promoted[0] if change == "other digest" else stranger)
    folder = current_of(lake, "models", model_id)
    if change == "changed file":
        (folder / "verdict.json").write_text("{}")
    elif change == "no seal":
        (folder / "seal.json").unlink()
    elif change == "label outside of the lake":
        folder.parent.rename(folder.parent.with_name("elsewhere"))
    if change == "none":
        assert champion.rollback(run(3), to=model_id).champion == stranger
    else:
        with pytest.raises(ContradictionError, match="record of"):
            champion.rollback(run(3), to=model_id)


def test_tag_moved_by_hand_to_a_published_model_can_be_accepted(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str]
) -> None:
    registry.tag(promoted[0], CHAMPION_TAG)
    blocked(champion, promoted[1], "without an entry in the ledger.*leapline ledger accept")
    assert accept(registry, champion.ledger, DECISION).champion == promoted[0]
    assert agreed_champion(registry, champion.ledger) == promoted[0]
    assert accept(registry, champion.ledger, replace(DECISION, run_id="again")).accepted == []
    assert len(champion.ledger.entries()) == 3


def test_tag_moved_by_hand_can_be_recorded_by_a_rollback_to_the_same_model(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str]
) -> None:
    registry.tag(promoted[0], CHAMPION_TAG)
    assert champion.rollback(run(3), to="2026-03-01-0123456789ab").moved
    assert tags(registry) == (promoted[0], promoted[1])
    assert agreed_champion(registry, champion.ledger) == promoted[0]


def test_emptied_ledger_stops_promotions(champion: ChampionTags, promoted: tuple[str, str], tmp_path: Path) -> None:
    """Without its head it is one, as before the first promotion; the registry says otherwise."""
    for name in (KEY, HEAD):
        champion.ledger.store.delete(name)
    blocked(champion, promoted[0], "no champion, as the ledger is empty")


def test_truncated_ledger_stops_promotions_and_rollbacks_until_accepted(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str]
) -> None:
    champion.ledger.store.put(KEY, b"")
    for action in (
        lambda: champion.promote(promoted[0], run(3), expected_current=promoted[1], allow_older=True),
        lambda: champion.rollback(run(3)),
        lambda: agreed_champion(registry, champion.ledger),
    ):
        with pytest.raises(LedgerError, match="truncated: it names 2 entries, the ledger has 0"):
            action()
    record_model(Lake(champion.ledger.store), "2026-03-02-0123456789ab", promoted[1])
    result = accept(registry, champion.ledger, DECISION)
    assert result.champion == promoted[1]
    assert agreed_champion(registry, champion.ledger) == promoted[1]


def test_ledger_and_head_that_were_put_back_together_are_contradicted_by_the_registry(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    one, two = published("2026-03-01"), published("2026-03-02")
    champion.promote(one, run(1), expected_current=None)
    old = {name: champion.ledger.store.get(name) for name in (KEY, HEAD)}
    champion.promote(two, run(2), expected_current=one)
    for name, stored in old.items():
        assert stored
        champion.ledger.store.put(name, stored.content)
    assert champion.ledger.problems() == []
    blocked(champion, one, "without papers")


def test_second_lake_in_one_repository_is_refused(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str], published: Publish, tmp_path: Path
) -> None:
    other = ChampionTags(registry, Ledger(LocalStore(tmp_path / "other lake")))
    three = published("2026-03-03")
    blocked(other, three, "without papers.*the repository has models of lake [0-9a-f]{16}.*LEAPLINE_REPOSITORY")
    record_model(Lake(other.ledger.store), "2026-03-03-0123456789ab", three)
    with pytest.raises(ContradictionError, match="this lake is new; expected a repository for each lake"):
        other.rollback(run(3), to="2026-03-03-0123456789ab")
    assert accept(registry, other.ledger, DECISION).champion is None
    assert other.rollback(run(4), to="2026-03-03-0123456789ab").moved
    assert agreed_champion(registry, other.ledger) == three
    blocked(champion, promoted[0], "without papers")


def test_new_lake_does_not_start_in_the_repository_of_another_one(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    """Even while that has no champion."""
    one = published("2026-03-01")
    registry.tag(one, "lake-0123456789abcdef")
    blocked(champion, one, "models of lake 0123456789abcdef; this lake is new")
    assert len(accept(registry, champion.ledger, DECISION).accepted) == 1
    assert champion.promote(one, run(1), expected_current=None).moved


def test_copy_of_a_lake_in_one_repository_is_refused_after_the_first_move(
    champion: ChampionTags, promoted: tuple[str, str], published: Publish, tmp_path: Path
) -> None:
    """It has the id of the original, but not its entries."""
    copy = ChampionTags(champion.registry, Ledger(LocalStore(tmp_path / "copy")))
    for name in (KEY, HEAD, "lake.json"):
        stored = champion.ledger.store.get(name)
        assert stored
        copy.ledger.store.put(name, stored.content)
    three = published("2026-03-03")
    copy.promote(three, run(3), expected_current=promoted[1])
    blocked(champion, promoted[0], "without papers")


def test_lakes_that_claim_a_repository_at_the_same_moment_do_not_promote(
    champion: ChampionTags, registry: Registry, published: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = published("2026-03-01")

    def claim_of_both(*arguments: str) -> bool:
        registry.tag(one, "lake-0123456789abcdef")
        return claim(*arguments)

    monkeypatch.setattr("leapline.promotion.promote.claim", claim_of_both)
    with pytest.raises(ContradictionError, match="models of lake 0123456789abcdef"):
        champion.promote(one, run(1), expected_current=None)
    assert tags(registry) == (None, None)
    assert champion.ledger.store.get(INTENT) is None


def test_champion_that_somebody_moves_during_a_promotion_is_left_alone(
    champion: ChampionTags,
    registry: Registry,
    promoted: tuple[str, str],
    stranger: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def moved_meanwhile(*arguments: Any) -> None:
        write_intent(*arguments)
        registry.tag(stranger, CHAMPION_TAG)

    three = registry.digest("2026-03-09-0123456789ab")
    monkeypatch.setattr("leapline.promotion.promote.write_intent", moved_meanwhile)
    for action in (
        lambda: champion.promote(promoted[0], run(3), expected_current=promoted[1], allow_older=True),
        lambda: champion.rollback(run(4), to="2026-03-01-0123456789ab"),
    ):
        registry.tag(promoted[1], CHAMPION_TAG)
        with pytest.raises(TagConflictError, match=f"{stranger}, moved there while this move was prepared"):
            action()
        assert registry.digest(CHAMPION_TAG) == three == stranger
        assert champion.ledger.store.get(INTENT) is None
    assert len(champion.ledger.entries()) == 2


def test_registry_that_does_not_answer_is_no_fault_to_accept(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer(_: Registry) -> list[str]:
        raise RegistryError("registry", found="no answer", expected="a list of tags", fix="Start it.")

    before = champion.ledger.entries()
    monkeypatch.setattr(Registry, "tags", no_answer)
    with pytest.raises(RegistryError, match="no answer"):
        accept(registry, champion.ledger, run(9))
    monkeypatch.undo()
    assert champion.ledger.entries() == before
    assert accept(registry, champion.ledger, run(9)).accepted == []


def test_decision_that_is_repeated_after_an_interruption_is_recorded_once(
    champion: ChampionTags, registry: Registry, promoted: tuple[str, str], stranger: str
) -> None:
    registry.tag(stranger, CHAMPION_TAG)
    for _ in range(2):
        assert "leapline rollback" in accept(registry, champion.ledger, DECISION).left
    assert [entry.action for entry in champion.ledger.checked_entries()] == ["promote", "promote", "accept"]


def test_promotion_that_ends_between_the_looks_at_ledger_and_intent_is_no_contradiction(
    champion: ChampionTags, promoted: tuple[str, str], published: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = published("2026-03-03")
    with monkeypatch.context() as killed:
        killed.setattr(Ledger, "append", _raise_killed)
        with pytest.raises(KeyboardInterrupt):
            champion.promote(three, run(3), expected_current=promoted[1])
    assert champion.registry.digest(CHAMPION_TAG) == three

    def ended_meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        assert champion.promote(three, run(3), expected_current=promoted[1]).moved
        return read_intent(*arguments)

    monkeypatch.setattr("leapline.promotion.agreement.read_intent", ended_meanwhile)
    assert agreed_champion(champion.registry, champion.ledger) == three


def _raise_killed(*_: object) -> None:
    raise KeyboardInterrupt
