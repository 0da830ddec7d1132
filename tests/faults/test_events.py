"""Faults in the events: poisonous lines, sessions over midnight, sessions without end."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from leapline.errors import QuarantineError
from leapline.events.clean import CleanOptions, cleaned_day
from leapline.settings import Settings
from leapline.sources.landed.landing import LandingFolder
from leapline.steps.extract import extract_day
from leapline.storage import Lake
from tests.events.lines import CONSENT, DAY, KEY, at, contexts, land, line, product
from tests.events.test_clean import pseudonym

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
OPTIONS = CleanOptions(KEY, partitions=2)
POISON: dict[str, str | bytes] = {
    "width": line("truncated", at(9)).rsplit("\t", 40)[0],
    "not_utf8": line("bad bytes", at(9), page_urlpath="/ä").encode("latin-1"),
    "nul_byte": line("NUL", at(9), page_urlpath="/\0"),
    "too_long": line("50 MB", at(9), page_title="x" * 50_000_000),
}


def test_poisonous_lines_are_quarantined_with_their_reasons_up_to_the_limit(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """Four of 104 lines."""
    import pandas as pd

    land(tmp_path / "landing", [*POISON.values(), *(line(f"good {n}", at(10 + n / 100)) for n in range(100))])
    settings = Settings(
        home=tmp_path / "lake", landing=tmp_path / "landing", pseudonym_key=KEY.decode(), spark_shuffle_partitions=2,
        max_quarantine_share=0.04,
    )  # fmt: skip
    lake, day = Lake(settings.home), DAY.date()
    counts = extract_day(spark, settings, lake, day)
    assert counts["events"] == 100
    assert {reason: number for reason, number in counts["quarantined"].items() if number} == dict.fromkeys(POISON, 1)
    quarantined = pd.read_parquet(lake.current("quarantine", day) / "lines").set_index("reason")
    assert set(quarantined.index) == set(POISON)
    assert quarantined.loc["too_long", "line_bytes"] > 50_000_000
    strict = settings.model_copy(update={"max_quarantine_share": 0.03})
    with pytest.raises(QuarantineError, match=r"3\.8% quarantined \(1 nul_byte, .*at most 3\.0%.*LEAPLINE_MAX_QUAR"):
        extract_day(spark, strict, lake, day)
    # The lines can be looked at, and the next step would not be reached.
    assert len(pd.read_parquet(lake.current("quarantine", day) / "lines")) == len(POISON)


def test_newer_version_of_a_context_is_read_like_the_first(spark: "SparkSession", tmp_path: Path) -> None:
    """A version adds fields; consent stays consent."""
    name = str(CONSENT["schema"]).rpartition("/")[0]
    newer = {"schema": f"{name}/2-1-0", "data": {**CONSENT["data"], "documentVersion": "3", "gdprApplies": True}}
    unknown = product("com.acme/something_new", answer=42)
    lines = [
        line("old", at(9)),
        line("new", at(10), contexts=contexts(unknown, newer)),
        line("none", at(11), contexts=""),
    ]
    land(tmp_path, lines)
    with cleaned_day(spark, LandingFolder(tmp_path), DAY.date(), OPTIONS) as clean:
        assert (clean.counts["events"], clean.counts["excluded"]["no_consent"]) == (2, 1)


SUMMER = 27
"""Days from `DAY` to 29 March 2026, when clocks in Europe go forward at 01:00 UTC."""


def visits(rng: random.Random, count: int, midnight: Callable[[float], datetime]) -> dict[str, list[datetime]]:
    """Return sessions that midnight splits at any instant, also exactly at an event; their tails end within 3 hours."""
    sessions = {}
    for number in range(count):
        gaps = [rng.choice([0.001, 1, 60, 600, 1500]) * rng.random() for _ in range(rng.randint(1, 12))]
        passed = [sum(gaps[:n]) for n in range(len(gaps) + 1)]
        split = rng.choice([rng.choice(passed), rng.random() * passed[-1]])
        sessions[f"visit {number}"] = [midnight((second - split) / 3600) for second in passed]
    return sessions


@hypothesis_settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), files=st.integers(2, 5))
def test_sessions_that_midnight_splits_at_any_instant_are_the_same(
    spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory, seed: int, files: int
) -> None:
    """Two hundred of them, over the midnight before clocks change, in files cut at random, and with Spark in a zone
    where they change: each is complete in the interval in which it began, and in no other."""
    rng, folder = random.Random(seed), tmp_path_factory.mktemp("midnight")
    sessions = visits(rng, 200, lambda hour: at(hour, SUMMER))
    lines = [line(f"{name} {n}", when, name) for name, times in sessions.items() for n, when in enumerate(times)]
    rng.shuffle(lines)
    for part in range(files):
        land(folder, lines[part::files], run="2026-03-29-05-00-00", part=part)
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
    taken: dict[str, list[Counter[str]]] = defaultdict(list)
    for day in (at(0, SUMMER - 1).date(), at(0, SUMMER).date()):
        with cleaned_day(session, LandingFolder(folder), day, OPTIONS) as clean:
            assert not sum(clean.counts["quarantined"].values())
            for name, number in Counter(row["session"] for row in clean.events.select("session").collect()).items():
                taken[name].append(Counter({str(day): number}))
    midnight = at(0, SUMMER)
    expected = {
        pseudonym(name): [Counter({str((midnight - timedelta(days=times[0] < midnight)).date()): len(times)})]
        for name, times in sessions.items()
    }
    assert {min(when for day in days for when in day) for days in taken.values()} == {"2026-03-28", "2026-03-29"}
    assert taken == expected


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_session_of_a_million_events_is_cut_and_holds_up_nothing(spark: "SparkSession", tmp_path: Path) -> None:
    """A robot that goes on for three days: its first day has a million events, and every other visitor stays."""
    events, others = 1_000_000, 300
    text = line("bot", at(0), "without end")
    number, stamp = text.split("\t").index(next(f for f in text.split("\t") if f.count("-") == 4)), "2026-03-0"
    assert stamp in text
    columns = text.split("\t")

    def robot(n: int, day: int = 0) -> str:
        when = at(24 * n / events, day).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        columns[number] = f"00000000-0000-4000-8000-{n + day * events:012d}"
        return "\t".join(when if value.startswith(stamp) else value for value in columns)

    for part in range(4):
        land(tmp_path / "landing", (robot(n) for n in range(part, events, 4)), run="2026-03-03-02-00-00", part=part)
    late, tail = 1000, 1000 * OPTIONS.lookahead_hours // 24
    later = [robot(n, day) for day in (1, 2) for n in range(0, events, events // late)]
    people = [line(f"person {day} {n}", at(12, day), f"person {day} {n}") for day in (0, 1) for n in range(others)]
    land(tmp_path / "landing", [*later, *people], run="2026-03-05-02-00-00")
    settings = Settings(
        home=tmp_path / "lake", landing=tmp_path / "landing", pseudonym_key=KEY.decode(), max_quarantine_share=1,
    )  # fmt: skip
    lake, most = Lake(settings.home), settings.max_session_events
    counts = extract_day(spark, settings, lake, DAY.date())
    assert counts["events"] == most + others
    assert counts["quarantined"]["endless"] == events - most + tail
    assert counts["quarantined_share"] > Settings.model_fields["max_quarantine_share"].default
    kept = spark.read.parquet(str(lake.current("events", DAY.date()) / "events"))
    assert kept.where(f"session = '{pseudonym('without end')}'").count() == most
    after = extract_day(spark, settings, lake, at(0, 1).date())
    assert (after["events"], after["quarantined"]["endless"]) == (others, late - tail)
