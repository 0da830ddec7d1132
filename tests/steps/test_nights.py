"""Complete runs on a small shop: real steps, forests, registry and images; challengers, planted faults, backfills."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from leapline.deployment.factory import registry
from leapline.deployment.manual_promotion import roll_back
from leapline.errors import InputChangedError
from leapline.features import spec as specs
from leapline.local.registry_service import LocalRegistry
from leapline.modelling import delayed_labels
from leapline.records import binding, history, verdicts
from leapline.records.candidates import candidates
from leapline.records.serving_state import ledger_rows
from leapline.runtime.context import RunContext
from leapline.serving.image import build
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json
from tests.command import leapline
from tests.conftest import ROOT
from tests.lakes import current_of, folder_of
from tests.ports import free_address
from tests.steps import shop

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FIRST, SECOND, THIRD, FOURTH, FIFTH = (date(2026, 3, day) for day in range(1, 6))
JUDGE = ("train", "evaluate", "gate")
SHIP = ("package", "probe", "publish", "promote")
pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.usefixtures("spark")]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    for day in (FIRST, SECOND, THIRD, FOURTH, FIFTH):
        shop.open_day(lake, day)
    return lake


@pytest.fixture(scope="module")
def settings(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS ABSENT: `make setup` puts the registry, crane and the scorer into .local")
    local = LocalRegistry(tmp_path_factory.mktemp("registry"), ROOT / ".local/bin/registry", free_address())
    yield Settings(
        home=folder_of(lake), tools=ROOT / ".local", registry=local.start().address, training_days=1, probe_rows=1000,
        forest_trees=8, forest_depth=5, roc_auc_threshold=0.6, min_precision_lift=1, bootstrap_resamples=300,
        champion_margin=0.06, min_baseline_gain=-1, max_importance=1, max_calibration_error=0.2, min_slice_roc_auc=0,
    )  # fmt: skip
    local.stop()


def do(settings: Settings, day: date, *steps: str, backfill: bool = False, run_id: str = "") -> dict[str, Any]:
    """The steps' summaries; each step is the real one."""
    run = RunContext(day, run_id or f"run-{day}", backfill)
    return {step: import_module(f"leapline.steps.{step}").run(settings, run) for step in steps}


def with_features(settings: Settings, spec: specs.FeatureSpec) -> Settings:
    """The settings of a shop with features of its own."""
    path = settings.home / "own_features.json"
    path.write_text(spec.dumps())
    return settings.model_copy(update={"features": path})


def rules(summary: dict[str, Any]) -> dict[str, str]:
    """The rules that failed, with their reasons."""
    return {rule["name"]: rule["why"] for rule in summary["gate"]["rules"] if not rule["passed"]}


@pytest.fixture(scope="module")
def first_night(settings: Settings, lake: Lake, spark: "SparkSession") -> dict[str, Any]:
    """The shop's first champion is predicted by one of three features and has its own feature spec."""
    spec = specs.FeatureSpec(version=1, unit="session", features=specs.default().features[:10])
    do(with_features(settings, spec), SECOND, "featurize")
    summary = do(shop.knowing(settings, shop.one_reason), SECOND, *JUDGE, *SHIP)
    for day in (THIRD, FOURTH, FIFTH):
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
    assert names[-2:] == ["probe_parity", "probe_latency"]
    assert verdict["passed"]
    model = lake.current("models", first_night["package"]["model_id"])
    assert read_json(model / "verdict.json") == verdict
    assert "| parent | `none` |" in (model / "card.md").read_text()
    assert "data:image/svg+xml" in (model / "card.html").read_text()


def test_better_and_equal_challengers_pass_and_worse_are_refused(
    settings: Settings, lake: Lake, first_night: dict[str, Any]
) -> None:
    champion = first_night["package"]["model_id"]
    steps = [
        (THIRD, shop.knowing(settings, shop.no_reason), "worse"),
        (THIRD, shop.knowing(settings, shop.one_reason, seed=5), "not worse"),
        (THIRD, shop.knowing(settings, shop.two_reasons), "significantly better"),
        (FOURTH, shop.knowing(settings, shop.one_reason), "worse"),
        (FOURTH, shop.knowing(settings, shop.two_reasons, seed=5), "not worse"),
        (FOURTH, shop.knowing(settings, shop.all_reasons), "significantly better"),
    ]
    reasons = []
    for day, challenger, words in steps:
        summary = do(challenger, day, *JUDGE)
        assert summary["gate"]["champion"] == champion
        [rule] = [rule for rule in summary["gate"]["rules"] if rule["name"] == "champion"]
        reasons.append(rule["why"])
        assert rule["passed"] is (words != "worse"), rule
        assert words in rule["why"]
        assert rule["passed"] or not summary["gate"]["passed"]
        if day == THIRD and words.endswith("better"):
            champion = do(challenger, day, *SHIP)["promote"]["model_id"]
    assert len(set(reasons)) == len(reasons)
    assert history.rows(lake)[-1]["champion_difference"] is not None


