"""Each planted fault gets its own reason, sessions are complete, and the order of the lines does not matter."""

import hashlib
import hmac
import random
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from leapline.errors import BalanceError, NoEventsError
from leapline.events.clean import (
    QUARANTINE_SCHEMA,
    CleanDay,
    CleanOptions,
    cleaned_day,
    write_day,
)
from leapline.events.counts import Counts
from leapline.events.mapping import load
from leapline.events.reconciliation import balance, require_balance
from leapline.events.schema import SCHEMA
from leapline.snowplow.enriched import FIELDS
from leapline.sources.landed.landing import LandingFolder
from tests.events.lines import CONSENT, DAY, KEY, at, contexts, land, line, product

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SITE = load().model_copy(update={"internal": {"app_id": ["office"]}})
OPTIONS = CleanOptions(KEY, SITE, max_session_events=20, partitions=2)
GDPR = "com.snowplowanalytics.snowplow/gdpr"
IAB = "com.iab.snowplow/spiders_and_robots"


def iab(robot: bool) -> str:
    return contexts(product(IAB, spiderOrRobot=robot, category="x"))


def numbered(name: str, count: int, hour: float, session: str) -> list[str]:
    return [line(f"{name}{n}", at(hour + n / 3600), session) for n in range(count)]


GOOD = [
    line("plain", at(10)),
    line("human", at(10.01), derived_contexts=iab(False)),
    line("own time", at(10.02), collected=at(10.5)),
    line("no derived", at(10.03), derived_tstamp=""),
    line("nanoseconds", at(10.04), derived_tstamp="2026-03-02 10:02:24.123456789"),
    line("two days late", at(12), "s2", collected=at(12, 2)),
    line("midnight 1", at(23.9), "over midnight"),
    line("midnight 2", at(0.2, 1), "over midnight"),
    line("midnight 3", at(2.99, 1), "over midnight"),
    line("a day 1", at(0.1), "a day and more"),
    line("a day 2", at(23.99), "a day and more"),
    *numbered("long", 20, 13, "without end"),
]
"""Sound events of the day, with the first of each pair of `TWINS`."""

TWINS = [
    line("sent twice", at(10.1), collected=at(10.1)),
    line("sent twice", at(10.1), collected=at(10.2)),
    line("same line", at(10.15)),
    line("same line", at(10.15)),
    line("conflict", at(10.16)),
    line("conflict", at(10.16), collected=at(10.17), event_fingerprint="0" * 32, page_urlpath="/cart"),
]

PLANTED: dict[str, list[str | bytes]] = {
    "duplicate": [],
    "conflict": [],
    "bot": [line("bot", at(9), derived_contexts=iab(True)), line("agent", at(9), br_type="Robot")],
    "internal": [line("staff", at(9), app_id="office")],
    "no_consent": [
        line("silent", at(9), contexts=""),
        line(
            "contract",
            at(9),
            contexts=contexts(product("com.snowplowanalytics.snowplow/gdpr", basisForProcessing="contract")),
        ),
        line("liar", at(9), contexts=contexts(product("com.acme/note", basisForProcessing="consent", text="/gdpr/"))),
        line("broken JSON", at(9), contexts=contexts(CONSENT)[:-1].replace("}", "")),
    ],
    "no_session": [line("sessionless", at(9), domain_sessionid="")],
    "no_visitor": [line("nobody", at(9), domain_userid="")],
    "width": [line("short", at(9)).rsplit("\t", 5)[0], line("wide", at(9)) + "\t", "2026-03-02 gibberish", ""],
    "not_utf8": [line("bytes", at(9), page_urlpath="/ä").encode("latin-1")],
    "nul_byte": [line("nul", at(9), page_urlpath="/\0")],
    "too_long": [line("huge", at(9), page_title="x" * 2_000_000)],
    "event_id": [line("", at(9), event_id=""), line("", at(9), event_id="anna@planted.example")],
    "timestamp": [line("when", at(9), derived_tstamp="yesterday"), line("received", at(9), collector_tstamp="")],
    "clock_skew": [
        line("a day ahead", at(33), collected=at(9)),
        line("half an hour ahead", at(9.5), collected=at(9)),
        line("1970", at(9, -20_000), collected=at(9)),
        line("2038", at(9, 4_400), collected=at(9)),
        line("9999", at(9), derived_tstamp="9999-12-31 23:59:59.999"),
        line("0001", at(9), derived_tstamp="0001-01-01 00:00:00.000"),
    ],
    "late": [line("five days", at(9, -5), collected=at(9))],
    "personal_data": [
        line("mail", at(9), event="transaction_item", ti_sku="anna@planted.example"),
        line("address", at(9), event="transaction_item", ti_sku="1", ti_category="from 203.0.113.77"),
        line("address 6", at(9), event="transaction_item", ti_sku="2001:db8:0:1::77"),
    ],
    "endless": [
        *numbered("longer", 5, 14, "without end"),
        line("a day 3", at(0.5, 1), "a day and more"),
        line("yesterday's 3", at(4), "since yesterday"),
    ],
    "other_day": [
        line("midnight 4", at(3.1, 1), "over midnight"),
        line("yesterday's 1", at(23.5, -1), "since yesterday"),
        line("yesterday's 2", at(0.4), "since yesterday"),
        line("tomorrow's", at(0.5, 1), "tomorrow"),
        line("tomorrow's bot", at(0.5, 1), "tomorrow", br_type="Robot"),
        line("tomorrow's twin", at(0.6, 1), "tomorrow"),
        line("tomorrow's twin", at(0.6, 1), "tomorrow"),
        line("too late for this run", at(9), collected=at(9, 5)),
        line("broken tomorrow", at(9, 1)) + "\t",
    ],
}
"""Lines by their reason. The two duplicates and the conflict are in `TWINS`."""

