"""A day that was judged against a champion, packaged and probed: what stops it on its way to the champion's tag."""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from leapline.deployment.factory import registry
from leapline.errors import InputChangedError, NotInLakeError, ProbeError, StorageError
from leapline.modelling import delayed_labels
from leapline.privacy.erasure import erase
from leapline.privacy.exclusions import exclude
from leapline.records import binding, data_seals, verdicts
from leapline.records.candidates import candidates
from leapline.runtime.context import RunContext
from leapline.serving.image import build
from leapline.serving.platforms import host_architecture
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json
from tests.faults.kills.actions import gateway_of, perform_spark_step, perform_step
from tests.faults.kills.forks import Deed
from tests.faults.kills.installations import contents, require_readable
from tests.faults.kills.scenes import Scene, kill_everywhere
from tests.lakes import current_of
from tests.ports import free_address
from tests.steps import shop
from tests.steps.nights import FIFTH, FIRST, FOURTH, JUDGE, SECOND, SHIP, copy_of, do, first_night, installation, rules
from tests.steps.tampering import each_change, each_torn

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.usefixtures("spark")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, spark: "SparkSession") -> Iterator[Settings]:
    """An installation with a champion; tests change copies of it."""
    with installation(tmp_path_factory.mktemp("installed"), FIRST, SECOND, FOURTH, FIFTH) as settings:
        for day in (FIRST, SECOND, FOURTH, FIFTH):
            shop.seal_day(Lake(settings.home), day)
        assert first_night(settings)["promote"]["promoted"]
        yield settings


@pytest.fixture(scope="module")
def judged(installed: Settings) -> dict[str, Any]:
    """The fifth day's summaries up to the probe; the candidate knows all reasons."""
    return do(installed, FIFTH, "featurize", *JUDGE, "package", "probe")