def test_label_leak_is_refused(settings: Settings, lake: Lake, first_night: dict[str, Any]) -> None:
    leak = {"name": "n_others", "op": "count", "kinds": ["other"]}
    text = specs.default().model_dump(mode="json", exclude_none=True)
    leaky = specs.loads(json.dumps(text | {"features": [*text["features"], leak]}))
    before, day = date(2026, 3, 10), date(2026, 3, 11)
    for opened in (before, day):
        shop.open_day(lake, opened, leak=True)
    # Whole sessions alone: most beginnings of buyers' sessions end before the leaked event.
    whole = settings.model_copy(update={"examples_per_session": 1})
    do(with_features(whole, leaky), day, "featurize")
    summary = do(settings.model_copy(update={"max_importance": 0.9, "forest_features": "all"}), day, *JUDGE)
    assert {"suspicious_roc_auc", "top_importance"} <= set(rules(summary))
    assert "n_others" in rules(summary)["top_importance"]


def test_constant_model_is_refused(settings: Settings, first_night: dict[str, Any]) -> None:
    flat = settings.model_copy(update={"forest_min_leaf": 100_000})
    failed = rules(do(flat, FOURTH, *JUDGE))
    assert {"largest_tree", "distinct_scores", "roc_auc", "log_loss"} <= set(failed)


def test_slice_with_random_ranking_is_refused(settings: Settings, lake: Lake, first_night: dict[str, Any]) -> None:
    before, day = date(2026, 3, 20), date(2026, 3, 21)
    shop.open_day(lake, before)
    shop.open_day(lake, day, broken_device="Tablet")
    summary = do(settings.model_copy(update={"min_slice_roc_auc": 0.65}), day, "featurize", *JUDGE)
    assert set(rules(summary)) == {"slice device"}
    assert "device Tablet" in rules(summary)["slice device"]


@pytest.fixture(scope="module")
def fifth(settings: Settings, first_night: dict[str, Any]) -> dict[str, Any]:
    """A candidate that knows all reasons, to be judged in many ways."""
    return do(settings, FIFTH, "train")


def test_skew_between_spark_and_image_is_refused(settings: Settings, lake: Lake, fifth: dict[str, Any]) -> None:
    do(settings, FIFTH, "evaluate")
    rows = lake.current("evaluations", FIFTH) / "probe_rows.json"
    sample = read_json(rows)
    sample["expected"][7] += 1e-6
    write_json(rows, sample)
    binding.seal(lake, rows.parent, binding.candidate_digest(lake, FIFTH))
    probed = do(settings, FIFTH, "gate", "package", "probe")["probe"]
    assert not probed["passed"]
    assert "1 rows differ from Spark" in probed["sentence"]
    verdict = verdicts.effective_verdict(lake, FIFTH)
    assert [rule["name"] for rule in verdict["rules"] if not rule["passed"]] == ["probe_parity"]
    assert {row.result for row in candidates(lake) if row.data_day == "2026-03-05"} == {"refused"}


def test_slow_image_is_refused(settings: Settings, lake: Lake, fifth: dict[str, Any]) -> None:
    slow = settings.model_copy(update={"max_latency_ms": 1e-6})
    assert (
        "p99 latency of one-row requests"
        in do(slow, FIFTH, "evaluate", "gate", "package", "probe")["probe"]["sentence"]
    )


def test_unreachable_registry_refuses_or_blocks_promotion(settings: Settings, fifth: dict[str, Any]) -> None:
    gone = settings.model_copy(update={"registry": free_address()})
    failed = rules(do(gone, FIFTH, "evaluate", "gate"))
    assert set(failed) == {"champion"}
    assert "no answer" in failed["champion"]
    alone = gone.model_copy(update={"compare_champion": False})
    summary = do(alone, FIFTH, "evaluate", "gate")
    assert summary["gate"]["passed"]
    assert summary["gate"]["champion_state"].startswith("off: ")
    shipped = do(settings, FIFTH, *SHIP)["promote"]
    assert not shipped["promoted"]
    assert "without knowing the champion" in shipped["why"]


