"""Labels change when late events land."""

import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.modelling.delayed_labels import current_labels
from leapline.settings import Settings
from leapline.steps.extract import extract_day
from leapline.storage import Lake
from leapline.synthetic import GeneratorSpec, generate
from tests.events.lines import at, land, line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2026, 3, 2)
KEY = "a key for tests, of at least 32 bytes"


@pytest.mark.spark
def test_late_purchases_change_labels(tmp_path: Path, spark: "SparkSession") -> None:
    landing = tmp_path / "landing"
    generate(landing, GeneratorSpec(start=DAY, days=1, sessions_per_day=600, buyers=0.3, late=0.4, late_beyond=0))
    settings = Settings(home=tmp_path, landing=landing, pseudonym_key=KEY, spark_shuffle_partitions=2)
    later = [run for run in landing.iterdir() if run.name >= "run=2026-03-03-04"]
    assert later
    for run in later:
        shutil.move(run, tmp_path / run.name)
    then = current_labels(spark, settings, DAY)
    for run in later:
        shutil.move(tmp_path / run.name, run)
    now = current_labels(spark, settings, DAY)
    both = then.index.intersection(now.index)
    flipped = then[both] != now[both]
    assert len(both) > 300
    assert 5 < flipped.sum() < 0.5 * len(both)
    assert (now[both][flipped] == 1).all(), "a late event adds a purchase, it takes none away"


@pytest.mark.spark
def test_order_of_an_earlier_day_makes_no_buyer(tmp_path: Path, spark: "SparkSession") -> None:
    """A judged day is cleaned as `extract` cleans it."""
    landing = tmp_path / "landing"
    for day, session in ((0, "s1"), (1, "s2")):
        order = {"event": "transaction", "tr_orderid": "o1", "tr_total": "100"}
        view = line(f"view {day}", at(10, day), session)
        land(
            landing,
            [view, line(f"order {day}", at(10.1, day), session, None, **order)],
            run=f"2026-03-{3 + day:02}-02-00-00",
        )
    settings = Settings(home=tmp_path, landing=landing, pseudonym_key=KEY, days_late=0)
    next_day = date(2026, 3, 3)
    assert current_labels(spark, settings, next_day).tolist() == [1]
    extract_day(spark, settings, Lake(tmp_path), DAY)
    assert current_labels(spark, settings, next_day).tolist() == [0]
