"""Complete runs on a small shop: real steps, forests, registry and images; challengers, planted faults, backfills."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from leapline.deployment.factory import registry, trust_of
from leapline.deployment.manual_promotion import roll_back
from leapline.features import spec as specs
from leapline.records import history, verdicts
from leapline.records.serving_state import ledger_rows
from leapline.serving import referrers
from leapline.serving.platforms import host_architecture
from leapline.serving.referrers import Subject
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from leapline.signing.model_signature import verify_archive
from leapline.storage import Lake, read_json
from tests.command import leapline
from tests.steps import nights, shop
from tests.steps.nights import FIRST, FOURTH, JUDGE, SECOND, SHIP, THIRD, copy_of, do, rules, spec_of, with_features

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.usefixtures("spark")]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with nights.installation(tmp_path_factory.mktemp("shop"), FIRST, SECOND, THIRD, FOURTH) as settings:
        yield settings


@pytest.fixture(scope="module")
def lake(settings: Settings) -> Lake:
    return Lake(settings.home)


@pytest.fixture(scope="module")
def early(settings: Settings) -> Settings:
    """The shop before it had its last features."""
    return with_features(settings, spec_of(nights.FEATURES[:7]))


@pytest.fixture(scope="module")
def first_night(settings: Settings, early: Settings, spark: "SparkSession") -> dict[str, Any]:
    """The shop's first champion is predicted by one of three features and has its own feature spec."""
    summary = nights.first_night(early)
    for day in (THIRD, FOURTH):
        do(settings, day, "featurize")
    return summary


def test_first_champion_is_judged_by_absolute_rules(
    settings: Settings, lake: Lake, first_night: dict[str, Any]
) -> None:
    assert first_night["gate"]["champion_state"] == "none: there is no champion yet"
    assert "champion" not in {rule["name"] for rule in first_night["gate"]["rules"]}
    assert first_night["promote"]["promoted"], first_night["promote"]
    verdict = verdicts.effective_verdict(lake, SECOND)
    names = [rule["name"] for rule in verdict["rules"]]
    others = [f"probe_platform linux/{a}" for a in first_night["package"]["image_bytes"] if a != host_architecture()]
    assert names[-2 - len(others) :] == ["probe_parity", *others, "probe_latency"]
    assert verdict["passed"]
    model = lake.current("models", first_night["package"]["model_id"])
    assert read_json(model / "verdict.json") == verdict
    host = f"| image for linux/{host_architecture()} | `tested natively` |"
    assert host in (model / "card.md").read_text()
    assert "| parent | `none` |" in (model / "card.md").read_text()
    assert "data:image/svg+xml" in (model / "card.html").read_text()


def test_shop_without_bought_items_has_no_item_model(lake: Lake, first_night: dict[str, Any]) -> None:
    assert first_night["train"]["items"] == {
        "trained": False, "why": "no viewed item was bought in the training days, or every one was"
    }  # fmt: skip
    assert read_json(lake.current("evaluations", SECOND) / "metrics.json")["items"] is None