def test_foreign_champion_is_not_treated_as_no_champion(
    settings: Settings, fifth: dict[str, Any], tmp_path: Path
) -> None:
    """It is not taken for "no champion": someone has to look."""
    (tmp_path / "model.zip").write_text("no zip")
    scorers = {arch: settings.tools / "scorer" / f"linux-{arch}" / "scorer" for arch in ("amd64", "arm64")}
    created = datetime(2026, 3, 1, tzinfo=UTC)
    build(tmp_path / "model.zip", scorers, tmp_path / "image", model_id="alien", labels={}, created=created)
    repository = registry(settings)
    serving = repository.digest("champion")
    assert serving
    repository.push(tmp_path / "image", "alien")
    repository.tag("alien", "champion")
    try:
        failed = rules(do(settings, FIFTH, "evaluate", "gate"))
    finally:
        repository.tag(serving, "champion")
    assert set(failed) == {"champion"}
    assert "comparison with the champion failed: bundle" in failed["champion"]


def test_champion_trained_on_the_day_is_not_compared(settings: Settings, first_night: dict[str, Any]) -> None:
    """The second day's model was trained on the first: no fair comparison on it."""
    do(settings, FIRST, "featurize")
    serving = registry(settings).digest("champion")
    leapline(settings, "rollback", "--to", first_night["package"]["model_id"], "--why", "test")
    summary = do(settings.model_copy(update={"training_days": 0}), FIRST, *JUDGE)
    assert summary["gate"]["champion_state"].startswith("unfair: ")
    assert "champion" not in {rule["name"] for rule in summary["gate"]["rules"]}
    leapline(settings, "rollback")
    assert registry(settings).digest("champion") == serving


def test_champion_moved_after_the_verdict_is_not_replaced(
    settings: Settings, fifth: dict[str, Any], first_night: dict[str, Any]
) -> None:
    """Between verdict and promotion someone rolls back: the tag stays where he put it."""
    judged = do(settings, FIFTH, "evaluate", "gate", "package", "probe", "publish")
    there = registry(settings).digest("champion")
    assert judged["evaluate"]["champion"]["digest"] == there
    roll_back(settings, to=first_night["package"]["model_id"], why="an incident", run_id="incident")
    moved = do(settings, FIFTH, "promote")["promote"]
    assert not moved["promoted"]
    assert "the verdict compares with" in moved["why"]
    assert registry(settings).digest("champion") == first_night["publish"]["digest"]
    assert [row["why"] for row in ledger_rows(settings)][-1] == "an incident"


def test_backfill_reports_the_decision_without_publishing(
    settings: Settings, lake: Lake, first_night: dict[str, Any]
) -> None:
    before = registry(settings).digest("champion")
    filled = do(settings, FOURTH, *JUDGE, *SHIP, backfill=True)
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


def test_delayed_labels_are_judged_by_the_same_gate(settings: Settings, lake: Lake, fifth: dict[str, Any]) -> None:
    do(settings, FIFTH, "evaluate", "gate")
    scores = pd.read_parquet(lake.current("evaluations", FIFTH) / "scores.parquet")
    labels = scores.set_index("session")["label"]
    same = delayed_labels.label_changes(lake, settings, FIFTH, labels)
    assert (same["flipped"], same["missing"], same["added"]) == (0, 0, 0)
    assert same["verdict_now"] == same["verdict_then"]
    assert same["roc_auc_now"] == same["roc_auc_then"]
    unlikely = scores.sort_values("score")["session"].head(300)
    flipped = labels.where(~labels.index.isin(unlikely), 1).drop(labels.index[-1])
    changes = delayed_labels.label_changes(lake, settings, FIFTH, pd.concat([flipped, pd.Series({"new": 1})]))
    assert (changes["flipped"], changes["missing"], changes["added"]) == (
        (flipped != labels.drop(labels.index[-1])).sum(),
        1,
        1,
    )
    assert changes["flipped"] > 200
    assert same["passed_then"]
    assert not changes["passed_now"]
    assert changes["verdict_now"].startswith("Refused: ROC AUC")


TAMPERED = {
    "gate": ("candidates", "evaluations"),
    "package": ("candidates", "evaluations", "verdicts"),
    "probe": ("candidates", "evaluations", "verdicts", "packages"),
    "publish": ("candidates", "evaluations", "verdicts", "packages", "probes"),
}


