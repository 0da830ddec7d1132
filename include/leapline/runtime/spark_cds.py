"""JVM options of the Spark driver, and the class-data-sharing (CDS) archive that shortens its start.

    python -m leapline.runtime.spark_cds FILE

A driver spends most of its start loading and verifying the same 12,000 classes. A JVM can write them to an archive once
and map it at later starts (JEP 350: Dynamic CDS Archives). A JVM of another version, or with other jars, ignores the
archive and starts as it would without one.
"""

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import LocalServiceError
from leapline.runtime.spark_master import choose_driver_address
from leapline.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPTIONS: Final = "spark.driver.defaultJavaOptions"
"""The Spark option for default JVM options: Spark adds them to `extraJavaOptions`, which stay free for the site."""
ARCHIVE: Final = "spark.jsa"
FEW_EVENTS: Final = "-XX:TieredStopAtLevel=1"
"""JVM option for days of up to about 100,000 events: the optimising compiler takes longer than it saves there. With a
million events per day this option doubles the duration."""

# With the first compiler alone the JVM reserves 48 MB for compiled code. Spark's generated code fills that within
# minutes, and the JVM then discards and compiles the same methods again and again.
_CODE_CACHE: Final = "-XX:ReservedCodeCacheSize=512m"
# Do not log that an archive does not match this JVM.
_QUIET: Final = "-Xlog:cds=off -Xlog:cds+dynamic=off"


def driver_options(settings: Settings) -> str:
    """Return the JVM options of a driver on this machine: the CDS archive, if there is one, the size of the code cache
    and, last, the site's options, which win."""
    archive = settings.tools.absolute() / ARCHIVE
    shared = f"{quote_option(f'-XX:SharedArchiveFile={archive}')} {_QUIET}" if archive.exists() else ""
    return f"{shared} {_CODE_CACHE} {settings.spark_driver_options}".strip()


def quiet_options() -> str:
    """Return the JVM options that make Spark log errors only; none if the site has its own logging configuration."""
    site = Path(os.environ.get("SPARK_CONF_DIR", "")) / "log4j2.properties"
    if os.environ.get("SPARK_CONF_DIR") and site.exists():
        return ""
    return quote_option(f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties').as_uri()}")


def quote_option(option: str) -> str:
    """Return a JVM option in the form that Spark's launcher splits at spaces: quoted, with quotes escaped."""
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if re.search(r"[\s'\"\\]", option) else option


def write_archive(file: Path) -> None:
    """Run a small sample of what the steps do in Spark and write the classes it loaded to `file`, replacing it.

    Raises:
        LocalServiceError: the JVM did not write an archive.
    """
    choose_driver_address("local")
    os.environ["PYSPARK_PYTHON"] = sys.executable  # The user's may be another one, without PyArrow.
    from pyspark.sql import SparkSession

    temporary = file.with_suffix(".tmp").absolute()
    temporary.unlink(missing_ok=True)
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config(OPTIONS, f"{quote_option(f'-XX:ArchiveClassesAtExit={temporary}')} {_QUIET}").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    jvm = spark.sparkContext._gateway.proc  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory(prefix="leapline-classes-") as work:
        _exercise(spark, Path(work))
        spark.stop()
    # The JVM exits when its standard input is closed, and writes the archive at exit.
    jvm.stdin.close()
    if jvm.wait() or not temporary.exists():
        raise LocalServiceError(
            str(file), found=f"no archive; exit status {jvm.returncode}", expected="a CDS archive of Spark's classes",
            fix="Free about 200 MB of disk space, then run `make setup` again.",
        )  # fmt: skip
    temporary.replace(file)


def _exercise(spark: "SparkSession", work: Path) -> None:
    """Exchange, keep and write rows that Python has looked at, then fit, save, load and use a forest."""
    import pyarrow as pa
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import StringIndexer, VectorAssembler
    from pyspark.sql.functions import broadcast, expr
    from pyspark.storagelevel import StorageLevel

    columns = ("n % 4 AS bucket", "'s' || n % 20 AS session", "now() AS ts", "n", "0.5D AS x", "'ab' AS states")
    rows = spark.createDataFrame(pa.table({"n": list(range(200))})).selectExpr(*columns)
    schema = "bucket bigint, session string, ts timestamp, n bigint, x double, states string"
    read = rows.mapInArrow(lambda batches: batches, schema)
    exchanged = read.repartitionById(2, expr("bucket div 2").cast("int")).sortWithinPartitions("bucket")
    kept = exchanged.mapInArrow(lambda batches: batches, schema).persist(StorageLevel.DISK_ONLY)
    first = "row_number() OVER (PARTITION BY session ORDER BY ts, n) = 1"
    sessions = kept.where("bucket IN (0, 1)").selectExpr("session", f"{first} AS first").where("first")
    kept.join(broadcast(sessions), "session", "left").write.parquet(str(work / "events"))
    kept.unpersist()
    events = spark.read.parquet(str(work / "events"))
    letters = "explode(transform(sequence(1, 2), i -> substr(states, i, 1))) AS letter"
    events.selectExpr(letters).groupBy("letter").count().collect()
    others = events.join(broadcast(sessions), "session", "left_anti")
    computed = ("CAST(n % 2 AS double) AS label", "1D + n % 2 AS weight", "xxhash64(session) AS hash")
    examples = others.selectExpr("session", "n", "x", "states", *computed)
    ordered = examples.repartition(2, "session").sortWithinPartitions("session").cache()
    ordered.selectExpr("count_if(label = 1)", "bit_xor(hash)", "percentile_disc(0.5) WITHIN GROUP (ORDER BY n)").head()
    stages: list[Any] = [
        StringIndexer(inputCols=["states"], outputCols=["k"], handleInvalid="keep"),
        VectorAssembler(inputCols=["k", "x", "n"], outputCol="features"),
        RandomForestClassifier(numTrees=2, maxDepth=2, seed=1, weightCol="weight", cacheNodeIds=True),
    ]
    Pipeline(stages=stages).fit(ordered).save(str(work / "model"))
    PipelineModel.load(str(work / "model")).transform(ordered).select("session", "probability").toPandas()


def main() -> None:
    """Write the archive."""
    parser = argparse.ArgumentParser(prog="leapline.runtime.spark_cds", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="the archive to write")
    write_archive(parser.parse_args().file)


if __name__ == "__main__":
    main()
