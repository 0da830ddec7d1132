"""An events table in PostgreSQL passes the contract of event sources, and each obstacle has one message."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

from leapline.errors import (
    BalanceError,
    IncompleteDayError,
    LeaplineError,
    NoEventsError,
    SourceError,
    SourceUnusableError,
)
from leapline.settings import Settings
from leapline.snowplow.enriched import FIELDS
from leapline.sources.factory import source_from
from leapline.sources.postgresql.export import Export
from leapline.sources.postgresql.table import EventTable
from leapline.sources.source import EventReads, EventSource, Listing
from leapline.sources.tables.export_folder import FOLDER
from tests.conftest import ROOT
from tests.events.lines import line
from tests.fakes.postgres import JSON, PASSWORD, WITHOUT_JSON, create_table, load
from tests.sources.contract import OPTIONS, WINDOW, LineSourceContract, at, landed_lines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Connection = psycopg.Connection[Any]
NEEDED = OPTIONS.reads.columns


def source_at(home: Path, reads: EventReads | None = None, **settings: Any) -> EventSource:
    values = {"source": "postgresql://", "home": home, "incomplete_day": "warn"} | settings
    return source_from(Settings.load(**values), reads)


class TestAtomicEvents(LineSourceContract):
    """131 columns with an index on the time of arrival."""

    days_present = "rows from 2026-03-12 to 2026-03-13"
    missing_error = SourceUnusableError
    types: Mapping[str, str] = {}

    @pytest.fixture(autouse=True)
    def _database(self, database: Connection) -> None:
        self.database = database

    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        create_table(self.database, types=dict(self.types))
        load(self.database, (text for lines in batches.values() for text in lines))
        self.database.execute("CREATE INDEX ON atomic.events (collector_tstamp)")
        return source_at(store)

    def missing(self, store: Path) -> EventSource:
        return source_at(store)


@pytest.mark.spark
def test_times_with_a_zone_and_other_json_types_are_read_in_utc(
    spark: "SparkSession", database: Connection, tmp_path: Path
) -> None:
    zoned = {name: "timestamptz" for name in FIELDS if name.endswith("_tstamp")} | dict.fromkeys(JSON, "text")
    create_table(database, types=zoned)
    text = line("a", at(2, 23), dvce_ismobile="1", derived_tstamp="2026-03-02 22:59:59.123456", ti_price="9.90")
    database.execute("SET TimeZone = 'UTC'")
    load(database, [text])
    assert read(spark, source_at(tmp_path)) == {text}


@pytest.mark.spark
def test_only_needed_columns_of_the_day_leave_the_database(
    spark: "SparkSession", database: Connection, tmp_path: Path
) -> None:
    create_table(database)
    texts = [
        line("a", at(2), useragent="Mozilla"),
        line("b", at(4), collected=at(4)),
        line("c", at(2), collected=at(4)),
    ]
    load(database, texts)
    needed = [field for field in FIELDS if field not in OPTIONS.reads.columns]
    assert {"useragent", "user_ipaddress", "user_id"} <= set(needed)
    expected = {line(name, at(2), collected=when, **dict.fromkeys(needed, "")) for name, when in
                (("a", at(2)), ("c", at(4)))}  # fmt: skip
    assert read(spark, source_at(tmp_path, OPTIONS.reads)) == expected


def test_exported_lines_of_a_generated_day_are_those_of_the_files(
    database: Connection, tmp_path: Path, generated_events: Path
) -> None:
    create_table(database)
    lines = [text for batch in landed_lines(generated_events).values() for text in batch]
    load(database, lines)
    slices = source_at(tmp_path, OPTIONS.reads).list_day(WINDOW).slices
    results = Export("postgresql://", EventTable("table", "atomic.events"), OPTIONS.reads.columns, tmp_path).run(
        slices, 3
    )
    exported = [text for result in results if result.rows for text in read_zstd(result.path)]
    assert Counter(exported) == Counter(only_needed(text) for text in lines if belongs_to_day(text))


def only_needed(text: str) -> str:
    """Return a line without the columns that cleaning does not read, and with the decimals of the table."""
    values = dict(zip(FIELDS, text.split("\t"), strict=True))
    for name in ("tr_total", "ti_price", "tr_total_base", "ti_price_base"):
        values[name] = values[name] and f"{float(values[name]):.2f}"
    return "\t".join(value if name in NEEDED else "" for name, value in values.items())


def belongs_to_day(text: str) -> bool:
    values = dict(zip(FIELDS, text.split("\t"), strict=True))
    arrival = values["collector_tstamp"]
    happened = values["derived_tstamp"] or arrival
    in_time = "2026-03-01 20:00" <= arrival < "2026-03-06 04:00"
    return in_time and ("2026-03-01 21:00" <= happened < "2026-03-03 03:00" or arrival[:10] == "2026-03-02")


def read_zstd(path: Path) -> list[str]:
    with pa.input_stream(path) as file:
        return str(file.read().decode()).split("\n")[:-1]


@pytest.mark.spark
def test_table_without_json_columns_is_read_with_a_warning(
    spark: "SparkSession", database: Connection, tmp_path: Path
) -> None:
    create_table(database, columns=WITHOUT_JSON)
    load(database, [line("a", at(2))], columns=WITHOUT_JSON)
    source = source_at(tmp_path)
    assert "has no contexts, unstruct_event, derived_contexts: entities" in source.list_day(WINDOW).warnings[0]
    assert read(spark, source) == {line("a", at(2), contexts="")}


def test_documented_view_adds_entities_to_a_table_without_json_columns(database: Connection, tmp_path: Path) -> None:
    create_table(database, columns=WITHOUT_JSON)
    load(database, [line("a", at(2)), line("b", at(2))], columns=WITHOUT_JSON)
    database.execute(
        "CREATE TABLE atomic.com_snowplowanalytics_snowplow_gdpr_1 AS SELECT event_id AS root_id, "
        "collector_tstamp AS root_tstamp, 'consent' AS basis_for_processing FROM atomic.events LIMIT 1"
    )
    page = (ROOT / "docs/sources.md").read_text()
    database.execute(page[page.index("    CREATE VIEW") : page.index("FROM atomic.events;") + 18])
    source = source_at(tmp_path, source_table="atomic.events_with_entities")
    listing = source.list_day(WINDOW)
    assert "has no" not in warnings(listing)
    table = EventTable("a view", "atomic.events_with_entities")
    Export("postgresql://", table, OPTIONS.reads.columns, tmp_path).run(listing.slices, sessions=2)
    (path,) = tmp_path.glob("*.zst")
    rows = read_zstd(path)
    entities = [json.loads(row.split("\t")[FIELDS.index("contexts")])["data"] for row in rows]
    assert sorted(map(len, entities)) == [0, 1]
    assert {"basisForProcessing": "consent"} in [entity["data"] for found in entities for entity in found]


@pytest.mark.spark
def test_export_is_counted_and_removed(spark: "SparkSession", database: Connection, tmp_path: Path) -> None:
    create_table(database)
    load(database, [line(f"{n}", at(2, n)) for n in range(9)])
    source = source_at(tmp_path)
    slices = source.list_day(WINDOW).slices
    with closing(source):
        rows = source.read(spark, slices).collect()
        assert len(list((tmp_path / FOLDER).rglob("*.zst"))) == 9
        lines = [sum(row["slice"] == number for row in rows) for number in range(len(slices))]
        source.require_unchanged(slices, lines)
        with pytest.raises(BalanceError, match="0 lines read; expected 1, as many as were exported") as error:
            source.require_unchanged(slices, [0] * len(slices))
    assert error.value.retriable
    assert list((tmp_path / FOLDER).iterdir()) == []


@pytest.mark.spark
def test_export_for_a_lake_in_a_bucket_is_in_the_bucket(
    s3_spark: "SparkSession", s3_bucket: str, database: Connection, tmp_path: Path
) -> None:
    create_table(database)
    load(database, [line("a", at(2))])
    source = source_at(tmp_path, lake=f"s3://{s3_bucket}/lake")
    assert read(s3_spark, source) == {line("a", at(2))}
    assert not list(tmp_path.rglob("*.zst"))


def read(spark: "SparkSession", source: EventSource) -> set[str]:
    with closing(source):
        return {row["line"] for row in source.read(spark, source.list_day(WINDOW).slices).collect()}


def test_incomplete_day_is_refused_unless_a_setting_allows_it(database: Connection, tmp_path: Path) -> None:
    create_table(database)
    load(database, [line("a", at(2, 14))])
    with pytest.raises(IncompleteDayError, match="the newest event is of 2026-03-02 14:00:00 UTC; expected") as error:
        source_at(tmp_path, incomplete_day="fail").list_day(WINDOW)
    assert error.value.retriable
    assert "may be missing: the newest event is of 2026-03-02 14:00" in warnings(source_at(tmp_path).list_day(WINDOW))
    load(database, [line("b", at(3, 2))])
    assert not source_at(tmp_path, incomplete_day="fail").list_day(WINDOW).warnings


def test_late_events_of_the_next_day_are_no_day(database: Connection, tmp_path: Path) -> None:
    create_table(database)
    load(database, [line("a", at(2, 23), collected=at(3, 1))])
    with pytest.raises(NoEventsError, match="rows from 2026-03-03 to 2026-03-03; expected rows whose collector_tstamp"):
        source_at(tmp_path).list_day(WINDOW)


def warnings(listing: Listing) -> str:
    return " ".join(listing.warnings)


def test_table_without_index_is_reported_with_the_index_to_create(database: Connection, tmp_path: Path) -> None:
    create_table(database, columns=WITHOUT_JSON, suffix="WITH (fillfactor = 10)")
    database.execute(
        "INSERT INTO atomic.events (collector_tstamp, event_id) "
        "SELECT timestamp '2026-01-01' + n * interval '2 minutes', n FROM generate_series(1, 90000) n"
    )
    database.execute("ANALYZE atomic.events")
    narrow = replace(OPTIONS.window(WINDOW.day), days_late=0)
    listing = source_at(tmp_path).list_day(narrow)
    assert "GB completely to find a day: CREATE INDEX CONCURRENTLY ON atomic.events" in warnings(listing)
    assert len(listing.slices) < 9
    database.execute("CREATE INDEX ON atomic.events (collector_tstamp)")
    listing = source_at(tmp_path).list_day(narrow)
    assert "CREATE INDEX" not in warnings(listing)
    assert len(listing.slices) > 24


def test_only_the_partitions_of_the_day_are_read(database: Connection, tmp_path: Path) -> None:
    create_table(database, suffix="PARTITION BY RANGE (collector_tstamp)")
    database.execute("CREATE FOREIGN DATA WRAPPER broken; CREATE SERVER broken FOREIGN DATA WRAPPER broken")
    for day in range(1, 9):
        # Every query that would read a foreign table without a handler is an error.
        kind, server = ("TABLE", "") if day in (1, 2, 3) else ("FOREIGN TABLE", "SERVER broken")
        database.execute(
            f"CREATE {kind} atomic.events_{day} PARTITION OF atomic.events "
            f"FOR VALUES FROM ('2026-03-{day:02}') TO ('2026-03-{day + 1:02}') {server}"
        )
    load(database, [line(f"{day}", at(day)) for day in (1, 2, 3)])
    slices = source_at(tmp_path).list_day(replace(WINDOW, days_late=0)).slices
    table = EventTable("a table", "atomic.events")
    results = Export("postgresql://", table, OPTIONS.reads.columns, tmp_path).run(slices, sessions=2)
    assert sum(result.rows for result in results) == 1
    with pytest.raises(SourceError, match="has no handler"):
        source_at(tmp_path).list_day(WINDOW)


@pytest.fixture
def reader(database: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """The database, with a table, and a login of a user without any rights."""
    create_table(database)
    load(database, [line("a", at(2))])
    database.execute("DROP ROLE IF EXISTS reader")
    database.execute("CREATE ROLE reader LOGIN PASSWORD 'secret of reader'")
    monkeypatch.setenv("PGUSER", "reader")
    monkeypatch.setenv("PGPASSWORD", "secret of reader")
    yield database
    database.execute("DROP OWNED BY reader; DROP ROLE reader")


def test_missing_grants_are_named_one_after_the_other(reader: Connection, tmp_path: Path) -> None:
    with pytest.raises(SourceUnusableError, match="GRANT USAGE ON SCHEMA atomic TO reader;"):
        source_at(tmp_path).list_day(WINDOW)
    reader.execute("GRANT USAGE ON SCHEMA atomic TO reader; GRANT SELECT (collector_tstamp) ON atomic.events TO reader")
    with pytest.raises(SourceUnusableError, match="no right to read app_id.* GRANT SELECT ON atomic.events TO reader;"):
        source_at(tmp_path).list_day(WINDOW)
    reader.execute("GRANT SELECT ON atomic.events TO reader")
    assert source_at(tmp_path).list_day(WINDOW).slices


def test_row_security_that_would_hide_events_is_an_error(reader: Connection, tmp_path: Path) -> None:
    reader.execute("GRANT USAGE ON SCHEMA atomic TO reader; GRANT SELECT ON atomic.events TO reader")
    reader.execute("ALTER TABLE atomic.events ENABLE ROW LEVEL SECURITY")
    reader.execute("CREATE POLICY app ON atomic.events FOR SELECT TO reader USING (app_id = 'another')")
    with pytest.raises(SourceUnusableError, match="row-level security policy"):
        source_at(tmp_path).list_day(WINDOW)


@pytest.mark.parametrize(
    ("environment", "settings", "message", "retriable"),
    [
        ({"PGPASSWORD": "wrong"}, {}, "found a login that the server rejects; .*Set PGUSER and PGPASSWORD", False),
        ({"PGPASSWORD": ""}, {}, "found no password", False),
        ({"PGDATABASE": "nowhere"}, {}, "found no database nowhere", False),
        ({"PGPORT": "1"}, {}, "found no server at this address", True),
        ({"PGHOST": "nowhere.invalid"}, {}, "found an unknown host name", False),
        ({"PGSERVICE": "nowhere"}, {}, "found no service nowhere; .*Correct PGSERVICE", False),
        ({"PGSSLMODE": "verify-full"}, {}, "found no file of certificate authorities; .*PGSSLROOTCERT", False),
        ({}, {"source_table": "atomic.clicks"}, "found no such table; .* one of atomic.events, atomic.narrow", False),
        ({}, {"source_table": "warehouse.events"}, "found no schema warehouse; .* one of atomic.events", False),
        ({}, {"source_table": "atomic.retyped"}, "found collector_tstamp of type text; expected", False),
        ({}, {"source_table": "atomic.narrow"}, "found no column app_id, platform.* and 121 more", False),
    ],
)
def test_obstacle_is_named_before_spark_starts(
    environment: dict[str, str], settings: dict[str, str], message: str, retriable: bool,
    database: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    create_table(database)
    create_table(database, "atomic.narrow", columns=["event_id", "collector_tstamp"])
    create_table(database, "atomic.retyped", types={"collector_tstamp": "text"})
    for name, value in ({"HOME": str(tmp_path)} | environment).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SourceError, match=message) as error:
        source_at(tmp_path / "lake", **settings).list_day(WINDOW)
    assert error.value.retriable is retriable
    assert PASSWORD not in str(error.value)
    assert not (tmp_path / "lake").exists()


def test_certificate_of_another_authority_is_named(
    database: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    monkeypatch.setenv("PGSSLMODE", "verify-ca")
    monkeypatch.setenv("PGSSLROOTCERT", certifi.where())
    with pytest.raises(SourceUnusableError, match="certificate of an unknown authority"):
        source_at(tmp_path).list_day(WINDOW)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:topsecret@host/db",
        "postgresql://u:topsecret?x@host/db",
        "postgresql://u:topsecret/x@host/db",
        "postgresql://u:topsecret#x@host/db",
        "postgresql://host/db?password=topsecret",
        "postgresql://host/db?sslpassword=topsecret",
        "u:topsecret@host/db",
        "host=db password=topsecret",
    ],
)
def test_password_in_the_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(
        LeaplineError, match="setting source .*(an address without a password|landing, postgresql)"
    ) as error:
        Settings.load(source=address)
    assert "topsecret" not in str(error.value)


@pytest.mark.parametrize("address", ["landings", "mysql://host/db", "host:5432/db", "redshift://cluster"])
def test_unknown_source_is_refused(address: str) -> None:
    with pytest.raises(
        LeaplineError, match="expected landing, postgresql://host:port/name, redshift.*delta or iceberg"
    ):
        Settings.load(source=address)