EXPECTED = {reason: len(lines) for reason, lines in PLANTED.items()} | {"duplicate": 2, "conflict": 1}
LINES = [*GOOD, *TWINS, *(x for lines in PLANTED.values() for x in lines)]


def rows(frame: "DataFrame") -> list[dict[str, Any]]:
    """Rows as plain data, instants as text in UTC."""
    instants = {n: F.date_format(n, "yyyy-MM-dd HH:mm:ss.SSSSSS") for n, t in frame.dtypes if t == "timestamp"}
    return [row.asDict() for row in frame.withColumns(instants).collect()]


def reasons_of(clean: CleanDay) -> dict[str, int]:
    counts = clean.counts
    reasons: dict[str, int] = counts["excluded"] | counts["quarantined"] | {"other_day": counts["other_days"]}
    return reasons


def pseudonym(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    later = PLANTED["other_day"]
    land(folder, LINES[: -len(later)], run="2026-03-02-12-00-00")
    land(folder, later, run="2026-03-03-12-00-00")
    return folder


@pytest.fixture(scope="module")
def clean(spark: "SparkSession", landing: Path) -> Iterator[CleanDay]:
    with cleaned_day(spark, LandingFolder(landing), DAY.date(), OPTIONS) as day:
        yield day


@pytest.fixture(scope="module")
def events(clean: CleanDay) -> list[dict[str, Any]]:
    return rows(clean.events)


pytestmark = pytest.mark.spark


def test_every_planted_fault_is_counted_under_its_reason(clean: CleanDay) -> None:
    assert {reason: n for reason, n in reasons_of(clean).items() if n} == EXPECTED
    assert clean.counts["lines"] == len(LINES)
    assert clean.counts["events"] == len(GOOD) + 3
    assert clean.counts["late_taken"] == 1
    assert clean.counts["quarantined_share"] == pytest.approx(
        sum(clean.counts["quarantined"].values()) / (len(LINES) - EXPECTED["other_day"]), abs=1e-6
    )


def test_clean_events_have_exactly_the_columns_of_the_schema(clean: CleanDay, events: list[dict[str, Any]]) -> None:
    assert dict(clean.events.dtypes) == SCHEMA
    plain = next(e for e in events if e["ts"] == "2026-03-02 10:00:00.000000")
    assert plain | {"event_id": ""} == {
        "event_id": "", "session": pseudonym("s1"), "visitor": pseudonym("user of s1"), "ts": plain["ts"],
        "collector_ts": plain["ts"], "kind": "page_view", "page": "home", "item": None, "category": None, "price": None,
        "quantity": None, "device": "Mobile", "referrer": "search", "session_index": 3,
    }  # fmt: skip


def test_pseudonyms_are_hmac_sha256(events: list[dict[str, Any]]) -> None:
    sessions = {"s1", "s2", "over midnight", "a day and more", "without end"}
    assert {e["session"] for e in events} == {pseudonym(s) for s in sessions}
    assert {e["visitor"] for e in events} == {pseudonym(f"user of {s}") for s in sessions}


def test_keeps_the_earliest_of_repeated_events(events: list[dict[str, Any]]) -> None:
    twins = [e["collector_ts"] for e in events if "2026-03-02 10:06" <= e["ts"] < "2026-03-02 10:12"]
    assert [at_[11:16] for at_ in sorted(twins)] == ["10:06", "10:09", "10:09"]


def test_sessions_are_sorted_and_each_is_in_one_file(spark: "SparkSession", clean: CleanDay, tmp_path: Path) -> None:
    write_day(clean, *(str(tmp_path / name) for name in ("events", "quarantine", "orders")))
    files = sorted((tmp_path / "events").glob("*.parquet"))
    assert 1 <= len(files) <= OPTIONS.partitions
    homes: dict[str, set[Path]] = {}
    for file in files:
        keys = [(r["session"], r["ts"], r["event_id"]) for r in rows(spark.read.parquet(str(file)))]
        assert keys == sorted(keys)
        for session, *_ in keys:
            homes.setdefault(session, set()).add(file)
    assert all(len(where) == 1 for where in homes.values())


def test_quarantine_identifies_a_line_without_its_content(clean: CleanDay) -> None:
    quarantined = rows(clean.quarantine)
    assert dict(clean.quarantine.dtypes) == QUARANTINE_SCHEMA
    assert Counter(r["reason"] for r in quarantined) == {k: v for k, v in clean.counts["quarantined"].items() if v}
    assert {r["file"] for r in quarantined} == {"run=2026-03-02-12-00-00/part-00000.gz"}
    sizes = Counter(r["line_bytes"] for r in quarantined if r["reason"] == "personal_data")
    assert sizes == Counter(len(x) for x in PLANTED["personal_data"])
    assert {len(r["line_hash"]) for r in quarantined} == {16}
    assert len({r["line_hash"] for r in quarantined}) == len(quarantined)


def test_writes_no_personal_data(clean: CleanDay, tmp_path: Path) -> None:
    write_day(clean, *(str(tmp_path / name) for name in ("events", "quarantine", "orders")))
    planted = [b"planted.example", b"203.0.113.77", b"198.51.100.7", b"anna", b"user of s1", b"over midnight", KEY]
    place = FIELDS.index("event_id")
    texts = [line for line in LINES if isinstance(line, str) and line.count("\t") > place]
    ids = {line.split("\t")[place].encode() for line in texts} - {b""}
    assert len(ids) > 20
    for file in (p for p in tmp_path.rglob("*") if p.is_file()):
        raw = uncompressed(file)
        assert not [text for text in (*planted, *ids) if text in raw], file


def test_events_have_their_number_in_the_session(events: list[dict[str, Any]]) -> None:
    sessions: dict[str, list[str]] = {}
    for event in sorted(events, key=lambda e: (e["session"], e["ts"], e["event_id"])):
        sessions.setdefault(event["session"], []).append(event["event_id"])
    assert all(ids == [f"{n:07d}" for n in range(1, len(ids) + 1)] for ids in sessions.values())
    assert max(map(len, sessions.values())) > 1


def uncompressed(file: Path) -> bytes:
    """A file's bytes, and for parquet its values and statistics in plain."""
    import pyarrow.parquet as pq

    raw = file.read_bytes()
    if file.suffix == ".parquet":
        raw += repr(pq.read_table(file).to_pylist()).encode() + repr(pq.read_metadata(file).to_dict()).encode()
    return raw


def test_query_plans_do_not_contain_the_key(clean: CleanDay) -> None:
    output = StringIO()
    with redirect_stdout(output):
        clean.events.explain("extended")
        clean.events.explain("codegen")
        clean.events.explain("cost")
    execution = clean.events._jdf.queryExecution()
    plan = output.getvalue() + str(execution) + execution.logical().toJSON()
    assert "MapInArrow" in plan
    for secret in (KEY, b64encode(KEY)):
        forms = (secret.hex(), secret.hex().upper(), secret.decode("latin-1"), str(list(secret))[1:-1])
        assert not [form for form in forms if form in plan]


def test_options_do_not_print_the_key() -> None:
    assert KEY.decode() not in repr(OPTIONS)


def test_adjacent_days_count_each_session_once(
    spark: "SparkSession", landing: Path, events: list[dict[str, Any]]
) -> None:
    """The run of the next day counts each session once, including what this day left to it."""
    source = LandingFolder(landing)
    with (
        cleaned_day(spark, source, at(0, -1).date(), OPTIONS) as before,
        cleaned_day(spark, source, at(0, 1).date(), OPTIONS) as after,
    ):
        ids = Counter(
            (e["session"], e["ts"], e["event_id"])
            for day in [events, rows(before.events), rows(after.events)]
            for e in day
        )
        assert max(ids.values()) == 1
        # The day before: the session that began then, with its tail up to 3:00.
        assert before.counts["events"] == 2
        assert {k for k, v in reasons_of(before).items() if v} == {"other_day"}
        # The day after: its bot, one of the twins, its broken line, and what went on past the look-ahead.
        assert after.counts["events"] == 2
        reasons = {k: v for k, v in reasons_of(after).items() if v and k != "other_day"}
        assert reasons == {"bot": 1, "duplicate": 1, "width": 1, "endless": 1}


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), files=st.integers(1, 5))
def test_result_does_not_depend_on_the_order_and_files_of_the_lines(
    spark: "SparkSession",
    tmp_path_factory: pytest.TempPathFactory,
    clean: CleanDay,
    events: list[Any],
    seed: int,
    files: int,
) -> None:
    rng, folder = random.Random(seed), tmp_path_factory.mktemp("shuffled")
    lines = rng.sample(LINES, len(LINES))
    for part in range(files):
        land(folder, lines[part::files], run="2026-03-02-12-00-00", part=part)
    with cleaned_day(spark, LandingFolder(folder), DAY.date(), OPTIONS) as again:
        assert rows(again.events) == events
        assert again.counts == clean.counts | {"files": files}
        assert quarantined_lines(again) == quarantined_lines(clean)