@pytest.fixture(scope="module")
def challengers(settings: Settings, first_night: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Six challengers: the words of the verdict, the champion's id, the summary. The third one is promoted."""
    champion = first_night["package"]["model_id"]
    steps = [
        (THIRD, shop.knowing(settings, shop.no_reason), "worse"),
        (THIRD, shop.knowing(settings, shop.one_reason, seed=5), "not worse"),
        (THIRD, shop.knowing(settings, shop.two_reasons), "significantly better"),
        (FOURTH, shop.knowing(settings, shop.one_reason), "worse"),
        (FOURTH, shop.knowing(settings, shop.two_reasons, seed=5), "not worse"),
        (FOURTH, shop.knowing(settings, shop.all_reasons), "significantly better"),
    ]
    summaries = []
    for day, challenger, words in steps:
        summaries.append((words, champion, do(challenger, day, *JUDGE)))
        if day == THIRD and words.endswith("better"):
            champion = do(challenger, day, *SHIP)["promote"]["model_id"]
    return summaries


def test_better_and_equal_challengers_pass_and_worse_are_refused(
    lake: Lake, challengers: list[tuple[str, str, dict[str, Any]]]
) -> None:
    reasons = []
    for words, champion, summary in challengers:
        assert summary["gate"]["champion"] == champion
        [rule] = [rule for rule in summary["gate"]["rules"] if rule["name"] == "champion"]
        reasons.append(rule["why"])
        assert rule["passed"] is (words != "worse"), rule
        assert words in rule["why"]
        assert rule["passed"] or not summary["gate"]["passed"]
    assert len(set(reasons)) == len(reasons) == 6
    assert history.rows(lake)[-1]["champion_difference"] is not None


def test_label_leak_is_refused(settings: Settings, lake: Lake, first_night: dict[str, Any]) -> None:
    leak = {"name": "n_others", "op": "count", "kinds": ["other"]}
    text = spec_of(nights.FEATURES).model_dump(mode="json", exclude_none=True)
    leaky = specs.loads(json.dumps(text | {"features": [*text["features"], leak]}))
    before, day = date(2026, 3, 10), date(2026, 3, 11)
    for opened in (before, day):
        shop.open_day(lake, opened, leak=True)
    # Whole sessions alone: most beginnings of buyers' sessions end before the leaked event.
    whole = settings.model_copy(update={"examples_per_session": 1})
    do(with_features(whole, leaky), day, "featurize")
    summary = do(settings.model_copy(update={"max_importance": 0.9, "forest_features": "all"}), day, *JUDGE)
    suspected = ("top_importance", "feature_roc_auc", "feature_certainty")
    assert {"suspicious_roc_auc", *suspected} <= set(rules(summary))
    assert all("n_others" in rules(summary)[name] for name in suspected)


def test_constant_model_is_refused(settings: Settings, first_night: dict[str, Any], tmp_path: Path) -> None:
    flat = copy_of(settings, tmp_path).model_copy(update={"forest_min_leaf": 100_000})
    failed = rules(do(flat, FOURTH, *JUDGE))
    assert {"largest_tree", "distinct_scores", "roc_auc", "log_loss"} <= set(failed)


def test_slice_with_random_ranking_is_refused(settings: Settings, lake: Lake, first_night: dict[str, Any]) -> None:
    before, day = date(2026, 3, 20), date(2026, 3, 21)
    shop.open_day(lake, before)
    shop.open_day(lake, day, broken_device="Tablet")
    summary = do(settings.model_copy(update={"min_slice_roc_auc": 0.65}), day, "featurize", *JUDGE)
    assert set(rules(summary)) == {"slice device"}
    assert "device Tablet" in rules(summary)["slice device"]


@pytest.mark.usefixtures("challengers")
def test_champion_trained_on_the_day_is_not_compared(
    settings: Settings, early: Settings, first_night: dict[str, Any]
) -> None:
    """The second day's model was trained on the first: no fair comparison on it."""
    serving = registry(settings).digest("champion")
    leapline(settings, "rollback", "--to", first_night["package"]["model_id"], "--why", "test")
    summary = do(early.model_copy(update={"training_days": 0}), FIRST, *JUDGE)
    assert summary["gate"]["champion_state"].startswith("unfair: ")
    assert "champion" not in {rule["name"] for rule in summary["gate"]["rules"]}
    leapline(settings, "rollback")
    assert registry(settings).digest("champion") == serving


@pytest.mark.usefixtures("challengers")
def test_champion_moved_after_the_verdict_is_not_replaced(
    settings: Settings, lake: Lake, first_night: dict[str, Any]
) -> None:
    """Between verdict and promotion someone rolls back: the tag stays where he put it."""
    do(settings, FOURTH, "gate", "package", "probe", "publish")
    there = registry(settings).digest("champion")
    assert read_json(lake.current("evaluations", FOURTH) / "champion.json")["digest"] == there
    roll_back(settings, to=first_night["package"]["model_id"], why="an incident", run_id="incident")
    moved = do(settings, FOURTH, "promote")["promote"]
    assert not moved["promoted"]
    assert "the verdict compares with" in moved["why"]
    assert registry(settings).digest("champion") == first_night["publish"]["digest"]
    assert [row["why"] for row in ledger_rows(settings)][-1] == "an incident"
    leapline(settings, "rollback")
    assert registry(settings).digest("champion") == there


@pytest.mark.usefixtures("challengers")
def test_backfill_reports_the_decision_without_publishing(settings: Settings, lake: Lake) -> None:
    before = registry(settings).digest("champion")
    filled = do(settings, FOURTH, "gate", *SHIP, backfill=True)
    assert filled["gate"]["result"] == "to be probed"
    assert filled["probe"]["result"] == filled["promote"]["result"] == "would have been published"
    assert not filled["promote"]["promoted"]
    assert registry(settings).digest("champion") == before
    [row] = [row for row in history.rows(lake) if row["data_day"] == "2026-03-04"]
    assert row["result"] == "would have been published"
    assert row["roc_auc_low"] < row["roc_auc"] < row["roc_auc_high"]
    folder = history.write(settings)
    assert {p.name for p in Path(folder).iterdir()} == {"history.csv", "history.md", "roc_auc.png", "roc_auc.svg"}
    do(settings.model_copy(update={"roc_auc_threshold": 0.99}), FOURTH, "gate", backfill=True)
    allowed = settings.model_copy(update={"promote_backfills": True})
    assert "refuses it: Refused: ROC AUC" in do(allowed, FOURTH, "promote", backfill=True)["promote"]["why"]
    do(settings, FOURTH, "gate", backfill=True)
    assert "has not been probed" in do(allowed, FOURTH, "promote", backfill=True)["promote"]["why"]
    assert do(allowed, FOURTH, *SHIP, backfill=True)["promote"]["promoted"]


def test_images_in_dockers_format_are_packaged_published_and_listed(
    settings: Settings, lake: Lake, first_night: dict[str, Any]
) -> None:
    both = settings.model_copy(update={"docker_images": "amd64,arm64", "publish_untested": True})
    shipped = do(both, SECOND, "package", "probe", "publish")
    if not first_night["package"]["left_out"]:
        assert shipped["package"]["image_digest"] == first_night["package"]["image_digest"]
    assert sorted(shipped["package"]["docker_images"]) == ["amd64", "arm64"]
    model = lake.current("models", shipped["package"]["model_id"])
    for arch, built in shipped["package"]["docker_images"].items():
        assert registry(settings).digest(built["tag"]) == built["digest"]
        assert built["digest"] == shipped["publish"]["docker_images"][arch]["digest"]
        assert f"| image in Docker's format, {arch} | `{built['digest']}` |" in (model / "card.md").read_text()
        again = leapline(settings, "image", "docker", shipped["package"]["model_id"], "--arch", arch)
        assert (again["digest"], again["published"]) == (built["digest"], True)


def test_signed_day_has_the_same_archive_and_a_verified_image(
    settings: Settings, lake: Lake, first_night: dict[str, Any], tmp_path: Path
) -> None:
    """The archive's digest does not depend on the key; the probe starts the image with the public key."""
    key = SigningKey.generate()
    alone = {"repository": "signed/scorer", "signing": "required", "signing_key": SecretStr(key.pem())}
    signed = copy_of(settings, tmp_path).model_copy(update=alone)
    shipped = do(signed, SECOND, "package", "probe", "publish")
    assert shipped["package"]["archive_sha256"] == first_night["package"]["archive_sha256"]
    assert shipped["package"]["image_digest"] != first_night["package"]["image_digest"]
    assert shipped["probe"]["passed"] and shipped["publish"]["signed_by"] == key.public.key_id
    digest, folder = shipped["publish"]["digest"], Lake(signed.home).current("models", shipped["publish"]["model_id"])
    verify_archive((folder / "model.sig").read_bytes(), shipped["package"]["archive_sha256"], [key.public], "archive")
    trust_of(signed).require(registry(signed), digest)
    subject = Subject.read(registry(signed), digest)
    provenance = referrers.verify(registry(signed), subject, [key.public], "provenance").predicate
    assert provenance == read_json(folder / "provenance.json")
    assert provenance["buildDefinition"]["externalParameters"] == {
        "data_day": SECOND.isoformat(), "training_days": [FIRST.isoformat()],
    }  # fmt: skip
    sbom = referrers.verify(registry(signed), subject, [key.public], "sbom").predicate
    assert sbom["components"][0]["hashes"][0]["content"] == shipped["package"]["archive_sha256"]
    [probed] = do(
        signed.model_copy(update={"signing_key": SecretStr(SigningKey.generate().pem())}), SECOND, "probe"
    ).values()
    assert "found a signature by key" in probed["reason"]
