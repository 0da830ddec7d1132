"""Spark's options for events in Delta and Iceberg tables."""

from typing import Final

from leapline.settings import Settings

_OPTIONS: Final[dict[str, dict[str, str]]] = {
    "delta": {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # The state of a table is computed by as many tasks; 50 by default.
        "spark.databricks.delta.snapshotPartitions": "4",
    },
    # The loader's metadata contains addresses s3://..., which Hadoop's connector otherwise does not answer for.
    "iceberg": {"spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem"},
}


def table_options(settings: Settings) -> dict[str, str]:
    """Return Spark's options for the table of the events; none for other sources."""
    return _OPTIONS.get(settings.source, {})
