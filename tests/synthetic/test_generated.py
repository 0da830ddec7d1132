"""Generated events after cleaning: sessions and buyers are kept, personal data is not."""

import hashlib
import hmac
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.events.clean import CleanOptions, cleaned_day, write_day
from leapline.sources.landed.landing import LandingFolder
from leapline.synthetic import PLANTED, TRUTH_FOLDER, GeneratorSpec, generate, read_truth
from tests.events.lines import KEY
from tests.events.test_clean import uncompressed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2026, 3, 2)


@pytest.mark.spark
def test_cleaning_keeps_sessions_and_buyers_and_drops_personal_data(spark: "SparkSession", tmp_path: Path) -> None:
    landing, lake = tmp_path / "landing", tmp_path / "lake"
    # Without what loses an order on its way: then every cleaned session's fate is its true one.
    generate(landing, GeneratorSpec(start=DAY, days=1, sessions_per_day=400, late_beyond=0, conflicts=0, broken=0.01))
    with cleaned_day(spark, LandingFolder(landing), DAY, CleanOptions(KEY, partitions=2)) as day:
        write_day(day, *(str(lake / name) for name in ("events", "quarantine", "orders")))

    truth = read_truth(landing / TRUTH_FOLDER, [DAY])
    bought = dict(zip(map(_pseudonym, truth.sessions), truth.bought.tolist(), strict=True))
    rows = spark.read.parquet(str(lake / "events")).groupBy("session").agg({"kind": "collect_set"}).collect()
    kinds = {row["session"]: set(row[1]) for row in rows}
    human = kinds.keys() & bought.keys()
    assert 0.7 * len(bought) < len(human) < 0.95 * len(bought)  # 85 % consent
    assert len(kinds) - len(human) <= 2  # bots that behave as if they were none
    assert {s: "purchase" in kinds[s] for s in human} == {s: bought[s] for s in human}
    assert all("purchase_item" in k for k in kinds.values() if "purchase" in k)

    counts = day.counts
    assert min(counts["excluded"][reason] for reason in ("bot", "duplicate", "no_consent")) > 0
    assert counts["quarantined"]["width"] > 0
    for file in (p for p in lake.rglob("*") if p.is_file()):
        raw = uncompressed(file)
        assert not [text for text in PLANTED if text.encode() in raw], file


def _pseudonym(session: str) -> str:
    return hmac.new(KEY, session.encode(), hashlib.sha256).hexdigest()
