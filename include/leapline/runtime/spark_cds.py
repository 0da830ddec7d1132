"""The options of a Spark driver's JVM, and the archive of Spark's classes that lets it start sooner.

    python -m leapline.runtime.spark_cds FILE

Most of the seconds that a driver takes to start go into finding and checking the same twelve thousand classes. A JVM
can write them into an archive once and map it afterwards (JEP 350: Dynamic CDS Archives). One whose version or jars are
others leaves the archive alone and starts as it would without.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import LocalServiceError
from leapline.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPTIONS: Final = "spark.driver.defaultJavaOptions"
"""Which Spark puts before the extra ones of a site's own configuration instead of in their place."""
ARCHIVE: Final = "spark.jsa"
FEW_EVENTS: Final = "-XX:TieredStopAtLevel=1"
"""For days of some 100,000 events and fewer, which are done before the time that goes into optimising code comes back.
At a million a day it doubles the time."""

# That an archive does not fit is no news to whoever waits for a model.
_QUIET: Final = "-Xlog:cds=off -Xlog:cds+dynamic=off"


def driver_options(settings: Settings) -> str:
    """JVM options for a driver on this machine: the archive of `make setup`, where there is one, and the site's own."""
    archive = settings.tools.absolute() / ARCHIVE
    shared = f"-XX:SharedArchiveFile={archive} {_QUIET}" if archive.exists() and " " not in str(archive) else ""
    return f"{shared} {settings.spark_driver_options}".strip()


def quiet_options() -> str:
    """JVM options for a step by hand: errors are told, and not how Spark starts."""
    file = Path(__file__).with_name("log4j2.properties")
    return "" if " " in str(file) else f"-Dlog4j2.configurationFile=file:{file}"


def stay_here() -> None:
    """Spark's own environment: this interpreter and loopback, unless somebody said otherwise."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")


def write_archive(file: Path) -> None:
    """Run a little of everything that a night does in Spark, and keep the classes that it took; replaces the file.

    Raises:
        LocalServiceError: the JVM wrote none.
    """
    stay_here()
    from pyspark.sql import SparkSession

    made = file.with_suffix(".tmp").absolute()
    made.unlink(missing_ok=True)
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config(OPTIONS, f"-XX:ArchiveClassesAtExit={made} {_QUIET}").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    jvm = spark.sparkContext._gateway.proc  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory(prefix="leapline-classes-") as work:
        _exercise(spark, Path(work))
        spark.stop()
    # The JVM ends when its input does, and writes the archive then.
    jvm.stdin.close()
    if jvm.wait() or not made.exists():
        raise LocalServiceError(
            str(file), found=f"no archive, and exit status {jvm.returncode}", expected="an archive of Spark's classes",
            fix="Make room on the disk (about 200 MB), then run `make setup` again.",
        )  # fmt: skip
    made.replace(file)


def _exercise(spark: "SparkSession", work: Path) -> None:
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import StringIndexer, VectorAssembler

    lines = [f'{n}\t2026-03-0{1 + n % 2} 10:00:{n % 60:02}\tk{n % 3}\t{{"data":[{{"v":"{n}"}}]}}' for n in range(200)]
    (work / "lines.txt").write_text("\n".join(lines))
    split = spark.read.text(str(work / "lines.txt")).selectExpr("split(value, '\\t') AS f", "xxhash64(value) AS hash")
    events = split.selectExpr(
        "f[0] AS id", "try_cast(f[1] || 'Z' AS timestamp) AS ts", "f[2] AS kind", "CAST(f[0] AS int) % 20 AS session",
        "from_json(f[3], 'data array<struct<v:string>>').data AS found", "sha2(f[0], 256) AS secret", "hash",
    )  # fmt: skip
    events.selectExpr(
        "*", "row_number() OVER (PARTITION BY session ORDER BY ts, id) AS nth", "exists(found, e -> e.v = '1') AS one"
    ).repartition(2, "session").write.parquet(str(work / "events"))
    sessions = (
        spark.read.parquet(str(work / "events"))
        .groupBy("session", "kind")
        .agg({"nth": "max", "id": "approx_count_distinct", "ts": "min", "hash": "avg"})
    )
    rows = sessions.selectExpr("kind", "CAST(`max(nth)` AS double) AS x", "CAST(session % 2 AS double) AS label")
    stages: list[Any] = [
        StringIndexer(inputCol="kind", outputCol="k"),
        VectorAssembler(inputCols=["k", "x"], outputCol="features"),
        RandomForestClassifier(numTrees=2, maxDepth=2, seed=1),
    ]
    model = Pipeline(stages=stages).fit(rows)
    model.save(str(work / "model"))
    model.transform(rows).select("probability").toPandas()


def main() -> None:
    """Write the archive."""
    parser = argparse.ArgumentParser(prog="leapline.runtime.spark_cds", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="where the archive goes")
    write_archive(parser.parse_args().file)


if __name__ == "__main__":
    main()