def quarantined_lines(day: CleanDay) -> list[Any]:
    return sorted(day.quarantine.drop("file").collect())


def test_consent_is_optional_by_setting(spark: "SparkSession", landing: Path, clean: CleanDay) -> None:
    options = replace(OPTIONS, consent_required=False)
    with cleaned_day(spark, LandingFolder(landing), DAY.date(), options) as waived:
        assert waived.counts["events"] == clean.counts["events"] + EXPECTED["no_consent"]


def test_a_day_without_usable_events_fails_with_the_reasons(spark: "SparkSession", tmp_path: Path) -> None:
    land(tmp_path, [*PLANTED["bot"], *PLANTED["width"], line("tomorrow", at(30))], run="2026-03-02-12-00-00")
    adaptive = spark.conf.get("spark.sql.adaptive.enabled")
    with pytest.raises(
        NoEventsError, match=r"none among 7 lines \(1 of other days, 2 bot, 4 width; 2 with 1 columns, 1 with 126"
    ):
        clean_without_result(spark, tmp_path)
    assert spark.conf.get("spark.sql.adaptive.enabled") == adaptive
    land(tmp_path, [], run="2026-03-02-12-00-00").write_bytes(b"")
    with pytest.raises(NoEventsError, match="empty files"):
        clean_without_result(spark, tmp_path)


def clean_without_result(spark: "SparkSession", landing: Path) -> None:
    with cleaned_day(spark, LandingFolder(landing), DAY.date(), OPTIONS):
        pass


def test_rejects_counts_that_do_not_add_up() -> None:
    kept = {"events": 5, "added": 1, "late_taken": 0, "quarantined_bytes": 0, "widths": {}, "currencies": {}}
    counts = balance(kept, Counts(Counter({0: 10}), Counter({0: 900}), Counter({0: 6})))
    require_balance(counts | {"day": "2026-03-02"})
    with pytest.raises(BalanceError, match="10 in, 11 out"):
        require_balance(counts | {"day": "2026-03-02", "other_days": 7})
