"""The step follows the installation's settings and checks its input before Spark starts."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.errors import InputError, NoEventsError, SpecError
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.steps.extract import extract_day, run
from leapline.storage import Lake
from leapline.synthetic import GeneratorSpec, generate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2026, 3, 4)
pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    generate(folder, GeneratorSpec(start=DAY, days=1, sessions_per_day=60))
    return folder


def settings_of(landing: Path, home: Path, **changed: object) -> Settings:
    return Settings.load(home=home, landing=landing, pseudonym_key="k" * 32, spark_shuffle_partitions=2, **changed)


def test_missing_input_fails_before_spark_starts(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leapline.steps.extract.spark_session", None)
    with pytest.raises(InputError, match="landing folder .*: found no such folder"):
        run(settings_of(tmp_path / "nosuch", tmp_path), RunContext(DAY, "r"))
    with pytest.raises(NoEventsError, match="events of 2025-01-01"):
        run(settings_of(landing, tmp_path), RunContext(date(2025, 1, 1), "r"))


def test_earlier_day_on_which_nothing_landed_is_not_read(
    spark: "SparkSession", landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[date] = []

    def record(_: object, __: Settings, ___: Lake, day: date, *____: object) -> dict[str, int]:
        read.append(day)
        return {"events": 1}

    monkeypatch.setattr("leapline.steps.extract.extract_day", record)
    summary = run(settings_of(landing, tmp_path, training_days=5), RunContext(DAY, "r"))
    assert sorted(read) == [date(2026, 3, 2), date(2026, 3, 3), DAY]
    assert {day for day, counts in summary.items() if counts["events"] == 0} == {
        "2026-02-27",
        "2026-02-28",
        "2026-03-01",
    }
    assert "the 2 days after it" in summary["2026-03-01"]["note"]


def test_session_length_limit_is_a_setting(spark: "SparkSession", landing: Path, tmp_path: Path) -> None:
    settings = settings_of(landing, tmp_path, max_session_events=10, max_quarantine_share=1.0)
    counts = extract_day(spark, settings, Lake(tmp_path), DAY)
    sizes = spark.read.parquet(str(Lake(tmp_path).current("events", DAY) / "events")).groupBy("session").count()
    assert counts["events"] > 0
    assert max(row["count"] for row in sizes.collect()) == 10


def test_malformed_mapping_fails_before_anything_is_written(
    spark: "SparkSession", landing: Path, tmp_path: Path
) -> None:
    mapping = tmp_path / "mapping.json"
    mapping.write_text('{"version": 1, "kindz": []}')
    with pytest.raises(SpecError, match=r"event mapping .*mapping\.json, line 1, field session: found nothing"):
        extract_day(spark, settings_of(landing, tmp_path, event_mapping=mapping), Lake(tmp_path), DAY)
    assert not Lake(tmp_path).has("events", DAY)
