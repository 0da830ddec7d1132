"""The event source of an installation."""

from typing import TYPE_CHECKING, Literal, cast

from leapline.errors import SettingsError
from leapline.settings import Settings
from leapline.snowplow.enriched import FIELDS
from leapline.sources.landed.landing import Landing, LandingFolder
from leapline.sources.landed.layout import compile_pattern
from leapline.sources.source import EventReads, EventSource
from leapline.storage import LocalStore
from leapline.storage.factory import lake_of, store_at
from leapline.storage.s3 import boto3_session, region_of_environment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def source_from(
    settings: Settings, reads: EventReads | None = None, spark: "SparkSession | None" = None
) -> EventSource:
    """Return the source that the settings name: a table, the landing buckets, or the landing folder.

    Args:
        settings: of the installation.
        reads: what is read of an event; None for all columns. Files always have all.
        spark: a session, with which a Delta or Iceberg table is listed; None before Spark starts.

    Raises:
        SettingsError: the landing pattern is malformed, or the region of a database is missing.
    """
    columns = reads.columns if reads else None
    if settings.source in ("delta", "iceberg"):
        return _lake_table(settings, reads or EventReads(frozenset(FIELDS)), spark)
    if settings.source != "landing":
        database = _redshift if settings.source.startswith("redshift") else _postgresql
        return database(settings, columns)
    pattern = settings.landing_pattern
    try:
        layout = compile_pattern(pattern) if pattern else None
    except ValueError as exc:
        raise SettingsError(
            "setting landing_pattern (LEAPLINE_LANDING_PATTERN)",
            found=repr(pattern),
            expected=str(exc),
            fix="Correct it, for example to `events/{yyyy}{MM}{dd}/*`.",
        ) from exc
    if settings.landing_buckets:
        scratch = lake_of(settings).store
        return Landing([store_at(address, settings) for address in settings.landing_buckets], layout, scratch)
    return LandingFolder(settings.landing_dir, layout, store_at(settings.home, settings))


def _redshift(settings: Settings, columns: frozenset[str] | None) -> EventSource:
    from leapline.sources.redshift.source import RedshiftOptions, RedshiftSource

    options = RedshiftOptions(
        settings.source,
        settings.source_table,
        settings.source_role,
        settings.s3_region,
        settings.incomplete_day == "fail",
    )
    region = settings.s3_region or region_of_environment()
    if not region:
        raise SettingsError(
            "setting s3_region (LEAPLINE_S3_REGION)",
            found="no region, and none in AWS_REGION or the profile",
            expected="the region of the database and of the lake's bucket",
            fix="Set one of them.",
        )
    client = boto3_session().client("redshift-data", region_name=region)
    return RedshiftSource(options, columns, lake_of(settings).store, client)


def _postgresql(settings: Settings, columns: frozenset[str] | None) -> EventSource:
    from leapline.sources.postgresql.session import require_address
    from leapline.sources.postgresql.source import PostgresqlOptions, PostgresqlSource

    require_address(settings.source)
    options = PostgresqlOptions(
        settings.source, settings.source_table, settings.source_sessions, settings.incomplete_day == "fail"
    )
    return PostgresqlSource(options, columns, lake_of(settings).store, LocalStore(settings.home))


def _lake_table(settings: Settings, reads: EventReads, spark: "SparkSession | None") -> EventSource:
    from leapline.sources.lake.formats import TableAddress
    from leapline.sources.lake.source import LakeTable

    table = settings.source_table
    place = settings.source_table_place
    store = store_at(place, settings) if place else None
    address = TableAddress(cast(Literal["delta", "iceberg"], settings.source), table, store)
    return LakeTable(address, reads, spark, settings.incomplete_day == "fail")