@pytest.fixture(scope="module")
def judged_again(installed: Settings, judged: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The judged day, evaluated again when the registry does not answer and the champion is not compared."""
    alone = {"registry": free_address(), "compare_champion": False}
    settings = copy_of(installed, tmp_path_factory.mktemp("again")).model_copy(update=alone)
    do(settings, FIFTH, "evaluate")
    return settings


@pytest.fixture
def settings(installed: Settings, judged: dict[str, Any], tmp_path: Path) -> Settings:
    """A copy of the judged day."""
    return copy_of(installed, tmp_path)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.home)


def test_day_is_judged_against_the_champion(judged: dict[str, Any]) -> None:
    assert judged["gate"]["champion_state"].startswith("compared")
    assert judged["probe"]["passed"]


def test_skew_between_spark_and_image_is_refused(settings: Settings, lake: Lake) -> None:
    rows = lake.current("evaluations", FIFTH) / "probe_rows.json"
    sample = read_json(rows)
    sample["expected"][7] += 1e-6
    write_json(rows, sample)
    binding.seal(lake, rows.parent, binding.candidate_digest(lake, FIFTH))
    probed = do(settings, FIFTH, "gate", "package", "probe")["probe"]
    assert not probed["passed"]
    assert "1 rows differ from Spark" in probed["sentence"]
    verdict = verdicts.effective_verdict(lake, FIFTH)
    platforms = [f"probe_platform linux/{arch}" for arch in probed["platforms"] if arch != host_architecture()]
    assert [rule["name"] for rule in verdict["rules"] if not rule["passed"]] == ["probe_parity", *platforms]
    assert {row.result for row in candidates(lake) if row.data_day == "2026-03-05"} == {"refused"}


def test_slow_image_is_refused(settings: Settings) -> None:
    slow = settings.model_copy(update={"max_latency_ms": 1e-6})
    assert "p99 latency of one-row requests" in do(slow, FIFTH, "probe")["probe"]["sentence"]


def test_unreachable_registry_refuses_the_candidate(settings: Settings) -> None:
    gone = settings.model_copy(update={"registry": free_address()})
    failed = rules(do(gone, FIFTH, "evaluate", "gate"))
    assert set(failed) == {"champion", "champion_best"}
    assert all("no answer" in why for why in failed.values())


def test_candidate_judged_without_the_registry_is_not_promoted(
    installed: Settings, judged_again: Settings, tmp_path: Path
) -> None:
    alone = copy_of(judged_again, tmp_path)
    summary = do(alone, FIFTH, "gate")
    assert summary["gate"]["passed"]
    assert summary["gate"]["champion_state"].startswith("off: ")
    shipped = do(installed.model_copy(update={"home": alone.home}), FIFTH, *SHIP)["promote"]
    assert not shipped["promoted"]
    assert "without knowing the champion" in shipped["why"]


def test_archive_does_not_depend_on_the_champion(
    judged_again: Settings, judged: dict[str, Any], tmp_path: Path
) -> None:
    again = do(copy_of(judged_again, tmp_path), FIFTH, "gate", "package")
    assert again["gate"]["champion_state"].startswith("off")
    assert again["package"]["image_digest"] == judged["package"]["image_digest"]


def test_step_repeated_alone_is_rejected(judged_again: Settings) -> None:
    """A new evaluation after the gate, with other settings, is not the judged one."""
    with pytest.raises(InputChangedError, match=f"evaluations of {FIFTH}.*leapline evaluate"):
        do(judged_again, FIFTH, "package")


def test_foreign_champion_is_not_treated_as_no_champion(settings: Settings, tmp_path: Path) -> None:
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
    assert "an image without papers" in failed["champion"]


def test_delayed_labels_are_judged_by_the_same_gate(installed: Settings, judged: dict[str, Any]) -> None:
    lake = Lake(installed.home)
    scores = pd.read_parquet(lake.current("evaluations", FIFTH) / "scores.parquet")
    labels = scores.set_index("session")["label"]
    same = delayed_labels.label_changes(lake, installed, FIFTH, labels)
    assert (same["flipped"], same["missing"], same["added"]) == (0, 0, 0)
    assert same["verdict_now"] == same["verdict_then"]
    assert same["roc_auc_now"] == same["roc_auc_then"]
    unlikely = scores.sort_values("score")["session"].head(300)
    flipped = labels.where(~labels.index.isin(unlikely), 1).drop(labels.index[-1])
    changes = delayed_labels.label_changes(lake, installed, FIFTH, pd.concat([flipped, pd.Series({"new": 1})]))
    assert (changes["flipped"], changes["missing"], changes["added"]) == (
        (flipped != labels.drop(labels.index[-1])).sum(),
        1,
        1,
    )
    assert changes["flipped"] > 200
    assert same["passed_then"]
    assert not changes["passed_now"]
    assert changes["verdict_now"].startswith("Refused: ROC AUC")


@pytest.mark.parametrize("buyers", [0, 2])
def test_day_with_no_or_few_buyers_is_refused_with_the_reason(settings: Settings, lake: Lake, buyers: int) -> None:
    """Nothing that cannot be computed is an exception, and nothing of it passes."""
    champion, path = registry(settings).digest("champion"), current_of(lake, "events", FIFTH) / "events/part-0.parquet"
    events = pd.read_parquet(path)
    bought = events.loc[events["kind"] == "purchase", "session"].unique()[:buyers]
    events = events[(events["kind"] != "purchase") | events["session"].isin(bought)]
    events.to_parquet(path, index=False, coerce_timestamps="us")
    shop.seal_day(lake, FIFTH)
    summary = do(settings, FIFTH, "featurize", "evaluate", "gate")
    assert (summary["evaluate"]["positives"], summary["gate"]["passed"]) == (buyers, False)
    failed = rules(summary)
    assert {"roc_auc", "positives"} <= set(failed)
    assert re.search("no positives|unknown|without a confidence interval", failed["roc_auc"]), failed
    with pytest.raises((InputChangedError, ProbeError, NotInLakeError)):
        do(settings, FIFTH, "publish")
    assert registry(settings).digest("champion") == champion


DATA = ("events", "quarantine", "orders", "checks")
TAMPERED = {
    "featurize": DATA,
    "train": ("examples",),
    "evaluate": (*DATA, "examples", "candidates"),
    "gate": ("candidates", "evaluations"),
    "package": ("candidates", "evaluations", "verdicts"),
    "probe": ("candidates", "evaluations", "verdicts", "packages"),
    "publish": ("candidates", "evaluations", "verdicts", "packages", "probes"),
    "promote": (*DATA, "examples", "candidates", "evaluations", "verdicts", "packages", "probes"),
}
"""For each step what it verifies. Between them they verify every file of the data day before the promotion; its events,
quarantine, orders and checks by `check_events` too (tests/steps/test_repeated_orders.py). Not verified: the data of the
days before, once the candidate is trained, because nothing follows from them any more; the next run verifies them. A
seal alone that is removed from a dataset with tables leaves its content as it is, like that of an earlier version."""
LARGE = ("featurize", "train", "evaluate")
"""Steps that go on with Spark once everything is verified."""


@pytest.mark.parametrize("step", TAMPERED)
def test_file_changed_before_a_step_is_rejected(settings: Settings, lake: Lake, step: str) -> None:
    """Each file of each input, one at a time; unchanged, the step works."""
    if step == "promote":
        do(settings, FIFTH, "publish")
    before, changed = registry(settings).digest("champion"), 0
    for change in each_change(lake, TAMPERED[step], FIFTH):
        # Without its final verdict the candidate is one that was not probed: nothing is published or promoted.
        words = "without a probe|has not been probed" if change == "probes: CURRENT" else "^$"
        try:
            why = str(do(settings, FIFTH, step)[step].get("why", "nothing was noticed"))
        except (InputChangedError, StorageError, NotInLakeError):
            why = ""
        except ProbeError as exc:
            why = str(exc)
        assert not why or re.search(words, why), change
        changed += 1
    assert changed > (8 if step in LARGE else 12)
    assert registry(settings).digest("champion") == before
    if step == "promote":
        data_seals.require_day_unchanged(lake, FIFTH)
        binding.checked_inputs(lake, "probes", FIFTH)
    elif step not in LARGE:
        do(settings, FIFTH, step)


@pytest.mark.parametrize("step", TAMPERED)
def test_file_torn_before_a_step_is_rejected(settings: Settings, lake: Lake, step: str) -> None:
    """As a power failure leaves it: cut short, empty, or with zeros at its end. It is not taken for a missing one."""
    if step == "promote":
        do(settings, FIFTH, "publish")
    before, torn = registry(settings).digest("champion"), 0
    # What the step before has verified too is torn for that one alone, because a promotion asks the registry first.
    datasets = TAMPERED[step] if step != "promote" else ("verdicts", "probes")
    for change in each_torn(lake, datasets, FIFTH):
        with pytest.raises((InputChangedError, StorageError)) as caught:
            do(settings, FIFTH, step)
            pytest.fail(f"not noticed: {change}")
        assert "\n" not in str(caught.value), change
        torn += 1
    assert torn > 20
    assert registry(settings).digest("champion") == before


def test_file_of_a_training_day_changed_before_a_step_is_rejected(settings: Settings, lake: Lake) -> None:
    for dataset, step in (("checks", "featurize"), ("checks", "train"), ("examples", "train")):
        for change in each_change(lake, (dataset,), FOURTH, spared=("seal.json",)):
            with pytest.raises((InputChangedError, StorageError, NotInLakeError)):
                do(settings, FIFTH, step)
                pytest.fail(f"not noticed: {change}")


def test_changed_record_of_the_published_model_is_not_promoted(settings: Settings, lake: Lake) -> None:
    model_id = do(settings, FIFTH, "publish")["publish"]["model_id"]
    before = registry(settings).digest("champion")
    for change in each_change(lake, ("models",), model_id):
        with pytest.raises((InputChangedError, StorageError, NotInLakeError)):
            do(settings, FIFTH, "promote")
            pytest.fail(f"not noticed: {change}")
    assert registry(settings).digest("champion") == before


def test_events_replaced_by_an_earlier_extraction_are_noticed(settings: Settings, lake: Lake) -> None:
    """Their own seal is right, but the examples are of other events."""
    shop.open_day(lake, FIFTH, files=2)
    shop.seal_day(lake, FIFTH)
    with pytest.raises(InputChangedError, match="examples of 2026-03-05: found a result of other events"):
        do(settings, FIFTH, "evaluate")


def test_day_without_seals_is_readable_but_cannot_be_published(settings: Settings, lake: Lake) -> None:
    (lake.current("probes", FIFTH) / "seal.json").unlink()
    assert verdicts.effective_verdict(lake, FIFTH)["passed"]
    with pytest.raises(InputChangedError, match="earlier version of Leapline.*leapline evaluate"):
        do(settings, FIFTH, "publish")


def test_image_does_not_depend_on_order_and_number_of_files(
    settings: Settings, lake: Lake, judged: dict[str, Any], spark: "SparkSession"
) -> None:
    """With three files and partitions, and a champion in the registry that is not compared."""
    for day in (FOURTH, FIFTH):
        shop.open_day(lake, day, files=3)
    alone = settings.model_copy(update={"compare_champion": False, "spark_shuffle_partitions": 3})
    partitions = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", 3)
    try:
        again = do(alone, FIFTH, "featurize", "train", "evaluate", "gate", "package")
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    assert again["gate"]["champion_state"].startswith("off: LEAPLINE_COMPARE_CHAMPION is off")
    assert again["package"]["image_digest"] == judged["package"]["image_digest"]


def test_candidate_that_was_trained_before_an_erasure_is_not_published(settings: Settings, lake: Lake) -> None:
    """Though nothing of the data day has changed: the visitor may have been among those of the training days."""
    before = registry(settings).tags()
    exclude(lake, ["0" * 64], FIFTH)
    with pytest.raises(InputChangedError, match="candidates of 2026-03-05: found visitors who were erased since"):
        do(settings, FIFTH, "publish")
    assert registry(settings).tags() == before


def test_erased_visitors_leave_the_evaluation(settings: Settings, lake: Lake, spark: "SparkSession") -> None:
    evaluation = current_of(lake, "evaluations", FIFTH)
    scores = pd.read_parquet(evaluation / "scores.parquet")
    sample = read_json(evaluation / "probe_rows.json")
    visitor = scores.loc[scores["session"].isin(sample["sessions"]), "visitor"].iloc[0]
    sessions = set(scores.loc[scores["visitor"] == visitor, "session"])
    (erased,) = erase(spark, lake, [visitor])
    assert (erased.day, erased.scores) == (FIFTH.isoformat(), len(sessions))
    evaluation = current_of(lake, "evaluations", FIFTH)
    assert sessions.isdisjoint(pd.read_parquet(evaluation / "scores.parquet")["session"])
    rest = read_json(evaluation / "probe_rows.json")
    assert sessions.isdisjoint(rest["sessions"])
    assert len(rest["rows"]) == len(rest["expected"]) == len(rest["sessions"]) < len(sample["sessions"])
    assert sessions.isdisjoint(pd.read_parquet(evaluation / "probe_events")["session"])
    binding.checked_inputs(lake, "evaluations", FIFTH)
    data_seals.require_day_unchanged(lake, FIFTH)
    with pytest.raises(InputChangedError, match="evaluations of 2026-03-05"):
        do(settings, FIFTH, "publish")


EVERY = [
    pytest.param("gate", 8, id="gate, an eighth"),
    pytest.param("package", 20, id="package, a twentieth"),
    pytest.param("probe", 20, id="probe, a twentieth"),
    *(pytest.param(step, 1, id=step, marks=pytest.mark.every_kill) for step in ("gate", "package", "probe")),
    *(pytest.param(step, 1, id=step, marks=pytest.mark.every_kill) for step in ("featurize", "train", "evaluate")),
]


@pytest.mark.parametrize(("step", "every"), EVERY)
def test_step_killed_between_any_two_side_effects_is_completed_by_the_retry(
    installed: Settings, judged: dict[str, Any], spark: "SparkSession", tmp_path: Path, step: str, every: int
) -> None:
    run = RunContext(FIFTH, f"run-{FIFTH}")

    def deed(settings: Settings) -> Deed:
        if step not in ("featurize", "train", "evaluate"):
            return Deed(perform_step, (step, settings, run), [settings.home], tmp_path)
        return Deed(perform_spark_step, (gateway_of(spark), step, settings, run), [settings.home], tmp_path)

    def prepare(name: str) -> Settings:
        shutil.copytree(installed.home, tmp_path / name / "lake", copy_function=os.link)
        return installed.model_copy(update={"home": tmp_path / name / "lake"})

    def result(settings: Settings) -> dict[str, Any]:
        """Without what is measured anew: how long the step took, how fast the image answers, and what Spark notes of a
        pipeline, with the time and made-up names.
        """
        lake = Lake(settings.home)
        measured = ("probes/", "runs/") if step == "probe" else ("runs/",)
        files = {
            name: "" if name.startswith(measured) or "etadata/part-" in name else digest
            for name, digest in contents(lake).items()
        }
        return files | {"passed": verdicts.effective_verdict(lake, FIFTH)["passed"]}

    scene = Scene(
        prepare=prepare,
        deed=deed,
        again=lambda settings: perform_step(step, settings, run),
        require_whole=require_readable,
        result=result,
    )
    kill_everywhere(scene, every)