@pytest.mark.parametrize("step", TAMPERED)
def test_file_changed_before_a_step_is_rejected(
    settings: Settings, lake: Lake, fifth: dict[str, Any], step: str
) -> None:
    """Each file of each input, one at a time; unchanged, the step works."""
    do(settings, FIFTH, *["evaluate", "gate", "package", "probe"][: list(TAMPERED).index(step) + 1])
    changed = 0
    for dataset in TAMPERED[step]:
        folder = current_of(lake, dataset, FIFTH)
        ignored = {".lock"} if dataset == TAMPERED[step][-1] else {".lock", "seal.json"}
        for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ignored):
            content = file.read_bytes()
            if file.name == "seal.json":
                write_json(file, read_json(file) | {"digest": "sha256:0"})
            else:
                file.write_bytes(content + b" ")
            try:
                with pytest.raises(InputChangedError, match=f"{FIFTH}.* again"):
                    do(settings, FIFTH, step)
                changed += 1
            finally:
                file.write_bytes(content)
    assert changed > 10
    do(settings, FIFTH, step)


def test_step_repeated_alone_is_rejected(settings: Settings, lake: Lake, fifth: dict[str, Any]) -> None:
    """A new evaluation after the gate, with other settings, is not the judged one."""
    do(settings, FIFTH, "evaluate", "gate")
    do(settings.model_copy(update={"bootstrap_draws": 200}), FIFTH, "evaluate")
    with pytest.raises(InputChangedError, match=f"evaluations of {FIFTH}.*leapline evaluate"):
        do(settings, FIFTH, "package")


def test_day_without_seals_is_readable_but_cannot_be_published(
    settings: Settings, lake: Lake, fifth: dict[str, Any]
) -> None:
    do(settings, FIFTH, "evaluate", "gate", "package", "probe")
    (lake.current("probes", FIFTH) / "seal.json").unlink()
    assert verdicts.effective_verdict(lake, FIFTH)["passed"]
    with pytest.raises(InputChangedError, match="earlier version of Leapline.*leapline evaluate"):
        do(settings, FIFTH, "publish")


@pytest.fixture(scope="module")
def packaged(settings: Settings, fifth: dict[str, Any]) -> dict[str, Any]:
    """The fifth day's image, judged against a champion."""
    return do(settings, FIFTH, "evaluate", "gate", "package")


def test_archive_does_not_depend_on_the_champion(settings: Settings, packaged: dict[str, Any]) -> None:
    alone = settings.model_copy(update={"compare_champion": False})
    again = do(alone, FIFTH, "evaluate", "gate", "package")
    assert packaged["gate"]["champion_state"].startswith("compared")
    assert again["gate"]["champion_state"].startswith("off")
    assert again["package"]["image_digest"] == packaged["package"]["image_digest"]


def test_images_in_dockers_format_are_packaged_published_and_listed(
    settings: Settings, lake: Lake, first_night: dict[str, Any]
) -> None:
    both = settings.model_copy(update={"docker_images": "amd64,arm64"})
    shipped = do(both, SECOND, "package", "probe", "publish")
    assert shipped["package"]["image_digest"] == first_night["package"]["image_digest"]
    assert sorted(shipped["package"]["docker_images"]) == ["amd64", "arm64"]
    model = lake.current("models", shipped["package"]["model_id"])
    for arch, built in shipped["package"]["docker_images"].items():
        assert registry(settings).digest(built["tag"]) == built["digest"]
        assert built["digest"] == shipped["publish"]["docker_images"][arch]["digest"]
        assert f"| image in Docker's format, {arch} | `{built['digest']}` |" in (model / "card.md").read_text()
        again = leapline(settings, "image", "docker", shipped["package"]["model_id"], "--arch", arch)
        assert (again["digest"], again["published"]) == (built["digest"], True)


@pytest.mark.parametrize("files", [2, 4])
def test_image_does_not_depend_on_order_and_number_of_files(
    settings: Settings, lake: Lake, packaged: dict[str, Any], files: int, spark: "SparkSession"
) -> None:
    for day in (FOURTH, FIFTH):
        shop.open_day(lake, day, files=files)
    partitions = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", files)
    try:
        again = do(settings, FIFTH, "featurize", "train", "evaluate", "gate", "package")
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    assert again["package"]["image_digest"] == packaged["package"]["image_digest"]
